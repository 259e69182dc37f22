"""Project and environment files, handed to the program exactly as the engine would.

The engine gives a program text: strings as they are, everything else as JSON. Keys without a
namespace belong to the project. `secure:` values stay encrypted here, so they are secret unknowns.
"""

from __future__ import annotations

import datetime
import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stanchion_cli.errors import InputError
from stanchion_cli.preview import yamlfile
from stanchion_cli.preview.wire import UNKNOWN_MARKER

_ENVIRONMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Project:
    """What `Pulumi.yaml` says: where the program is and where its environments are."""

    name: str
    root: Path
    program_directory: Path
    entry_point: str
    """Relative to `program_directory`; `.` where that directory is the program."""
    config_directory: Path
    config: Mapping[str, Any]
    """The project's own `config` block, unprocessed."""

    def environments(self) -> list[str]:
        """The environments that have a file, in order."""
        files = self.config_directory.glob("Pulumi.*.yaml")
        return sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files)


@dataclass(frozen=True, slots=True)
class Configuration:
    """An environment's configuration as the program receives it, every value a text."""

    values: Mapping[str, str]
    secret_keys: tuple[str, ...]
    unknown_keys: tuple[str, ...]
    """Keys whose whole value is encrypted, and so unknown here."""


def load_project(root: Path) -> Project:
    """Read `Pulumi.yaml` under `root`.

    Raises:
        InputError: There is none, or it is not a Python project whose program exists.
    """
    file = root / "Pulumi.yaml"
    if not file.is_file():
        raise InputError(
            f"no Pulumi.yaml in {root}", fix="run the command in the project's root directory"
        )
    data = yamlfile.read(file, shown="Pulumi.yaml")
    name = data.get("name")
    if not isinstance(name, str) or not name:
        raise InputError("missing", where="Pulumi.yaml: name", fix="write `name: stanchion`")
    runtime = data.get("runtime")
    language = runtime.get("name") if isinstance(runtime, dict) else runtime
    if language != "python":
        raise InputError(
            f"the offline preview runs Python programs, not {language!r}",
            where="Pulumi.yaml: runtime",
        )
    main = root / str(data.get("main") or ".")
    if not main.exists():
        raise InputError(
            f"{data.get('main')} does not exist", where="Pulumi.yaml: main", fix="name the program"
        )
    config = data.get("config") or {}
    if not isinstance(config, dict):
        raise InputError("must be a mapping", where="Pulumi.yaml: config")
    return Project(
        name=name,
        root=root,
        program_directory=main if main.is_dir() else main.parent,
        entry_point="." if main.is_dir() else main.name,
        config_directory=root / str(data.get("stackConfigDir") or "."),
        config={str(key): value for key, value in config.items()},
    )


def load_configuration(project: Project, environment: str) -> Configuration:
    """Read an environment's file and the project's defaults.

    Raises:
        InputError: There is no such environment (the message lists those there are), or its file
            cannot be read as one.
    """
    file = project.config_directory / f"Pulumi.{environment}.yaml"
    if not _ENVIRONMENT_NAME.fullmatch(environment) or not file.is_file():
        known = project.environments()
        near = difflib.get_close_matches(environment, known, n=1)
        raise InputError(
            f"there is no environment {environment!r}",
            fix=(f"did you mean {near[0]}? " if near else "")
            + (f"there are: {', '.join(known)}" if known else f"create {_shown(project, file)}"),
        )
    shown = _shown(project, file)
    data = yamlfile.read(file, shown=shown)
    block = data.get("config") or {}
    if not isinstance(block, dict):
        raise InputError("must be a mapping", where=f"{shown}: config", fix="write `config:` keys")
    merged = {_namespaced(project, str(key), shown): value for key, value in block.items()}
    for key, declared in project.config.items():
        default = _default(declared)
        if default is not None:
            merged.setdefault(_namespaced(project, key, "Pulumi.yaml"), default)
    values, secret_keys, unknown_keys = {}, [], []
    for key, value in merged.items():
        plain, encrypted = _without_secrets(value)
        values[key] = _text(plain)
        if encrypted:
            secret_keys.append(key)
        if _is_encrypted(value):
            unknown_keys.append(key)
    return Configuration(values, tuple(secret_keys), tuple(unknown_keys))


def _shown(project: Project, file: Path) -> str:
    return str(file.relative_to(project.root)) if file.is_relative_to(project.root) else str(file)


def _namespaced(project: Project, key: str, shown: str) -> str:
    parts = key.split(":")
    if len(parts) == 1:
        return f"{project.name}:{key}"
    if len(parts) == 3 and parts[1] == "config":  # the long form of old files
        parts = [parts[0], parts[2]]
    if len(parts) != 2 or not all(parts):
        raise InputError(
            "not a configuration key", where=f"{shown}: config.{key}", fix="write `namespace:name`"
        )
    return ":".join(parts)


def _default(declared: Any) -> Any:
    if isinstance(declared, dict):
        return declared.get("default", declared.get("value"))
    return declared


def _is_encrypted(value: Any) -> bool:
    return (
        isinstance(value, dict) and list(value) == ["secure"] and isinstance(value["secure"], str)
    )


def _without_secrets(value: Any) -> tuple[Any, bool]:
    """The value with every `secure:` leaf unknown, and whether there was one."""
    if _is_encrypted(value):
        return UNKNOWN_MARKER, True
    if isinstance(value, dict):
        pairs = {str(key): _without_secrets(item) for key, item in value.items()}
        return {key: plain for key, (plain, _) in pairs.items()}, any(s for _, s in pairs.values())
    if isinstance(value, list):
        items = [_without_secrets(item) for item in value]
        return [plain for plain, _ in items], any(secret for _, secret in items)
    if isinstance(value, datetime.date):
        return yamlfile.engine_text(value), False
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value), False
    return value, False


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
