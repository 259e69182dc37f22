"""What the trigger decided, and how the training stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

from stanchion_retraining.runs import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stanchion_retraining.runs import Run

REASONS = ("drift", "data-quality", "quality", "new-data")


class Metrics:
    """One process's metrics. Every outcome's series exists from the start, at 0."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.decisions = Counter(
            "retraining_decisions",
            "Causes of a training that were judged, by what came of it.",
            ["reason", "outcome"],
            registry=self.registry,
        )
        for reason in REASONS:
            for outcome in Outcome:
                self.decisions.labels(reason=reason, outcome=outcome)
        self._started = Gauge(
            "retraining_last_started_timestamp_seconds",
            "When the newest training began, whoever started it; 0 before the first.",
            registry=self.registry,
        )
        self._failed = Gauge(
            "retraining_last_failed",
            "1 while the newest training that is over has failed.",
            registry=self.registry,
        )
        self._running = Gauge(
            "retraining_running",
            "Trainings that run, or wait in their queue.",
            registry=self.registry,
        )
        self._left = Gauge(
            "retraining_runs_left",
            "Trainings that may still begin, of those that may in 30 days.",
            registry=self.registry,
        )
        self._seen = Gauge(
            "retraining_last_look_timestamp_seconds",
            "When the trigger last saw its training and, where it watches them, the data.",
            registry=self.registry,
        )

    def show(self, runs: Sequence[Run], left: int) -> None:
        """Bring the gauges up to date.

        Args:
            runs: The newest last.
            left: What the budget has left.
        """
        over = [run for run in runs if run.state != "running"]
        self._started.set(runs[-1].began.timestamp() if runs else 0)
        self._failed.set(bool(over) and over[-1].state == "failed")
        self._running.set(len(runs) - len(over))
        self._left.set(left)

    def looked(self) -> None:
        """Everything could be seen just now."""
        self._seen.set_to_current_time()
