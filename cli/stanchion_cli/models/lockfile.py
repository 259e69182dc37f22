"""The lock file of an environment: which version of its model each service runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stanchion_cli.errors import InputError

_HEADER = "# Written by `stanchion promote`: the one version of its model that each service runs.\n"


@dataclass(frozen=True)
class Pin:
    """A model version and the digest of its artifacts."""

    model: str
    version: str
    digest: str


def path(root: Path, environment: str) -> Path:
    """Where the lock file of `environment` lies."""
    return root / "stacks" / "services" / f"{environment}.lock.yaml"


def read(root: Path, environment: str) -> dict[str, Pin]:
    """Every pin of `environment` by service name; none where there is no file yet.

    Raises:
        InputError: when the file was damaged by hand.
    """
    file = path(root, environment)
    if not file.exists():
        return {}
    try:
        services: Mapping[str, Any] = yaml.safe_load(file.read_text("utf-8"))["services"]
        return {name: Pin(**pin) for name, pin in services.items()}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"is not a lock file: {str(error).splitlines()[0]}",
            where=str(file),
            fix="restore it from git, or delete it and promote again",
        ) from None


def write(root: Path, environment: str, pins: Mapping[str, Pin]) -> Path:
    """Replace the lock file in one step: an interruption leaves the old one or the new one."""
    file = path(root, environment)
    services = {name: vars(pin) for name, pin in sorted(pins.items())}
    text = _HEADER + yaml.safe_dump({"services": services}, sort_keys=False)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=file.parent, prefix=f".{file.name}.", delete=False
    ) as stream:
        stream.write(text)
    Path(stream.name).chmod(0o644)
    os.replace(stream.name, file)  # noqa: PTH105 - the atomic rename is the point
    return file


def forget(root: Path, environment: str) -> bool:
    """Delete the lock file; whether there was one."""
    file = path(root, environment)
    if not file.exists():
        return False
    file.unlink()
    return True
