"""Synthetic environments, each in a temporary checkout that has the working tree's code."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[1]
ENVIRONMENT: Final = "prod-aws"
"""The environment of this project that the synthetic ones are variations of."""
_DIGEST: Final = "sha256:" + "5" * 64
_PINNED: Final = {"ModelService", "BatchInference"}


def checkout(root: Path, config: Mapping[str, Any], services: Iterable[Mapping[str, Any]]) -> Path:
    """A project in the new folder `root` with one environment, `prod-aws`.

    Args:
        root: The folder.
        config: What differs from this project's own `prod-aws`, as `pools`.
        services: Its service files; the models that they name are pinned.
    """
    root.mkdir()
    for entry in ROOT.iterdir():
        if entry.name not in {"stacks", ".git"}:
            (root / entry.name).symlink_to(entry)
    shutil.copytree(
        ROOT / "stacks",
        root / "stacks",
        ignore=shutil.ignore_patterns("services", "Pulumi.*.yaml", "__pycache__"),
    )
    folder = root / "stacks" / "services"
    folder.mkdir()
    file = f"Pulumi.{ENVIRONMENT}.yaml"
    environment = yaml.safe_load((ROOT / "stacks" / file).read_text(encoding="utf-8"))
    environment["config"] |= {f"stanchion:{key}": value for key, value in config.items()}
    _write(root / "stacks" / file, environment)
    pins = {}
    for service in services:
        name = str(service["name"])
        _write(folder / f"{name}.yaml", service)
        if service["kind"] in _PINNED:
            pins[name] = {"model": service["model"], "version": "1", "digest": _DIGEST}
    _write(folder / f"{ENVIRONMENT}.lock.yaml", {"services": pins})
    return root


def _write(file: Path, data: Mapping[str, Any]) -> None:
    file.write_text(yaml.safe_dump(dict(data), sort_keys=False), encoding="utf-8")
