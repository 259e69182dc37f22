"""An environment's settings as its program understands them: typed, complete, with defaults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.preview import guard
from stanchion_cli.preview.config import load_configuration, load_project
from stanchion_cli.preview.wire import UNKNOWN_MARKER

ENCRYPTED = "[secret]"
"""Stands for a value that is encrypted in the file, so that nobody can compare it here."""
_READER = Path(__file__).with_name("reader.py")
_SECONDS = 60


def settings_of(environment: str, *, root: Path) -> Mapping[str, Any]:
    """The settings of an environment, read by the project's own model of it.

    Settings of providers (`aws:region`) are as written. Those that a profile derives are under
    `byProfile`.

    Args:
        environment: Its name.
        root: The project's directory.

    Raises:
        InputError: There is no such environment, or its file is wrong.
        StanchionError: The project has no model of environments, or it fails.
    """
    project = load_project(root)
    configuration = load_configuration(project, environment)
    request = {
        "directory": str(project.program_directory),
        "config": dict(configuration.values),
    }
    answer = _asked(request, root, environment)
    if "refused" in answer:
        headline, *more = str(answer["refused"]).splitlines() or ["no reason given"]
        raise InputError(headline, where=f"environment {environment}" if not more else "",
                         problems=tuple(more))  # fmt: skip
    if "failed" in answer:
        raise StanchionError(str(answer["failed"]), where=f"environment {environment}")
    own = {f"{project.name}:{key}" for key in answer["settings"]}
    foreign = {
        key: _plain(value)
        for key, value in configuration.values.items()
        if key not in own and not key.startswith(f"{project.name}:")
    }
    return {**_masked(answer["settings"]), **_masked(foreign)}


def _asked(request: Mapping[str, Any], root: Path, environment: str) -> Mapping[str, Any]:
    """What the reader says, in a process of its own: the program's modules stay out of this one."""
    from stanchion_cli.preview.host import own_packages

    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_READER)],
            input=json.dumps(request),
            cwd=root,
            env=guard.environment(os.environ) | own_packages(root),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StanchionError(
            f"reading took over {_SECONDS} s", where=f"environment {environment}"
        ) from None
    try:
        answer: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise StanchionError(
            f"its program's model could not be read: {last}", where=f"environment {environment}"
        ) from None
    return answer


def _plain(text: str) -> Any:
    """A configuration value as it was written: the engine hands over JSON, or a text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, str) and UNKNOWN_MARKER in value:
        return ENCRYPTED
    return value
