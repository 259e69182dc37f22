"""What a new version of a `ModelService` is judged by while it takes over."""

import math
import re
from typing import NotRequired, TypedDict

from stanchion.checks import Checks

DEFAULT_INTERVAL_SECONDS = 30
DEFAULT_MIN_REQUESTS = 50
DEFAULT_DEADLINE_SECONDS = 1800
BUILT_IN = frozenset(
    {
        "error-ratio",
        "unusable-ratio",
        "latency-ratio",
        "class-shift",
        "mean-shift",
        "restarts",
        "traffic",
        "deadline",
    }
)
"""Names of what every release is judged by."""
_METRIC_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")


class ReleaseMetric(TypedDict):
    """A measure of one's own, such as one of the business."""

    name: str
    """What it is called in the analysis, as a DNS label of up to 40 characters."""
    query: str
    """PromQL that yields one number; `{{args.canary-hash}}` and `{{args.stable-hash}}` are the
    values of the label `rollouts_pod_template_hash` of either version's pods. Where it yields
    nothing, the interval counts neither as good nor as bad."""
    minimum: NotRequired[float]
    """Smallest good value. Default: none."""
    maximum: NotRequired[float]
    """Largest good value. Default: none."""


class ReleaseAnalysis(TypedDict):
    """What a new version is judged by, interval by interval; one bad interval takes it back.

    An interval with fewer requests than `min_requests` to either version is neither good nor
    bad: the release holds, and is taken back at the step's deadline. As long as a canary lasts, its
    pauses included, the last ten intervals together are held to the same limits.
    """

    prometheus_url: NotRequired[str]
    """Prometheus that scrapes the service. Default: that of Prometheus Operator in `monitoring`."""
    interval_seconds: NotRequired[int]
    """Length of an interval, 10 to 3600. Default: 30."""
    min_requests: NotRequired[int]
    """Fewest requests in an interval that say anything, 1 to 1000000. Default: 50."""
    max_error_ratio: NotRequired[float]
    """Largest share of requests that the server failed, or refused beyond the share that the
    version before refuses; and of an output's numbers that are null, NaN, text, infinite or
    beyond 1e100, beyond the share that they were before; 0 to 1. Default: 0.01."""
    max_latency_ratio: NotRequired[float]
    """Largest 95th percentile of latency over that of the version before, 1 to 100.
    Default: 1.5."""
    latency_floor_ms: NotRequired[int]
    """Latency in milliseconds below which no difference matters, 1 to 60000. Default: 25."""
    max_class_shift: NotRequired[float]
    """Largest distance between the predicted classes of both versions, 0 to 1: total variation
    less what chance gives with as many requests. Default: 0.2."""
    max_mean_shift: NotRequired[float]
    """Largest distance between the mean predictions of both versions, in standard deviations of
    the version before, less what chance gives. Default: 0.5."""
    metrics: NotRequired[list[ReleaseMetric]]
    """Measures of one's own. Default: none."""
    deadline_seconds: NotRequired[int]
    """Time after which a release is taken back that was not judged good, 60 to 604800: in each step
    of a canary from when its replicas answer, with blueGreen from when they get the requests.
    Default: 1800."""


def check_analysis(check: Checks, analysis: ReleaseAnalysis) -> None:
    """Refuse what no measurement can be held to."""
    wholes: tuple[tuple[str, int, int, int], ...] = (
        (
            "interval_seconds",
            analysis.get("interval_seconds", DEFAULT_INTERVAL_SECONDS),
            10,
            3600,
        ),
        ("min_requests", analysis.get("min_requests", DEFAULT_MIN_REQUESTS), 1, 10**6),
        ("latency_floor_ms", analysis.get("latency_floor_ms", 25), 1, 60000),
        (
            "deadline_seconds",
            analysis.get("deadline_seconds", DEFAULT_DEADLINE_SECONDS),
            60,
            604800,
        ),
    )
    for field, whole, least, most in wholes:
        check.between(f"rollout.analysis.{field}", whole, least, most)
    numbers: tuple[tuple[str, float, float, float], ...] = (
        ("max_error_ratio", analysis.get("max_error_ratio", 0.01), 0, 1),
        ("max_latency_ratio", analysis.get("max_latency_ratio", 1.5), 1, 100),
        ("max_class_shift", analysis.get("max_class_shift", 0.2), 0, 1),
        ("max_mean_shift", analysis.get("max_mean_shift", 0.5), 0, 100),
    )
    for field, number, low, high in numbers:
        if not low <= number <= high:
            check.refuse(
                f"rollout.analysis.{field}", f"{number:g} is out of range", f"write {low} to {high}"
            )
    own = analysis.get("metrics", [])
    for at, metric in enumerate(own):
        where = f"rollout.analysis.metrics[{at}]"
        if not _METRIC_NAME.fullmatch(metric["name"]):
            check.refuse(
                f"{where}.name",
                f"'{metric['name']}' is no name",
                "write at most 40 lower-case letters, digits and dashes",
            )
        if metric["name"] in BUILT_IN:
            check.refuse(
                f"{where}.name",
                f"'{metric['name']}' is what is measured anyway",
                "choose another name; limits of what is measured have settings of their own",
            )
        if "minimum" not in metric and "maximum" not in metric:
            check.refuse(where, "has neither minimum nor maximum", "add the one that is meant")
        low, high = metric.get("minimum", -math.inf), metric.get("maximum", math.inf)
        if low > high:
            check.refuse(
                f"{where}.minimum",
                f"{low:g} is above maximum, {high:g}, so that no interval would be good",
                "swap them",
            )
    check.unique("rollout.analysis.metrics", [metric["name"] for metric in own])
