"""Checkouts of the platform, to change an environment or to add an example, and what is found."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from stanchion_cli.preview import Preview
from stanchion_cli.report.model import report_on

ROOT = Path(__file__).parents[2]
_TO_CHANGE = ("stacks", "policies", "serving-images")
_TO_READ = ("docs", "examples")
_IGNORED = shutil.ignore_patterns("__pycache__", ".venv", "local.lock.yaml")


def copied(checkout: Path) -> Path:
    """Copy what a preview reads into an empty folder.

    Returns:
        Its folder of service files.
    """
    for part in ("Pulumi.yaml", "pyproject.toml"):
        shutil.copy(ROOT / part, checkout)
    for part in _TO_CHANGE:
        shutil.copytree(ROOT / part, checkout / part, ignore=_IGNORED)
    for part in _TO_READ:
        (checkout / part).symlink_to(ROOT / part)
    return checkout / "stacks" / "services"


@contextmanager
def changed(file: Path) -> Iterator[dict[str, Any]]:
    """A YAML file's mapping, written back as it then is."""
    mapping: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    yield mapping
    file.write_text(yaml.safe_dump(mapping), "utf-8")


@contextmanager
def configured(checkout: Path, stack: str) -> Iterator[dict[str, Any]]:
    """An environment's configuration, written back as it then is."""
    with changed(checkout / "stacks" / f"Pulumi.{stack}.yaml") as environment:
        yield environment["config"]


def declared(checkout: Path, stack: str, example: Path, **changes: Any) -> None:
    """An example as a file of this environment alone, its buckets those of the cloud."""
    text = example.read_text("utf-8")
    if stack.endswith("gcp"):
        text = text.replace("s3://", "gs://")
    file = {**yaml.safe_load(text), "environments": [stack], **changes}
    services = checkout / "stacks" / "services"
    (services / example.name).write_text(yaml.safe_dump(file), "utf-8")


def findings(evaluated: Preview, about: str) -> list[str]:
    """What the policies have against what has this in its name, advisory findings included."""
    report = report_on(evaluated)
    ours = (found for found in evaluated.findings if about in str(found))
    return [f"{found.policy}: {report.message(found)}" for found in ours]
