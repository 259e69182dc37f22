"""What `measure` is asked to find out: the parts of a service file's `gates:` that need the model.

The file is written by `stanchion promote` out of a checked service file; unknown keys are limits
that are judged there and not here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from stanchion_model_server.settings import SettingsError


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class SliceWanted(_Part):
    """A metric for each value of a column."""

    column: str
    metric: str


class EvaluationWanted(_Part):
    """A data set and how to compare the answers with its labels."""

    data: str
    """A path, or an address in MLflow: `runs:/…`, `mlflow-artifacts:/…`."""
    sha256: str
    label: str
    task: Literal["classification", "regression"]
    slices: tuple[SliceWanted, ...] = ()


class ScanWanted(_Part):
    """What pickles may refer to beside the usual, and which files may not be there."""

    allow: tuple[str, ...] = ()
    refused_file_types: tuple[str, ...] = ()


class SmokeWanted(_Part):
    """How many requests to send."""

    requests: int = Field(default=200, ge=1)


class Wanted(_Part):
    """Everything that is asked; what is None is left out."""

    scan: ScanWanted | None = None
    evaluation: EvaluationWanted | None = None
    smoke: SmokeWanted = SmokeWanted()


def read(path: Path) -> Wanted:
    """Read the question.

    Raises:
        SettingsError: The file cannot be read or asks for what is not known here.
    """
    try:
        return Wanted.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{path}: {error.strerror}"]) from None
    except ValidationError as error:
        raise SettingsError(
            [f"{path}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        ) from None
