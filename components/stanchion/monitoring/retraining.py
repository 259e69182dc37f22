"""What is watched about a model that is trained again by itself."""

from dataclasses import dataclass

from stanchion.monitoring.burn_rates import matchers
from stanchion.monitoring.rules import AlertRule, AlertSeverity, RuleGroup
from stanchion.monitoring.watched import Watched

_INTERVAL_SECONDS = 60
_UNSEEN_SECONDS = 900
"""Its pod is moved to another node in less."""


@dataclass(frozen=True)
class WatchedTrigger(Watched):
    """A retraining trigger as its alerts know it: by the name of its Service.

    Attributes:
        training: Name of the CronJob that it starts.
        poll_seconds: How often it looks.
        repeat_seconds: How soon an alert that fires on is told again.
    """

    training: str
    poll_seconds: int
    repeat_seconds: int

    @property
    def subject(self) -> str:
        """The training, not what starts it."""
        return f"{self.training} in {self.namespace}"


def retraining_rules(watched: WatchedTrigger) -> list[RuleGroup]:
    """The alerts of a trigger: its training failed, may not start any more, or it sees nothing."""
    own = matchers(watched.labels)

    def alert(
        name: str, expr: str, summary: str, description: str, hold_seconds: int = 0
    ) -> AlertRule:
        return watched.alert(
            name,
            expr,
            AlertSeverity.TICKET,
            summary=summary,
            description=description,
            labels={"training": watched.training, "cronjob": watched.training},
            hold_seconds=hold_seconds,
        )

    # Twice as long as it takes until it is asked again: the alert goes on as long as the refusals.
    asked = 2 * watched.repeat_seconds
    refused = f'retraining_decisions_total{{{own},outcome="budget_spent"}}'
    # Looks that failed are three in a row, or a pod that is gone.
    late = max(_UNSEEN_SECONDS, 3 * watched.poll_seconds)
    looked = f"max(retraining_last_look_timestamp_seconds{{{own}}})"
    return [
        RuleGroup(
            f"{watched.namespace}-{watched.service}",
            [
                alert(
                    "RetrainingFailed",
                    f"max(retraining_last_failed{{{own}}}) == 1",
                    "failed, and nothing tries again",
                    "The newest training that is over has failed after all its tries. What it "
                    "was started for starts it no second time.",
                ),
                alert(
                    "RetrainingBudgetSpent",
                    f"sum(increase({refused}[{asked}s])) > 0",
                    "is asked for again, and has had all the runs of 30 days",
                    "Drift or new data go on to ask for a training that maxRuns does not allow: "
                    "the trainings before have not cured it, nobody promoted what they made, or "
                    "most of them were the schedule's.",
                ),
                alert(
                    "RetrainingTriggerBlind",
                    f"absent({looked}) or {looked} < time() - {late}",
                    "is not started by drift or new data: its trigger sees nothing",
                    "The trigger does not run, cannot be scraped, or cannot read its CronJob, its "
                    "Jobs or the data.",
                    hold_seconds=_UNSEEN_SECONDS,
                ),
            ],
            _INTERVAL_SECONDS,
        )
    ]
