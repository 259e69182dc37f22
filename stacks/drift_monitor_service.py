"""Service files of kind DriftMonitor: a service's prediction log, judged day by day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator
from secret_source import SecretName
from service_resources import Resources
from stanchion import JobPriority, LabelledTask, LateLabels, QualityMetric
from validation import Environments, Label, Name, Schedule, ShortName, Strict, by_value

_Folder = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^\S+$")]
_Column = Annotated[str, Field(min_length=1, max_length=250)]


class Labels(Strict):
    """The truth, which comes later, and how wrong a model may be."""

    location: _Folder
    """Folder of Parquet files with `request_id`, `row` (without it, 0) and the label:
    s3://BUCKET/PATH, gs://BUCKET/PATH, or file:///data/PATH on the `claim`."""
    key: Annotated[str, Field(min_length=1)] | None = None
    """ARN of the KMS key that the bucket is encrypted with; default: one that AWS manages."""
    column: _Column
    """The files' column with the truth."""
    task: Annotated[LabelledTask, by_value(LabelledTask)]
    """What is predicted."""
    metric: Annotated[QualityMetric, by_value(QualityMetric)]
    """What is judged: accuracy or logLoss of a classification, mae of a regression."""
    max_drop: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """By how much the metric may be worse than in the evaluation of the promoted version, beyond
    what chance makes of so few labels; default: any, and then `limit` is needed."""
    limit: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Worst value of the metric; default: any, and then `maxDrop` is needed."""
    output: _Column | None = None
    """The logged output that is compared with the label; default: the only one."""
    probabilities: Mapping[str, _Column] = {}
    """Logged output of each class's probability, by class; needed by logLoss."""
    days: Annotated[int, Field(ge=1, le=366)] = 30
    """Days of the log for which labels are looked for."""
    min_rows: Annotated[int, Field(ge=20, le=10_000_000)] = 200
    """Fewest labelled rows; with fewer nothing is judged."""
    slices: Annotated[tuple[_Column, ...], Field(max_length=20)] = ()
    """Logged inputs whose values make groups, each of which may be worse than all rows by no more
    than `maxDrop`."""

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, written: object) -> object:
        """A limit may be written as the whole number that it is."""
        if not isinstance(written, dict):
            return written
        whole = {
            name: float(value)
            for name, value in written.items()
            if name in {"maxDrop", "limit"} and type(value) is int
        }
        return {**written, **whole}

    def arguments(self) -> LateLabels:
        """The same for the component."""
        args: LateLabels = {
            "location": self.location,
            "column": self.column,
            "task": self.task,
            "metric": self.metric,
            "days": self.days,
            "min_rows": self.min_rows,
        }
        if self.max_drop is not None:
            args["max_drop"] = self.max_drop
        if self.limit is not None:
            args["limit"] = self.limit
        if self.output is not None:
            args["output"] = self.output
        if self.probabilities:
            args["probabilities"] = dict(self.probabilities)
        if self.slices:
            args["slices"] = list(self.slices)
        return args


class DriftMonitorFile(Strict):
    """A model service's prediction log, judged on a schedule."""

    kind: Literal["DriftMonitor"]
    """What the file declares."""
    name: ShortName
    """Name of the monitor and of its objects."""
    tenant: ShortName
    """The tenant, declared in the environment, in whose namespace it runs."""
    owner: Label
    """Team that answers for it."""
    cost_center: Label
    """Where its cost is booked."""
    environments: Environments | None = None
    """Environments that run it; default: every one."""
    service: ShortName
    """The tenant's ModelService with `predictionLog`: its log, model and `drift` limits count."""
    reports: _Folder
    """Folder that reports are written to: s3://BUCKET/PATH, gs://BUCKET/PATH, or file:///data/PATH
    on the `claim`."""
    reports_key: Annotated[str, Field(min_length=1)] | None = None
    """ARN of the KMS key of the reports' bucket; default: one that AWS manages."""
    credentials: SecretName
    """Secret of the tenant with the `username` and `password` of an MLflow user that may create
    experiments."""
    schedule: Schedule
    """When a window is judged, in cron's five fields and UTC."""
    window_days: Annotated[int, Field(ge=1, le=92)] = 1
    """Days that are compared together."""
    days_back: Annotated[int, Field(ge=1, le=366)] = 1
    """How many days before a run its window ends."""
    min_rows: Annotated[int, Field(ge=200, le=10_000_000)] = 1000
    """Fewest logged rows in the window; with fewer nothing is judged."""
    overdue_hours: Annotated[int, Field(ge=25, le=17_520)] | None = None
    """How old the end of the newest judged window may be; default: a day more than `daysBack` and
    `windowDays` together, as for a run every day."""
    labels: Labels | None = None
    """Labels that come late; default: none do."""
    claim: Name | None = None
    """PersistentVolumeClaim of the tenant, mounted at /data."""
    queue: Name | None = None
    """Kueue's LocalQueue in the tenant's namespace; default: the tenant's own, jobs, where the
    environment makes them; elsewhere none, pods start at once."""
    priority: Annotated[JobPriority, by_value(JobPriority)] = JobPriority.BATCH
    """What it is next to other jobs in the environment's queues: training gives way to batch, and
    batch to online."""
    deadline_minutes: Annotated[int, Field(ge=1, le=20_160)] = 120
    """Longest time of a run with all tries."""
    pool: Annotated[ShortName, Field(max_length=28)] | None = None
    """Pool of nodes, declared in the environment, that it runs on; default: nodes of no pool."""
    resources: Resources = Resources(memory="2Gi")
