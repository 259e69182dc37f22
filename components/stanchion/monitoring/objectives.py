"""What a service promises its callers, and which promises can be kept watch over."""

from bisect import bisect
from collections.abc import Sequence
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


class Window(TypedDict):
    """What all promises of a service have in common."""

    window_days: NotRequired[int]
    """Days over which they are to be kept, 7 to 30. Default: 28."""
    min_failures: NotRequired[int]
    """Fewest failures in an alert's long window, 1 to 100000. Default: 10."""


class LatencyObjective(TypedDict):
    """How many of the answers are to be there how soon."""

    milliseconds: float
    """How soon: one of the bounds of the server's histogram. Of a model server from a request's
    headers to its answer, 0.5 to 30000, and below the request timeout."""
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


class LlmObjectives(TypedDict):
    """What a language model promises its callers over a window.

    A request that the client got wrong is not counted. A stream that breaks after its first piece
    is no failure to the server's counter, and is not seen here.
    """

    availability: NotRequired[float]
    """Share in percent of the requests that the server is not to fail, 95 to 99.999. Default: 99.5;
    with a `guardrail` none, since callers are promised something by that."""
    first_token: NotRequired[LatencyObjective]
    """How soon the first token is to be there: milliseconds of 1, 5, 10, 20, 40, 60, 80, 100, 250,
    500, 750, 1000, 2500, 5000, 7500, 10000, 20000, 40000 and more. Default: none."""
    token_time: NotRequired[LatencyObjective]
    """How soon each further token is to follow, as the mean of a request: milliseconds of 10, 25,
    50, 75, 100, 150, 200, 300, 400, 500, 750, 1000 and more. Default: none."""
    window_days: NotRequired[int]
    """Days over which the objectives are to be kept, 7 to 30. Default: 28."""
    min_failures: NotRequired[int]
    """Fewest failures or slow answers in an alert's long window, so that few requests alarm
    nobody by chance, 1 to 100000. Default: 10."""


class GatewayObjectives(TypedDict):
    """What a guarded address promises its callers over a window.

    What a guard, a limit or the client itself ended is not counted.
    """

    availability: NotRequired[float]
    """Share in percent of the requests that neither the gateway nor the last of its backends is to
    fail, 95 to 99.999. Default: 99.5."""
    window_days: NotRequired[int]
    """Days over which the objective is to be kept, 7 to 30. Default: 28."""
    min_failures: NotRequired[int]
    """Fewest failures in an alert's long window, so that few requests alarm nobody by chance, 1 to
    100000. Default: 10."""


TIME_TO_FIRST = "vllm:time_to_first_token_seconds"
TIME_FOR_EACH = "vllm:request_time_per_output_token_seconds"
"""vLLM's histograms, the second of each request's mean."""


def llm_bounds(histogram: str) -> tuple[float, ...]:
    """The bounds of one of vLLM's histograms in seconds, growing."""
    return tuple(load("exporters.yaml")["exporters"]["vllm"]["buckets"][histogram])


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
    _check_window(check, slo, slo.get("availability", DEFAULT_AVAILABILITY))
    if latency := slo.get("latency"):
        longest = "request_timeout_seconds", request_timeout_seconds
        _check_latency(check, "slo.latency", latency, latency_bounds(), longest)


def check_llm_objectives(check: Checks, slo: LlmObjectives, *, stream_seconds: int) -> None:
    """Refuse what vLLM does not measure and what no alert could tell.

    Args:
        check: Where it is noted.
        slo: What is promised.
        stream_seconds: Longest that an answer may take.
    """
    _check_window(check, slo, slo.get("availability", DEFAULT_AVAILABILITY))
    longest = "stream_seconds", stream_seconds
    if first := slo.get("first_token"):
        _check_latency(check, "slo.first_token", first, llm_bounds(TIME_TO_FIRST), longest)
    if each := slo.get("token_time"):
        _check_latency(check, "slo.token_time", each, llm_bounds(TIME_FOR_EACH), longest)


def check_gateway_objectives(check: Checks, slo: GatewayObjectives) -> None:
    """Refuse what no alert could tell."""
    _check_window(check, slo, slo.get("availability", DEFAULT_AVAILABILITY))


def _check_window(check: Checks, slo: Window, availability: float) -> None:
    _check_percent(check, "slo.availability", availability)
    check.between(
        "slo.window_days",
        slo.get("window_days", DEFAULT_WINDOW_DAYS),
        _SHORTEST_WINDOW_DAYS,
        LONGEST_WINDOW_DAYS,
    )
    check.between("slo.min_failures", slo.get("min_failures", DEFAULT_MIN_FAILURES), 1, 100_000)


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


def _check_latency(
    check: Checks,
    path: str,
    promised: LatencyObjective,
    seconds: Sequence[float],
    longest: tuple[str, int],
) -> None:
    _check_percent(check, f"{path}.percent", promised["percent"])
    check_bound(check, f"{path}.milliseconds", promised["milliseconds"], seconds, longest)


def check_bound(
    check: Checks,
    field: str,
    milliseconds: float,
    seconds: Sequence[float],
    longest: tuple[str, int],
) -> None:
    """Refuse a latency that the server's histogram cannot tell, or that no answer can have.

    Args:
        check: Where it is noted.
        field: Where the latency is written.
        milliseconds: The latency.
        seconds: Bounds of the histogram, growing.
        longest: What limits an answer, and to how many seconds.
    """
    bounds, (limit, limit_seconds) = [1000 * bound for bound in seconds], longest
    if milliseconds not in bounds:
        at = bisect(bounds, milliseconds)
        near = " or ".join(f"{bound:g}" for bound in bounds[max(0, at - 1) : at + 1])
        check.refuse(
            field,
            f"{milliseconds:g} is no bound of the histogram by which the server measures",
            f"write {near}",
        )
    elif milliseconds >= 1000 * limit_seconds:
        check.refuse(
            field,
            f"{milliseconds:g} is not below {limit}: {limit_seconds}, "
            "after which there is no answer that could be late",
            f"lower it, or raise {limit}",
        )
