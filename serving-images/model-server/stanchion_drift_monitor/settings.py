"""What the job and its exporter are told by their environment."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Json, StringConstraints, model_validator
from stanchion_model_server.batch.settings import scheduled_day
from stanchion_model_server.settings import Address

_Text = Annotated[str, StringConstraints(min_length=1)]
OF_TASK = {"classification": ("accuracy", "logLoss"), "regression": ("mae",)}
"""Metrics that a limit may be of: means over rows, whose chance is known."""


class Labels(BaseModel):
    """The truth that comes later, and how wrong a model may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    location: Address
    """Folder of Parquet files with `request_id`, `row` (default: 0) and the label."""
    column: _Text
    """Their column with the truth."""
    task: Literal["classification", "regression"]
    """What is predicted."""
    metric: Literal["accuracy", "logLoss", "mae"]
    """What is held to the limits."""
    output: str = ""
    """The logged output that is compared; empty: the only one."""
    probabilities: dict[str, _Text] = {}
    """Logged output of each class's probability, where the model answers those."""
    days: Annotated[int, Field(ge=1, le=366)] = 30
    """Days of the log, up to the window's last, that labels are looked for."""
    min_rows: Annotated[int, Field(ge=20)] = 200
    """Fewest labelled rows; with fewer nothing is judged."""
    max_drop: Annotated[float, Field(ge=0)] | None = None
    """By how much the metric may be worse than in the evaluation of the promoted version."""
    limit: float | None = None
    """Worst value of the metric."""
    slices: tuple[_Text, ...] = ()
    """Logged inputs whose values make groups; a group of `min_rows` rows may be worse than all
    rows by no more than `max_drop`."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.metric not in OF_TASK[self.task]:
            raise ValueError(f"LABELS: {self.metric} is no metric of {self.task}")
        if self.max_drop is None and self.limit is None:
            raise ValueError("LABELS judge nothing; give max_drop, limit or both")
        if self.metric == "logLoss" and not self.probabilities:
            raise ValueError("LABELS: logLoss needs probabilities")
        if self.slices and self.max_drop is None:
            raise ValueError("LABELS: slices need max_drop")
        return self


class MonitorSettings(BaseModel):
    """One environment variable per field, its name in capitals. Unset means the default."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, populate_by_name=True)

    service: _Text
    """The model service whose log is read."""
    registered_model_name: _Text
    """The registered model that it serves."""
    mlflow_tracking_uri: Annotated[str, StringConstraints(pattern=r"^(https?|sqlite)://")]
    """Where the training reference is and reports go."""
    registry_credentials_dir: Path | None = None
    """Folder with the files `username` and `password` of an MLflow user that may create runs."""
    log_uri: Address
    """Folder of the prediction log."""
    report_uri: Address
    """Folder that reports are written to."""
    window_days: Annotated[int, Field(ge=1, le=92)] = 1
    """Days that are compared together."""
    last_day: date | None = None
    """The window's last day; unset: as the schedule says."""
    job_name: str = ""
    """The Job that this pod is of: a CronJob's says for when it was scheduled."""
    days_back: Annotated[int, Field(ge=0, le=366)] = 1
    """How many days before a scheduled run its window ends."""
    psi: Annotated[float, Field(ge=0.05, le=5)] = 0.2
    """Stability index of a field beyond chance, from where on it has drifted."""
    problem_ratio: Annotated[float, Field(ge=0.001, le=1)] = 0.05
    """Share of a feature's values, beyond training's, that may have a problem."""
    min_rows: Annotated[int, Field(ge=200)] = 1000
    """Fewest rows in the window; with fewer nothing is judged."""
    labels: Json[Labels] | None = None
    """Labels that come late; unset: none do."""

    @property
    def last(self) -> date:
        """The window's last day."""
        return self.last_day or scheduled_day(self.job_name, self.days_back)

    def days(self, count: int) -> list[date]:
        """So many days up to the window's last."""
        return [self.last - timedelta(days=back) for back in reversed(range(count))]

    @property
    def described(self) -> dict[str, object]:
        """What a report depends on, besides its data."""
        return {
            "service": self.service,
            "model": self.registered_model_name,
            "windowDays": self.window_days,
            "psi": self.psi,
            "problemRatio": self.problem_ratio,
            "minRows": self.min_rows,
            "labels": self.labels.model_dump(mode="json") if self.labels else None,
        }


class ExporterSettings(BaseModel):
    """What the exporter is told."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, populate_by_name=True)

    service: _Text
    """The model service whose reports are told."""
    report_uri: Address
    """Folder of the reports."""
    poll_seconds: Annotated[float, Field(gt=0, le=86_400)] = 60
    """How often the newest report is looked for."""
    host: str = "0.0.0.0"  # noqa: S104 - a pod is reached from outside itself
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of health and `/metrics`."""
