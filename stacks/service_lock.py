"""What an environment's lock file, `services/<env>.lock.yaml`, pins of what is served.

The program never asks the registry; `stanchion promote` writes the pins.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from explain import explain
from llm_adapters import AdapterPin
from llm_prompts import PromptPin
from pydantic import Field, ValidationError
from validation import InvalidFileError, Strict, as_tuples, read_yaml_file

LOCK_SUFFIX = ".lock.yaml"


class Pin(Strict):
    """The one version of a model that a service runs."""

    model: Annotated[str, Field(min_length=1)]
    version: Annotated[str, Field(pattern=r"^[1-9]\d*$")]
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    attempt: Annotated[int, Field(ge=1)] = 1
    """Which trial of the version a model service runs; one after a trial that was taken back is
    judged anew by a higher number."""


class LockFile(Strict):
    """`<env>.lock.yaml`: what services run, by their names."""

    services: Mapping[str, Pin] = {}
    prompts: Mapping[str, Mapping[str, PromptPin]] = {}
    adapters: Mapping[str, Mapping[str, AdapterPin]] = {}
    """Of services of language models, by service and then by the registered model."""
    shadows: Mapping[str, Pin] = {}
    """Candidates that requests are mirrored to, by service."""


def load_pins(directory: Path, environment: str) -> Mapping[str, Pin]:
    """What the lock file pins of models, by service; see `load_lock`."""
    return load_lock(directory, environment).services


def load_lock(directory: Path, environment: str) -> LockFile:
    """Read the environment's lock file; no file means that nothing is pinned yet.

    Raises:
        InvalidFileError: with every problem of the file.
    """
    path = directory / f"{environment}{LOCK_SUFFIX}"
    if not path.exists():
        return LockFile()
    try:
        return LockFile.model_validate(as_tuples(read_yaml_file(path)))
    except ValidationError as error:
        raise InvalidFileError(explain(error, LockFile, f"{path.name}: ")) from None
