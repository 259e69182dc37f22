"""What a model service promises its callers, and which promises can be kept watch over."""

from bisect import bisect
from typing import NotRequired, TypedDict

from stanchion.catalog.machines import load
from stanchion.checks import Checks

DEFAULT_AVAILABILITY = 99.5
DEFAULT_WINDOW_DAYS = 28
DEFAULT_MIN_FAILURES = 10
LONGEST_WINDOW_DAYS = 30
"""Prometheus keeps its samples a day longer."""
_SHORTEST_WINDOW_DAYS = 7
_LOWEST, _HIGHEST = 95.0, 99.999


class LatencyObjective(TypedDict):
    """How many of the answers are to be there how soon."""

    milliseconds: float
    """From a request's headers to its answer; one of the bounds of the server's histogram, 0.5 to
    30000, and below the request timeout."""
    percent: float
    """Share of the answers that are to be there by then, 95 to 99.999."""


class ServiceLevelObjectives(TypedDict):
    """What a service promises its callers over a window; an alert tells when that is in danger.

    A request that the client got wrong is no failure of the service and is not counted: neither
    as one nor among all. A failed request counts against availability alone, a slow answer
    against latency alone.
    """

    availability: NotRequired[float]
    """Share in percent of the requests that the server is not to fail, time out or turn away, 95
    to 99.999. Default: 99.5."""
    latency: NotRequired[LatencyObjective]
    """How soon answers are to be there. Default: none; how soon is soon enough, callers know."""
    window_days: NotRequired[int]
    """Days over which the objectives are to be kept, 7 to 30. Default: 28."""
    min_failures: NotRequired[int]
    """Fewest failures or slow answers in an alert's long window, so that few requests alarm
    nobody by chance, 1 to 100000. Default: 10."""


def latency_bounds() -> tuple[float, ...]:
    """The bounds of the model server's latency histogram in seconds, growing."""
    metrics = load("metrics.yaml")["images"]["model-server"]["metrics"]
    return tuple(metrics["model_server_request_duration_seconds"]["buckets"])


def check_objectives(
    check: Checks, slo: ServiceLevelObjectives, *, request_timeout_seconds: int
) -> None:
    """Refuse what cannot be measured and what no alert could tell.

    Args:
        check: Where it is noted.
        slo: What is promised.
        request_timeout_seconds: When the server gives a request up.
    """
    _check_percent(check, "slo.availability", slo.get("availability", DEFAULT_AVAILABILITY))
    check.between(
        "slo.window_days",
        slo.get("window_days", DEFAULT_WINDOW_DAYS),
        _SHORTEST_WINDOW_DAYS,
        LONGEST_WINDOW_DAYS,
    )
    check.between("slo.min_failures", slo.get("min_failures", DEFAULT_MIN_FAILURES), 1, 100_000)
    if latency := slo.get("latency"):
        _check_percent(check, "slo.latency.percent", latency["percent"])
        _check_bound(check, latency["milliseconds"], request_timeout_seconds)


def _check_percent(check: Checks, field: str, percent: float) -> None:
    if percent < _LOWEST:
        check.refuse(
            field,
            f"{percent:g} leaves so large an error budget that the fastest alert, on 14.4 times "
            "its share, would hardly ever come",
            f"write {_LOWEST:g} to {_HIGHEST:g}",
        )
    elif percent > _HIGHEST:
        check.refuse(
            field, f"{percent:g} leaves no error budget", f"write {_LOWEST:g} to {_HIGHEST:g}"
        )


def _check_bound(check: Checks, milliseconds: float, request_timeout_seconds: int) -> None:
    field, bounds = "slo.latency.milliseconds", [1000 * bound for bound in latency_bounds()]
    if milliseconds not in bounds:
        at = bisect(bounds, milliseconds)
        near = " or ".join(f"{bound:g}" for bound in bounds[max(0, at - 1) : at + 1])
        check.refuse(
            field,
            f"{milliseconds:g} is no bound of the histogram by which the server measures",
            f"write {near}",
        )
    elif milliseconds >= 1000 * request_timeout_seconds:
        check.refuse(
            field,
            f"{milliseconds:g} is not below request_timeout_seconds: {request_timeout_seconds}, "
            "after which there is no answer that could be late",
            "lower it, or raise request_timeout_seconds",
        )
