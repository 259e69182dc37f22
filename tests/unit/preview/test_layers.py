"""Which stacks an environment consists of, as the files say it."""

from __future__ import annotations

from pathlib import Path

import pytest
from stanchion_cli.errors import InputError
from stanchion_cli.preview.config import Project, load_project
from stanchion_cli.preview.layers import built_on, environment_of, from_the_top, holder, stacks_of

FILES = {
    "dev": "stanchion:profile: dev",
    "prod": "stanchion:profile: prod\n  stanchion:layers: [foundation]",
    "a-platform": "stanchion:baseStack: prod\n  stanchion:layers: [platform]",
    "b-services": "stanchion:baseStack: a-platform\n  stanchion:layers: [services]",
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "Pulumi.yaml").write_text("name: stanchion\nruntime: python\n")
    for name, config in FILES.items():
        (tmp_path / f"Pulumi.{name}.yaml").write_text(f"config:\n  {config}\n")
    return load_project(tmp_path)


def test_a_stack_is_of_the_environment_at_the_end_of_its_chain(project: Project) -> None:
    assert [environment_of(project, name) for name in FILES] == ["dev", "prod", "prod", "prod"]


def test_only_what_names_a_stack_is_built_on_it(project: Project) -> None:
    assert built_on(project, "prod") == ["a-platform"]
    assert built_on(project, "b-services") == []


def test_what_is_on_top_comes_first(project: Project) -> None:
    ordered = from_the_top(project)
    assert sorted(ordered) == sorted(FILES)
    assert [name for name in ordered if name != "dev"] == ["b-services", "a-platform", "prod"]


def test_the_stacks_of_an_environment_are_in_the_order_in_which_they_are_built(
    project: Project,
) -> None:
    assert stacks_of(project, "prod") == ["prod", "a-platform", "b-services"]
    assert stacks_of(project, "dev") == ["dev"]


@pytest.mark.parametrize("named", ["prod", "a-platform", "b-services"])
def test_a_layer_is_found_from_any_stack_of_its_environment(project: Project, named: str) -> None:
    found = [holder(project, named, layer) for layer in ("foundation", "platform", "services")]
    assert found == ["prod", "a-platform", "b-services"]
    assert holder(project, "dev", "services") == "dev"


def test_a_layer_that_no_stack_holds_is_told_with_where_to_add_it(project: Project) -> None:
    (project.root / "Pulumi.b-services.yaml").unlink()
    with pytest.raises(InputError, match=r"no stack of prod holds the layer services; add it"):
        holder(project, "prod", "services")


def test_a_damaged_file_of_another_environment_is_in_nobodys_way(project: Project) -> None:
    (project.root / "Pulumi.bad.yaml").write_text("config: [")
    (project.root / "Pulumi.odd.yaml").write_text("config:\n  stanchion:layers: services\n")
    assert holder(project, "prod", "services") == "b-services"
    assert "bad" in from_the_top(project)
    with pytest.raises(InputError, match=r"Pulumi\.bad\.yaml"):
        environment_of(project, "bad")
