"""What batch scoring is told by its environment, beside what the server is told of its model."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from stanchion_model_server.settings import Address, Settings

DATE: Final = "{date}"
"""What stands for the day in an address."""
_SCHEDULED: Final = re.compile(r"-(\d{8,9})$")
"""How a CronJob names its Jobs: minutes since 1970 of the time for which it was scheduled."""
_LATE, _EARLY = timedelta(days=31), timedelta(days=1)
"""How long a run may have waited, and a clock be behind: other digits are no minutes. A date that
somebody ends a name in would be minutes of 2008."""


def _listed(value: Any) -> Any:
    return tuple(filter(None, value.split(","))) if isinstance(value, str) else value


def _own_version() -> str:
    try:
        return version("stanchion-model-server")
    except PackageNotFoundError:  # the image has the sources alone
        return "unknown"


class BatchSettings(Settings):
    """One environment variable per field, its name in capitals. Unset means the default."""

    input_uri: Address
    """Folder of the Parquet files to score; `{date}` stands for the day."""
    output_uri: Address
    """Folder to write to, another than the input's; `{date}` stands for the day."""
    shards: Annotated[int, Field(ge=1, le=10_000)] = 1
    """How many parts the input is cut into; of each day where there are days."""
    job_completion_index: Annotated[int, Field(ge=0)] | None = None
    """Which part this process scores, days counted first; unset: all, one after the other."""
    first_date: date | None = None
    """First of the days to score."""
    last_date: date | None = None
    """Last of the days to score."""
    job_name: str = ""
    """The Job that this pod is of: a CronJob's says for when it was scheduled."""
    job_uid: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]*$")] = ""
    """Its UID: pods of one Job must all see one input; unset: this process is alone."""
    days_back: Annotated[int, Field(ge=0, le=366)] = 1
    """How many days before the one of its schedule a scheduled run scores."""
    keep_columns: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Columns of the input that stand beside the answers, separated by commas."""
    batch_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 8192
    """Most rows in one call of the model."""
    refused_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of a shard's rows that may be refused before the shard fails."""
    code_version: str = Field(default_factory=_own_version)
    """What the answers were computed with; a new one computes them anew."""

    @model_validator(mode="after")
    def _days_and_places(self) -> Self:
        if self.input_uri.rstrip("/") == self.output_uri.rstrip("/"):
            raise ValueError("INPUT_URI and OUTPUT_URI are one folder; write another output")
        if (DATE in self.input_uri) != (DATE in self.output_uri):
            raise ValueError(
                f"INPUT_URI and OUTPUT_URI must both have {DATE} or neither: the days would"
                " overwrite each other"
            )
        if (self.first_date is None) != (self.last_date is None):
            raise ValueError("FIRST_DATE and LAST_DATE go together")
        if self.first_date is not None and self.last_date is not None:
            if self.last_date < self.first_date:
                raise ValueError("LAST_DATE is before FIRST_DATE")
            if DATE not in self.input_uri:
                raise ValueError(f"FIRST_DATE needs {DATE} in INPUT_URI")
        if (self.job_completion_index or 0) >= len(self.days()) * self.shards:
            raise ValueError("JOB_COMPLETION_INDEX is beyond the last shard of the last day")
        return self

    def days(self) -> list[date | None]:
        """The days to score; one None where the addresses have no day."""
        if DATE not in self.input_uri:
            return [None]
        if self.first_date is not None and self.last_date is not None:
            count = (self.last_date - self.first_date).days + 1
            return [self.first_date + timedelta(days=at) for at in range(count)]
        return [scheduled_day(self.job_name, self.days_back)]

    def tasks(self) -> list[tuple[date | None, int]]:
        """Day and shard of all that this process scores."""
        every = [(day, shard) for day in self.days() for shard in range(self.shards)]
        at = self.job_completion_index
        return every if at is None else [every[at]]


def scheduled_day(job_name: str, days_back: int) -> date:
    """The day that a CronJob's run is about, however late it is tried.

    Args:
        job_name: The run's Job; one that no CronJob named is about today's past.
        days_back: How many days before the one of its schedule.
    """
    when = now = datetime.now(UTC)
    if digits := _SCHEDULED.search(job_name):
        scheduled = datetime.fromtimestamp(int(digits[1]) * 60, UTC)
        if now - _LATE < scheduled < now + _EARLY:
            when = scheduled
    return when.date() - timedelta(days=days_back)


def on(day: date | None, address: str) -> str:
    """The address of a day."""
    return address.replace(DATE, day.isoformat()) if day else address
