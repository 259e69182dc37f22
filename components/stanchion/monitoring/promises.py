"""What a service promises, as queries that measure it and alerts that it is in danger."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stanchion.monitoring.burn_rates import (
    BUDGET_LEFT,
    Objective,
    burning,
    errors,
    recordings,
)
from stanchion.monitoring.objectives import (
    DEFAULT_MIN_FAILURES,
    DEFAULT_WINDOW_DAYS,
    LatencyObjective,
    Window,
)
from stanchion.monitoring.rules import AlertRule, AlertSeverity, RuleGroup
from stanchion.monitoring.watched import Watched


@dataclass(frozen=True)
class Promise:
    """An objective, and the words of its alert.

    Attributes:
        objective: How it is measured.
        alert: Name of its alert, which is its runbook's.
        breaks: What the service does that breaks it, as "fails requests".
        kept: What is promised, as "requests do not fail".
    """

    objective: Objective
    alert: str
    breaks: str
    kept: str


def objective(
    watched: Watched,
    name: str,
    percent: float,
    slo: Window,
    *,
    requests: Callable[[str], str],
    failures: Callable[[str], str],
) -> Objective:
    """An objective of a service over the window that its promises have."""
    return Objective(
        name,
        percent,
        slo.get("window_days", DEFAULT_WINDOW_DAYS),
        slo.get("min_failures", DEFAULT_MIN_FAILURES),
        watched.labels,
        requests,
        failures,
    )


def counted(watched: Watched, counter: str, matching: str) -> Callable[[str], str]:
    """PromQL of a counter's growth a second, over a window."""
    selected = f"{counter}{watched.selector(matching)}"
    return lambda window: f"sum(rate({selected}[{window}]))"


def in_time(
    watched: Watched,
    name: str,
    histogram: str,
    *,
    promised: LatencyObjective,
    slo: Window,
    matching: str = "",
) -> Objective:
    """An objective that values of a histogram are below one of its bounds."""
    bound = float(promised["milliseconds"]) / 1000
    # The bound as prometheus_client writes it and Prometheus 3 stores it: 1.0, never 1.
    below = ",".join(filter(None, (matching, f'le="{bound!r}"')))
    every = counted(watched, f"{histogram}_count", matching)
    soon = counted(watched, f"{histogram}_bucket", below)
    return objective(
        watched,
        name,
        promised["percent"],
        slo,
        requests=every,
        # Rates of two counters may differ by a hair where all answers were quick.
        failures=lambda window: f"clamp_min({every(window)} - {soon(window)}, 0)",
    )


def promise_recordings(prefix: str, promises: Sequence[Promise]) -> list[RuleGroup]:
    """What is recorded about promises, in groups that begin with the prefix."""
    return [group for each in promises for group in recordings(prefix, each.objective)]


def budget_alerts(watched: Watched, promises: Sequence[Promise]) -> Iterator[AlertRule]:
    """The alerts that an error budget is spent too fast."""
    for promise in promises:
        kept = promise.objective
        now, left = (
            f"{{{{ with query `{kept.series(series)}` }}}}"
            "{{ . | first | value | humanizePercentage }}{{ else }}unknown{{ end }}"
            for series in (errors("5m"), BUDGET_LEFT)
        )
        for severity in AlertSeverity:
            yield watched.alert(
                promise.alert,
                burning(kept, severity),
                severity,
                summary=f'{promise.breaks}: its error budget goes {{{{ printf "%.1f" $value }}}} '
                "times as fast as it may",
                description=f"Promised: {kept.percent:g} percent of {promise.kept}, over "
                f"{kept.window_days} days. In the last five minutes {now} did not keep to it; "
                f"{left} of the error budget are left.",
                labels={"slo": kept.name},
            )
