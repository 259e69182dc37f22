"""How fast an error budget is spent: the series to record, and when that is an alert.

The budget is the share of requests that an objective leaves to fail. A burn rate of 1 spends it
exactly in the objective's window, one of 14.4 in a 14.4th of it. Pairs of windows and their
factors are those of Google's SRE workbook (chapter 5, "Alerting on SLOs", the sixth approach): the
long window says that it matters, the short one that it still goes on. Windows up to six hours look
at the counters themselves; longer ones add up what was counted every five minutes, which costs
little and weighs every request alike.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from stanchion.monitoring.rules import AlertSeverity, RecordingRule, RuleGroup

INTERVAL_SECONDS = 30
"""How often short windows and alerts are evaluated."""
_LONG_INTERVAL_SECONDS = 120
# As often as the window is long: each request is counted once.
_COUNT_WINDOW, _COUNT_INTERVAL_SECONDS = "5m", 300
REQUESTS = f"model_service:slo_requests:increase{_COUNT_WINDOW}"
FAILURES = f"model_service:slo_failures:increase{_COUNT_WINDOW}"
OBJECTIVE = "model_service:slo_objective:ratio"
PERIOD_ERRORS = "model_service:slo_errors:ratio_period"
BUDGET_LEFT = "model_service:slo_error_budget:left_ratio"
_RAW = ("5m", "30m", "1h", "2h", "6h")
_SUMMED = ("1d", "3d")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class BurnRate:
    """A speed of spending that is an alert.

    Attributes:
        severity: Whose alert.
        factor: Times the speed that spends the budget exactly in the objective's window.
        long: Window over which it must be so, as Prometheus writes it.
        short: Window over which it must still be so.
    """

    severity: AlertSeverity
    factor: float
    long: str
    short: str


BURN_RATES = (
    BurnRate(AlertSeverity.PAGE, 14.4, "1h", "5m"),
    BurnRate(AlertSeverity.PAGE, 6, "6h", "30m"),
    BurnRate(AlertSeverity.TICKET, 3, "1d", "2h"),
    BurnRate(AlertSeverity.TICKET, 1, "3d", "6h"),
)


@dataclass(frozen=True)
class Objective:
    """A promise and how it is measured.

    Attributes:
        name: Its name, the series' label `slo`.
        percent: Share of the requests that are to be good.
        window_days: Over how long.
        min_failures: Fewest failures in the long window of an alert.
        about: Labels that tell the service.
        requests: PromQL of the requests that count, a second, over a window.
        failures: PromQL of those that are not good, likewise.
    """

    name: str
    percent: float
    window_days: int
    min_failures: int
    about: Mapping[str, str]
    requests: Callable[[str], str]
    failures: Callable[[str], str]

    @property
    def budget(self) -> float:
        """The share of requests that may fail, 0 to 1."""
        return round((100 - self.percent) / 100, 8)

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of what is recorded about it."""
        return {**self.about, "slo": self.name}

    def recording(self, record: str, expr: str) -> RecordingRule:
        """What is recorded about this objective."""
        return RecordingRule(record, expr, self.labels)

    def series(self, record: str) -> str:
        """A recorded series of this objective."""
        return f"{record}{{{matchers(self.labels)}}}"


def matchers(labels: Mapping[str, str]) -> str:
    """Labels as a selector's matchers."""
    return ",".join(f'{label}="{value}"' for label, value in labels.items())


def seconds(window: str) -> float:
    """The length of a window in Prometheus' notation, as 5m or 3d."""
    return timedelta(**{_UNITS[window[-1]]: int(window[:-1])}).total_seconds()


def errors(window: str) -> str:
    """Name of the recorded share of failures over a window."""
    return f"model_service:slo_errors:ratio_rate{window}"


def failed(window: str) -> str:
    """Name of the recorded number of failures in a window."""
    return f"model_service:slo_failures:increase{window}"


def recordings(prefix: str, objective: Objective) -> list[RuleGroup]:
    """What is recorded about an objective: its short windows, and counts for the long ones.

    Args:
        prefix: Beginning of the groups' names, one of its kind in the cluster.
        objective: The objective.
    """
    name = f"{prefix}-{objective.name}"
    return [
        RuleGroup(f"{name}-short-windows", [*_short(objective)], INTERVAL_SECONDS),
        RuleGroup(f"{name}-counts", [*_counts(objective)], _COUNT_INTERVAL_SECONDS),
        RuleGroup(f"{name}-long-windows", [*_long(objective)], _LONG_INTERVAL_SECONDS),
    ]


def burning(objective: Objective, severity: AlertSeverity) -> str:
    """PromQL of the burn rate where it is an alert of a severity, and nothing otherwise.

    A window without requests has no share of failures, and so no alert.
    """
    return " or ".join(_pair(objective, rate) for rate in BURN_RATES if rate.severity is severity)


def _pair(objective: Objective, rate: BurnRate) -> str:
    long, short = (
        f"{objective.series(errors(window))} / {objective.budget:g} > {rate.factor:g}"
        for window in (rate.long, rate.short)
    )
    enough = f"{objective.series(failed(rate.long))} >= {objective.min_failures}"
    return f"({long} and {short} and {enough})"


def _short(objective: Objective) -> Iterator[RecordingRule]:
    for window in _RAW:
        ratio = _share(objective.failures(window), objective.requests(window))
        yield objective.recording(errors(window), ratio)
    for window in _alerting(_RAW):
        count = _count(objective.failures(window), window)
        yield objective.recording(failed(window), count)


def _counts(objective: Objective) -> Iterator[RecordingRule]:
    for name, rate in ((REQUESTS, objective.requests), (FAILURES, objective.failures)):
        yield objective.recording(name, _count(rate(_COUNT_WINDOW), _COUNT_WINDOW))


def _long(objective: Objective) -> Iterator[RecordingRule]:
    def added(name: str, window: str) -> str:
        return f"sum_over_time({objective.series(name)}[{window}])"

    windows = {errors(window): window for window in _SUMMED}
    windows[PERIOD_ERRORS] = f"{objective.window_days}d"
    for name, window in windows.items():
        share = _share(added(FAILURES, window), added(REQUESTS, window))
        yield objective.recording(name, share)
    for window in _alerting(_SUMMED):
        yield objective.recording(failed(window), added(FAILURES, window))
    left = f"1 - {objective.series(PERIOD_ERRORS)} / {objective.budget:g}"
    yield objective.recording(BUDGET_LEFT, left)
    yield objective.recording(OBJECTIVE, f"vector({1 - objective.budget:.10g})")


def _count(rate: str, window: str) -> str:
    return f"{rate} * {seconds(window):g}"


def _alerting(windows: tuple[str, ...]) -> list[str]:
    """Those of the windows that are the long one of an alert."""
    return [window for window in windows if any(rate.long == window for rate in BURN_RATES)]


def _share(failures: str, requests: str) -> str:
    return f"{failures} / ({requests} > 0)"
