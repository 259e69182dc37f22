"""The lock file of an environment: which version of what each service runs."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from stanchion_cli.errors import InputError

_HEADER = "# Written by `stanchion promote`: the one version of what a service runs.\n"


@dataclass(frozen=True)
class Pin:
    """A model version and the digest of its artifacts."""

    model: str
    version: str
    digest: str
    attempt: int = 1
    """Which trial of the version it is; see `attempts`."""

    def __str__(self) -> str:
        """`wine-cultivar version 3`, and which trial of it that is after the first."""
        tried = f", attempt {self.attempt}" if self.attempt > 1 else ""
        return f"{self.model} version {self.version}{tried}"


@dataclass(frozen=True)
class PromptPin:
    """A version of a prompt, the digest of its messages, and these."""

    version: str
    digest: str
    messages: tuple[Mapping[str, str], ...]


PromptPins = Mapping[str, Mapping[str, PromptPin]]
"""By service, and then by prompt."""


@dataclass(frozen=True)
class AdapterPin:
    """A version of a registered LoRA adapter, the digest of its files, and what they say."""

    version: str
    digest: str
    base: str
    """The model that it was trained on: name, `@`, revision."""
    rank: int


AdapterPins = Mapping[str, Mapping[str, AdapterPin]]
"""By service, and then by the adapter's name in the registry."""


def path(root: Path, environment: str) -> Path:
    """Where the lock file of `environment` lies."""
    return root / "stacks" / "services" / f"{environment}.lock.yaml"


def read(root: Path, environment: str) -> dict[str, Pin]:
    """Every pin of `environment` by service name; none where there is no file yet.

    Raises:
        InputError: when the file was damaged by hand.
    """
    return _read(root, environment).services


def read_prompts(root: Path, environment: str) -> PromptPins:
    """Every pinned prompt of `environment`, by service; none where there is no file yet.

    Raises:
        InputError: when the file was damaged by hand.
    """
    return _read(root, environment).prompts


def read_adapters(root: Path, environment: str) -> AdapterPins:
    """Every pinned adapter of `environment`, by service; none where there is no file yet.

    Raises:
        InputError: when the file was damaged by hand.
    """
    return _read(root, environment).adapters


@dataclass(frozen=True)
class _Lock:
    """A lock file: what is pinned of models, prompts and adapters, and what else it holds.

    Attributes:
        beside: Candidates, which are pinned by hand.
    """

    services: dict[str, Pin]
    prompts: PromptPins
    adapters: AdapterPins
    beside: Mapping[str, Any]


def _read(root: Path, environment: str) -> _Lock:
    file = path(root, environment)
    if not file.exists():
        return _Lock({}, {}, {}, {})
    try:
        written = dict(yaml.safe_load(file.read_text("utf-8")))
        services = {name: Pin(**pin) for name, pin in written.pop("services", {}).items()}
        prompts = {
            service: {name: _prompt(**pin) for name, pin in pins.items()}
            for service, pins in written.pop("prompts", {}).items()
        }
        adapters = {
            service: {name: AdapterPin(**pin) for name, pin in pins.items()}
            for service, pins in written.pop("adapters", {}).items()
        }
    except (OSError, yaml.YAMLError, ValueError, TypeError, AttributeError) as error:
        # What Python says of a wrong shape names our own functions.
        malformed = isinstance(error, OSError | yaml.YAMLError | UnicodeDecodeError)
        reason = str(error).splitlines()[0] if malformed else "its pins are not whole"
        raise InputError(
            f"is not a lock file: {reason}",
            where=str(file),
            fix="restore it from git, or delete it and promote again",
        ) from None
    return _Lock(services, prompts, adapters, written)


def _prompt(version: str, digest: str, messages: list[Mapping[str, str]]) -> PromptPin:
    return PromptPin(version, digest, tuple(messages))


