"""Runs of a training, and whether there may be another one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CAUSE = "stanchion.dev/retraining-cause"
"""Annotation of a Job, and of its pods: what started it, and nothing else twice."""
REASON = "stanchion.dev/retraining-reason"
"""Likewise: drift, data-quality or new-data."""
PARENT = "stanchion.dev/retraining-parent"
"""Likewise: the version that was served then."""


@dataclass(frozen=True)
class Cause:
    """What asks for a training.

    Attributes:
        reason: drift, data-quality or new-data.
        key: Tells it from every other, and is the same however often it is told.
        trained_since: A run that began after this has dealt with it, whatever started that.
    """

    reason: str
    key: str
    trained_since: datetime


@dataclass(frozen=True)
class Run:
    """A Job of the training, whoever started it."""

    uid: str
    began: datetime
    cause: str
    state: str
    """running, complete or failed. One that waits in a queue runs too."""

    @classmethod
    def of(cls, job: Mapping[str, Any]) -> Run:
        """A Job as the API tells it."""
        described = job["metadata"]
        conditions = job.get("status", {}).get("conditions") or []
        ended = {each["type"] for each in conditions if each["status"] == "True"}
        state = "failed" if "Failed" in ended else "complete" if "Complete" in ended else "running"
        return cls(
            described["uid"],
            moment(described["creationTimestamp"]),
            (described.get("annotations") or {}).get(CAUSE, ""),
            state,
        )


def moment(text: str) -> datetime:
    """A time as Kubernetes and Alertmanager write it.

    Raises:
        ValueError: It is none, or has no time zone.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"'{text}' has no time zone")
    return found.astimezone(UTC)


class Outcome(StrEnum):
    """What came of a cause."""

    STARTED = "started"
    KNOWN = "known"
    """Its training was started before, or another one began after it."""
    RUNNING = "running"
    """A training runs; asked again later."""
    COOLDOWN = "cooldown"
    """The last one began too short a time ago; asked again later."""
    BUDGET_SPENT = "budget_spent"
    """As many as there may be in 30 days have begun; asked again later."""
    OTHER_VERSION = "other_version"
    """An alert about a version that is not the one served."""


@dataclass(frozen=True)
class Limits:
    """How often there may be a training."""

    cooldown: timedelta
    max_runs: int
    window: timedelta

    def left(self, runs: Sequence[Run], now: datetime) -> int:
        """How many more may begin now, as far as the budget goes."""
        return max(0, self.max_runs - sum(run.began > now - self.window for run in runs))

    def judge(self, cause: Cause, runs: Sequence[Run], now: datetime) -> Outcome:
        """Whether a cause may start a training now, or what stands against it."""
        if any(run.cause == cause.key or run.began > cause.trained_since for run in runs):
            return Outcome.KNOWN
        if any(run.state == "running" for run in runs):
            return Outcome.RUNNING
        if any(run.began > now - self.cooldown for run in runs):
            return Outcome.COOLDOWN
        if self.left(runs, now) == 0:
            return Outcome.BUDGET_SPENT
        return Outcome.STARTED
