"""Projects made from the small programs in `programs/`, previewed in real processes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from stanchion_cli import preview
from stanchion_cli.preview import Preview, Resource

PROGRAMS = Path(__file__).parent / "programs"

Project = Callable[..., Path]
Evaluate = Callable[..., Preview]


def make_project(directory: Path, program: str, config: str = "") -> Path:
    """A project called `small` with one program and the environment `dev`."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "Pulumi.yaml").write_text("name: small\nruntime: python\nmain: program\n")
    (directory / "program").mkdir(exist_ok=True)
    shutil.copyfile(PROGRAMS / f"{program}.py", directory / "program" / "__main__.py")
    (directory / "Pulumi.dev.yaml").write_text(config)
    return directory


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """`project(program, config)`: its directory."""

    def make(program: str, config: str = "") -> Path:
        return make_project(tmp_path / program, program, config)

    return make


@pytest.fixture(scope="session")
def evaluate(tmp_path_factory: pytest.TempPathFactory) -> Evaluate:
    """`evaluate(program, config, outputs=…)`: its preview; the same one for the same arguments."""
    known: dict[str, Preview] = {}

    def run(program: str, config: str = "", **options: object) -> Preview:
        key = repr((program, config, sorted(options.items())))
        if key not in known:
            root = make_project(tmp_path_factory.mktemp(program), program, config)
            known[key] = preview.run("dev", root=root, **options)  # type: ignore[arg-type]
        return known[key]

    return run


def named(evaluated: Preview, name: str) -> Resource:
    """The one resource of that name."""
    found = [resource for resource in evaluated.resources if resource.name == name]
    assert len(found) == 1, f"{name}: {[resource.urn for resource in found]}"
    return found[0]


def as_yaml(file: Path) -> dict[str, object]:
    """A YAML file's mapping."""
    loaded = yaml.safe_load(file.read_text())
    assert isinstance(loaded, dict)
    return loaded
