"""Service files of kind BatchInference: files scored with a registered model, every row once."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator
from service_resources import Resources
from stanchion import JobPriority
from validation import Environments, Label, Name, Schedule, ShortName, Strict, by_value

_Folder = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^\S+$")]


class Dates(Strict):
    """Days to score, both ends included."""

    first: Annotated[date, Field(alias="from")]
    """First day, as 2026-11-01."""
    last: Annotated[date, Field(alias="to")]
    """Last day."""

    @property
    def days(self) -> int:
        """How many they are."""
        return (self.last - self.first).days + 1


class BatchInferenceFile(Strict):
    """Files scored with a registered model."""

    kind: Literal["BatchInference"]
    """What the file declares."""
    name: ShortName
    """Name of the scoring and of its objects."""
    tenant: ShortName
    """The tenant, declared in the environment, in whose namespace it runs."""
    owner: Label
    """Team that answers for it."""
    cost_center: Label
    """Where its cost is booked."""
    model: Annotated[
        str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9][-A-Za-z0-9_.]*$")
    ]
    """Name of the registered model. Its version is what the lock file pins under this file's name,
    else what it pins for the services of the model."""
    environments: Environments | None = None
    """Environments that run it; default: every one."""
    input: _Folder
    """Folder of Parquet files: s3://BUCKET/PATH, gs://BUCKET/PATH, or file:///data/PATH on the
    `claim`. `{date}` stands for the day, as 2026-11-01."""
    output: _Folder
    """Folder that the answers are written to, likewise; with `{date}` if the input has it."""
    input_key: Annotated[str, Field(min_length=1)] | None = None
    """ARN of the KMS key that the input's bucket is encrypted with; default: one that AWS manages.
    """
    output_key: Annotated[str, Field(min_length=1)] | None = None
    """The same for the output's bucket."""
    claim: Name | None = None
    """PersistentVolumeClaim of the tenant, mounted at /data."""
    schedule: Schedule | None = None
    """When to score, in cron's five fields and UTC; default: once."""
    days_back: Annotated[int, Field(ge=0, le=366)] = 1
    """How many days before a scheduled run the day lies that it scores."""
    dates: Dates | None = None
    """Days to score once, beside the schedule where there is one."""
    shards: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Parts that an input is cut into, of each day where there are days."""
    parallelism: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Most parts that are scored at once."""
    keep_columns: tuple[Annotated[str, Field(min_length=1, pattern=r"^[^,]+$")], ...] = ()
    """Columns of the input that stand beside the answers, as an id."""
    batch_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 8192
    """Most rows in one call of the model."""
    refused_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of a shard's rows that the model's signature may refuse; they are written apart."""
    queue: Name | None = None
    """Kueue's LocalQueue in the tenant's namespace; default: the tenant's own, jobs, where the
    environment makes them; elsewhere none, pods start at once."""
    priority: Annotated[JobPriority, by_value(JobPriority)] = JobPriority.BATCH
    """What it is next to other jobs in the environment's queues: training gives way to batch, and
    batch to online."""
    deadline_minutes: Annotated[int, Field(ge=1, le=20_160)] = 360
    """Longest time for all parts together."""
    pool: Annotated[ShortName, Field(max_length=28)] | None = None
    """Pool of nodes, declared in the environment, that it runs on; default: nodes of no pool."""
    resources: Resources = Resources(memory="1Gi")

    @property
    def at_once(self) -> int:
        """Pods that run at most at the same time."""
        return min(self.parallelism, self.shards * (self.dates.days if self.dates else 1))

    @model_validator(mode="before")
    @classmethod
    def _whole_shares(cls, written: object) -> object:
        """A share may be written as the whole number that it is, 0 or 1."""
        if isinstance(written, dict) and type(written.get("refusedShare")) is int:
            return {**written, "refusedShare": float(written["refusedShare"])}
        return written