def write(root: Path, environment: str, pins: Mapping[str, Pin | None]) -> Path:
    """Pin each of these services anew, or no more (None), and leave every other pin as it is.

    Two that change one file at a time wait for each other; an interruption leaves the old file or
    the new one.

    Returns:
        The lock file.
    """
    with _alone(path(root, environment).parent):
        before = _read(root, environment)
        kept = {name: pin for name, pin in before.services.items() if name not in pins}
        given = {name: pin for name, pin in pins.items() if pin is not None}
        return _write(root, environment, replace(before, services={**kept, **given}))


def write_prompt(
    root: Path, environment: str, prompt: str, pins: Mapping[str, PromptPin | None]
) -> Path:
    """Pin a prompt for each of these services anew, or no more (None), and leave all else.

    Returns:
        The lock file.
    """
    with _alone(path(root, environment).parent):
        before = _read(root, environment)
        prompts = _changed(before.prompts, prompt, pins)
        return _write(root, environment, replace(before, prompts=prompts))


def write_adapter(
    root: Path, environment: str, adapter: str, pins: Mapping[str, AdapterPin | None]
) -> Path:
    """Pin an adapter for each of these services anew, or no more (None), and leave all else.

    Returns:
        The lock file.
    """
    with _alone(path(root, environment).parent):
        before = _read(root, environment)
        adapters = _changed(before.adapters, adapter, pins)
        return _write(root, environment, replace(before, adapters=adapters))


_P = TypeVar("_P")


def _changed(
    before: Mapping[str, Mapping[str, _P]], name: str, pins: Mapping[str, _P | None]
) -> dict[str, dict[str, _P]]:
    after = {service: dict(found) for service, found in before.items()}
    for service, pin in pins.items():
        after.setdefault(service, {}).pop(name, None)
        if pin is not None:
            after[service][name] = pin
    return after


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else on this machine is in here meanwhile; the folder itself is what is locked."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(root: Path, environment: str, lock: _Lock) -> Path:
    file = path(root, environment)
    services = {name: _document(pin) for name, pin in sorted(lock.services.items())}
    document: dict[str, Any] = {"services": services, **lock.beside}
    pinned: dict[str, Mapping[str, Mapping[str, PromptPin | AdapterPin]]] = {
        "prompts": lock.prompts,
        "adapters": lock.adapters,
    }
    for key, of in pinned.items():
        told = {
            service: {name: _document(pin) for name, pin in sorted(found.items())}
            for service, found in sorted(of.items())
            if found
        }
        if told:
            document[key] = told
    text = _HEADER + yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=file.parent, prefix=f".{file.name}.", delete=False
    ) as stream:
        stream.write(text)
    Path(stream.name).chmod(0o644)
    os.replace(stream.name, file)  # noqa: PTH105 - the atomic rename is the point
    return file


def _document(pin: Pin | PromptPin | AdapterPin) -> dict[str, Any]:
    if isinstance(pin, Pin):
        told = asdict(pin)
        return told if pin.attempt > 1 else {key: told[key] for key in told if key != "attempt"}
    if isinstance(pin, AdapterPin):
        return asdict(pin)
    messages = [dict(message) for message in pin.messages]
    return {"version": pin.version, "digest": pin.digest, "messages": messages}


Changes = Mapping[tuple[str, ...], tuple[object, object]]
"""What changed, by its place in a lock file: before and after; None: not there."""


def changes(before: str, after: str) -> Changes:
    """What differs between two texts of a lock file.

    Raises:
        InputError: when one of them is none.
    """
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return {
        place: (old.get(place), new.get(place))
        for place in old.keys() | new.keys()
        if old.get(place) != new.get(place)
    }


def _leaves(text: str) -> Iterator[tuple[tuple[str, ...], object]]:
    def each(value: object, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
        if not isinstance(value, Mapping):
            yield place, value
            return
        for key, inner in value.items():
            yield from each(inner, (*place, str(key)))

    try:
        parsed = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise InputError(
            f"is not a lock file: {str(error).splitlines()[0]}",
            where="a commit's lock file",
            fix="mend it in a new commit",
        ) from None
    return each(parsed, ())


def forget(root: Path, environment: str) -> bool:
    """Delete the lock file; whether there was one."""
    file = path(root, environment)
    if not file.exists():
        return False
    file.unlink()
    return True
