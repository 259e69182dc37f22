"""Service files of every kind in one folder: what only their names and places can get wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from environment import from_pulumi_config
from service_files import load_service_files
from service_lock import load_lock
from serving import load_declared
from unit.stacks.bad_files import ENVIRONMENT, ROOT, SERVICE
from unit.stacks.examples import environment
from validation import InvalidFileError

# As keys of services look; none of them is one.
KEYS = [
    "sk-proj-0a1b2c3d4e5f6a7b8c9d",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "hf_abcdefghij0123456789abcdefghij",
    "xoxb-123456789012-abcdefghijkl",
    "AKIA0123456789ABCDEF",
    "https://team:hunter2@hooks.example.com/1",
]


def _told(folder: Path, environment: str = "local") -> str:
    with pytest.raises(InvalidFileError) as caught:
        load_service_files(folder, environment)
    return "\n".join(caught.value.problems)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where services are, beside the files of two environments."""
    (tmp_path / "services").mkdir()
    for name in ("local", "prod-aws"):
        (tmp_path / f"Pulumi.{name}.yaml").write_text(ENVIRONMENT)
    return tmp_path / "services"


def test_an_environment_that_is_misspelt_is_refused_with_the_nearest(folder: Path) -> None:
    (folder / "wine.yaml").write_text(f"{SERVICE}environments: [local, prod-asw]\n")
    assert _told(folder) == (
        "wine.yaml: environments[1]: 'prod-asw' is no environment, for there is no "
        "stacks/Pulumi.prod-asw.yaml; write prod-aws"
    )


def test_a_service_of_no_environment_is_refused(folder: Path) -> None:
    (folder / "wine.yaml").write_text(f"{SERVICE}environments: []\n")
    assert _told(folder).startswith("wine.yaml: environments: is empty; ")


def test_a_wrong_item_does_not_make_its_list_an_empty_one(folder: Path) -> None:
    (folder / "wine.yaml").write_text(f"{SERVICE}environments: [3]\n")
    assert _told(folder) == "wine.yaml: environments[0]: 3 has the wrong type; write text"


def test_a_file_whose_name_would_hide_it_is_refused(folder: Path) -> None:
    (folder / "wine.yml").write_text(SERVICE)
    assert _told(folder).startswith("wine.yml: is not read, ")


@pytest.mark.parametrize("suffix", ["-canary", "-shadow", "-activator", "-replicas", "-preview"])
def test_a_service_has_not_the_name_of_what_another_makes_beside_itself(
    folder: Path, suffix: str
) -> None:
    (folder / "a.yaml").write_text(SERVICE)
    (folder / "b.yaml").write_text(SERVICE.replace("name: wine", f"name: wine{suffix}"))
    assert _told(folder) == (
        f"b.yaml: name: 'wine{suffix}' is what a.yaml calls an object beside its own; rename one"
    )


def test_names_of_two_tenants_are_their_own(folder: Path) -> None:
    other = SERVICE.replace("name: wine", "name: wine-shadow")
    (folder / "a.yaml").write_text(SERVICE)
    (folder / "b.yaml").write_text(other.replace("tenant: demo", "tenant: other"))
    assert len(load_service_files(folder, "local")) == 2


def test_all_that_is_wrong_with_a_folder_is_told_at_once(folder: Path) -> None:
    (folder / "a.yaml").write_text("kind: [\n")
    (folder / "b.yaml").write_text(f"{SERVICE}environments: [here]\n")
    (folder / "c.yaml").write_text(SERVICE)
    (folder / "d.yaml").write_text(SERVICE.replace("owner: demo-team", "owner: 1"))
    (folder / "e.yml").write_text("")
    told = _told(folder)
    assert {line.split(":")[0] for line in told.splitlines()} == {
        *("a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yml")
    }


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("field", ["kind", "loadSeconds", "resources"])
def test_a_key_in_a_wrong_place_is_told_without_its_value(
    folder: Path, field: str, key: str
) -> None:
    written = {**yaml.safe_load(SERVICE), field: key}
    (folder / "wine.yaml").write_text(yaml.safe_dump(written))
    told = _told(folder)
    secret = "hunter2" if "hunter2" in key else key
    assert secret not in told
    assert f"wine.yaml: {field}" in told
    assert "(not shown)" in told


