"""What is watched about jobs of a tenant: batch scoring and training."""

from collections.abc import Iterator
from dataclasses import dataclass

from stanchion.monitoring.rules import AlertRule, RuleGroup
from stanchion.monitoring.runs import INTERVAL_SECONDS, Once, gave_up, gave_up_once, late
from stanchion.monitoring.watched import Watched

_OVER = "Its tries are used up, its time is over, or another try could not help"


@dataclass(frozen=True)
class WatchedJobs(Watched):
    """A batch scoring or a training as its alerts know it.

    Attributes:
        deadline_seconds: Longest time of a run.
        once: What it runs once, beside its CronJob or in its place; None: nothing.
        repeats: Whether it has a CronJob.
        schedule: When that one runs; None: when it is asked.
    """

    deadline_seconds: int
    once: Once | None = None
    repeats: bool = False
    schedule: str | None = None


def job_rules(watched: WatchedJobs) -> list[RuleGroup]:
    """The alerts of jobs: one gave up, or what has a schedule is late."""
    name = f"{watched.namespace}-{watched.service}-jobs"
    return [RuleGroup(name, [*_alerts(watched)], INTERVAL_SECONDS)]


def _alerts(watched: WatchedJobs) -> Iterator[AlertRule]:
    if watched.once is not None:
        yield gave_up_once(
            watched,
            "JobFailed",
            watched.once,
            f"{_OVER}. Nothing runs it again by itself; the alert goes with the Job.",
        )
    if watched.repeats:
        yield gave_up(
            watched,
            "JobFailed",
            f"{_OVER}, and no run has succeeded since. The next one that does ends the alert; of a "
            "scoring, it scores a day of its own.",
        )
    if watched.schedule is not None:
        yield from late(
            watched,
            "ScheduleLate",
            watched.schedule,
            watched.deadline_seconds,
            "Runs do not begin, wait in their queue, take too long or fail. What they make is "
            "older than it is to be.",
        )
