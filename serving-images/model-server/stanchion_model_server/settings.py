"""What the server is told by its environment, checked whole before anything starts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Json,
    StringConstraints,
    ValidationError,
    model_validator,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class SettingsError(ValueError):
    """The environment cannot be served from; one line per problem in `problems`."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


Address = Annotated[str, StringConstraints(pattern=r"^(file:///|s3://[a-z0-9]|gs://[a-z0-9])\S+$")]
"""Of a folder: on a volume, in S3 or in Cloud Storage."""


class Redact(BaseModel):
    """Columns, of requests or of answers, that the prediction log does not write as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drop: frozenset[str] = frozenset()
    """Left out."""
    hash: frozenset[str] = frozenset()
    """Written as a hash with the service's key: equal values stay equal, and nothing else."""
    keep: frozenset[str] = frozenset()
    """Text that is written as it is; other text is left out."""

    @property
    def named(self) -> frozenset[str]:
        """Every column that something is said of."""
        return self.drop | self.hash | self.keep


class Settings(BaseModel):
    """One environment variable per field, its name in capitals. Unset means the default."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, populate_by_name=True)

    model_name: Annotated[str, StringConstraints(min_length=1)]
    """The registered model's name."""
    model_version: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*$")]
    """Its version. A number, never an alias: a pod that restarts must not change its model."""
    model_digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    """The artifacts' digest that the deployment pins."""
    mlflow_tracking_uri: Annotated[str, StringConstraints(pattern=r"^(https?|sqlite)://")]
    """Where the registry answers."""
    registry_credentials_dir: Path | None = None
    """Folder with the files `username` and `password`; unset for a registry without users."""
    service_name: Annotated[str, StringConstraints(min_length=1)] | None = None
    """The name in `/v2/models/<name>`; the model's name when unset."""
    host: str = "0.0.0.0"  # noqa: S104 - a pod is reached from outside itself
    """Address to listen on."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """Port of predictions, health and `/metrics`."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 8 * 1024 * 1024
    """Largest accepted request body, in bytes; larger ones get 413."""
    request_timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Time limit of one request, body included, in seconds; then 504."""
    drain_seconds: Annotated[float, Field(ge=0, le=600)] = 10.0
    """How long to go on accepting after SIGTERM, in seconds, while unready."""
    max_batch_size: Annotated[int, Field(ge=1, le=65536)] = 64
    """Most rows merged into one call of the model; 1 turns merging off."""
    max_batch_delay: Annotated[float, Field(ge=0, le=1)] = 0.001
    """Longest wait for more rows, in seconds. Waits only under load: an idle server never does."""

    prediction_log_uri: Address | None = None
    """Folder that a sample of requests and answers is written to; unset: nothing is logged."""
    prediction_log_sample_rate: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Share of requests that are logged."""
    prediction_log_retention_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """After how many days what was logged is deleted; needed to log anything."""
    prediction_log_redact: Json[Redact] = Redact()
    """Columns that are not written as they are, as `{"drop": ["email"]}`."""
    prediction_log_key_file: Path | None = None
    """File with the key of hashes; needed to hash anything."""
    prediction_log_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 300.0
    """Longest time for which logged rows wait in memory, in seconds."""

    @model_validator(mode="after")
    def _log(self) -> Self:
        if self.prediction_log_uri is None:
            return self
        if self.prediction_log_retention_days is None:
            raise ValueError("PREDICTION_LOG_URI needs PREDICTION_LOG_RETENTION_DAYS")
        if self.prediction_log_redact.hash and self.prediction_log_key_file is None:
            raise ValueError("PREDICTION_LOG_REDACT hashes, which needs PREDICTION_LOG_KEY_FILE")
        return self

    @property
    def name(self) -> str:
        """The name clients use."""
        return self.service_name or self.model_name


_HINTS: Final = {
    "MODEL_NAME": "the registered model's name",
    "MODEL_VERSION": "a version number, such as 3",
    "MODEL_DIGEST": "sha256: and 64 hexadecimal digits, as registration recorded it",
    "MLFLOW_TRACKING_URI": "the registry's address, such as http://mlflow.mlflow:5000",
}


_Read = TypeVar("_Read", bound=BaseModel)
_Got = TypeVar("_Got")


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The server's settings; see `read`."""
    return read(environment, Settings)


def read(environment: Mapping[str, str], kind: type[_Read]) -> _Read:
    """Read and check the settings; variables that are set but empty count as unset.

    Args:
        environment: The variables.
        kind: Whose fields say what they are, as `Settings`.

    Raises:
        SettingsError: With every problem found, each naming its variable.
    """
    known = {field.upper() for field in kind.model_fields}
    values = {key: value for key, value in environment.items() if key in known and value != ""}
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise SettingsError([_problem(detail) for detail in error.errors()]) from None


def or_exit(reading: Callable[[], _Got], status: int = 2) -> _Got:
    """What is read; else every problem on standard error, and the end with that status."""
    try:
        return reading()
    except SettingsError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        sys.exit(status)


def _problem(detail: object) -> str:
    assert isinstance(detail, dict)  # noqa: S101 - pydantic's ErrorDetails, for the type checker
    variable = str(detail["loc"][0]).upper() if detail["loc"] else "environment"
    reason = "is not set" if detail["type"] == "missing" else _to_sentence(str(detail["msg"]))
    hint = _HINTS.get(variable)
    return f"{variable}: {reason}; give {hint}" if hint else f"{variable}: {reason}"


def _to_sentence(message: str) -> str:
    """A pydantic message as the tail of a sentence: `Input should be …` becomes `should be …`."""
    for opening in ("Input ", "String ", "Value error, "):
        message = message.removeprefix(opening)
    return message
