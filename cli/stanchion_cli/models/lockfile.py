"""The lock file of an environment: which version of its model each service runs."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


def write(root: Path, environment: str, pins: Mapping[str, Pin | None]) -> Path:
    """Pin each of these services anew, or no more (None), and leave every other pin as it is.

    Two that change one file at a time wait for each other; an interruption leaves the old file or
    the new one.

    Returns:
        The lock file.
    """
    with _alone(path(root, environment).parent):
        kept = {name: pin for name, pin in read(root, environment).items() if name not in pins}
        given = {name: pin for name, pin in pins.items() if pin is not None}
        return _write(root, environment, {**kept, **given})


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else on this machine is in here meanwhile; the folder itself is what is locked."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(root: Path, environment: str, pins: Mapping[str, Pin]) -> Path:
    file = path(root, environment)
    services = {name: vars(pin) for name, pin in sorted(pins.items())}
    whole = {"services": services, **_beside(file)}
    text = _HEADER + yaml.safe_dump(whole, sort_keys=False)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=file.parent, prefix=f".{file.name}.", delete=False
    ) as stream:
        stream.write(text)
    Path(stream.name).chmod(0o644)
    os.replace(stream.name, file)  # noqa: PTH105 - the atomic rename is the point
    return file


def _beside(file: Path) -> dict[str, Any]:
    """What the file holds besides the services' own pins: candidates, which are pinned by hand."""
    written = yaml.safe_load(file.read_text("utf-8")) if file.exists() else {}
    return {key: value for key, value in written.items() if key != "services"}


def forget(root: Path, environment: str) -> bool:
    """Delete the lock file; whether there was one."""
    file = path(root, environment)
    if not file.exists():
        return False
    file.unlink()
    return True