@pytest.mark.parametrize("value", ["Tr0ub4dor&3", 12345678, ["Tr0ub4dor&3"], {"a": "Tr0ub4dor&3"}])
@pytest.mark.parametrize(
    ("example", "path"),
    [
        ("drift/wine-monitor.yaml", "credentials"),
        ("training/wine-training.yaml", "credentials"),
        ("llm/assistant.yaml", "gates.evaluation.credentials"),
        ("llm/assistant.yaml", "gateway.traces.credentials"),
        ("llm/assistant.yaml", "gateway.consumerKeys"),
        ("llm/assistant.yaml", "external.0.apiKey"),
    ],
)
def test_what_stands_where_a_secret_is_named_is_never_shown(
    tmp_path: Path, example: str, path: str, value: object
) -> None:
    written = yaml.safe_load((ROOT / "examples" / example).read_text("utf-8"))
    at, *rest = path.split(".")
    within = written
    for step in rest:
        within = within[int(at) if isinstance(within, list) else at]
        at = step
    within[at] = value
    (tmp_path / "file.yaml").write_text(yaml.safe_dump(written))
    told = _told(tmp_path, "prod-aws")
    assert "Tr0ub4dor" not in told
    assert "12345678" not in told
    assert path.replace(".0.", "[0].") in told


def test_a_secret_of_an_environment_file_is_never_shown() -> None:
    receiver = {"name": "pager", "pagerduty": {"routingKey": "Tr0ub4dor&3"}}
    config = {**yaml.safe_load(ENVIRONMENT)["config"]}
    config["stanchion:monitoring"] = {"receivers": [receiver]}
    values = {k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}
    with pytest.raises(InvalidFileError) as caught:
        from_pulumi_config(values)
    assert caught.value.problems == (
        "stanchion:monitoring.receivers[0].pagerduty.routingKey: what is written there has the "
        "wrong type; write a mapping (`key: value` lines)",
    )


def test_a_message_is_one_line_however_long_or_broken_what_was_written_is(tmp_path: Path) -> None:
    pins = {"services": {"wine": {"model": "m", "version": "1\n2", "digest": "x" * 5000}}}
    (tmp_path / "local.lock.yaml").write_text(yaml.safe_dump(pins))
    with pytest.raises(InvalidFileError) as caught:
        load_lock(tmp_path, "local")
    assert len(caught.value.problems) == 2
    for problem in caught.value.problems:
        assert "\n" not in problem
        assert len(problem) < 300


def test_what_is_wrong_with_files_of_every_kind_is_told_at_once(tmp_path: Path) -> None:
    nobody = ("tenant: demo\n", "tenant: nobody\n")
    for example in (
        *("canary/wine.yaml", "batch/wine-scores.yaml", "drift/wine-monitor.yaml"),
        *("training/wine-training.yaml", "llm/assistant.yaml"),
    ):
        text = (ROOT / "examples" / example).read_text("utf-8")
        (tmp_path / Path(example).name).write_text(text.replace(*nobody))
    shutil.copytree(ROOT / "examples/training/wine-training", tmp_path / "wine-training")
    with pytest.raises(InvalidFileError) as caught:
        load_declared(tmp_path, environment("prod-aws"), "prod-aws")
    told = {problem.split(":")[0] for problem in caught.value.problems}
    assert told == {
        f"services/{name}"
        for name in ("wine", "wine-scores", "wine-monitor", "wine-training", "assistant")
    }


def test_what_is_declared_and_not_pinned_yet_keeps_no_environment_from_coming_up(
    tmp_path: Path,
) -> None:
    (tmp_path / "wine.yaml").write_text(SERVICE)
    declared = load_declared(tmp_path, environment("prod-aws"), "prod-aws")
    assert ([file.name for file in declared.files], declared.pins) == (["wine"], {})
