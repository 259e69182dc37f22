"""How a new version of a `ModelService` takes over, and what it is judged by on the way."""

import math
import re
from enum import StrEnum
from typing import NotRequired, TypedDict

from stanchion.checks import Checks
from stanchion.placement import Placement

DEFAULT_SURGE = 1
DEFAULT_GOOD_INTERVALS = 2
DEFAULT_INTERVAL_SECONDS = 30
DEFAULT_MIN_REQUESTS = 50
DEFAULT_DEADLINE_SECONDS = 1800
DEFAULT_SCALE_DOWN_DELAY_SECONDS = 60
_DEFAULT_WEIGHTS = (25, 50)
_CLOSE_ENOUGH = 2
"""Points between the weight that is asked for and the one that replicas give."""
_METRIC_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")


class RolloutStrategy(StrEnum):
    """How a new version takes over."""

    ROLLING = "rolling"
    """Replica by replica, as soon as each answers."""
    CANARY = "canary"
    """A growing share of the requests, judged by metrics; taken back by itself when bad."""
    BLUE_GREEN = "blueGreen"
    """All requests at once when every new replica answers; judged then, taken back likewise."""


class CanaryStep(TypedDict):
    """One share of the requests, and how long it is watched."""

    weight: int
    """Share of the requests in percent, 1 to 99. Without a gateway it is replicas over their
    number, so few replicas reach few weights."""
    good_intervals: NotRequired[int]
    """Intervals in a row that must be good before the next step, 1 to 100. Default: 2."""
    pause_seconds: NotRequired[int]
    """Time to wait after them, 0 to 604800. Default: 0."""


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
    bad: the release holds, and is taken back at the deadline.
    """

    prometheus_url: NotRequired[str]
    """Prometheus that scrapes the service. Default: that of Prometheus Operator in `monitoring`."""
    interval_seconds: NotRequired[int]
    """Length of an interval, 10 to 3600. Default: 30."""
    min_requests: NotRequired[int]
    """Fewest requests in an interval that say anything, 1 to 1000000. Default: 50."""
    max_error_ratio: NotRequired[float]
    """Largest share of requests that the server failed, or refused beyond the share that the
    version before refuses, 0 to 1. Default: 0.01."""
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
    """Time after which a release that was not judged good is taken back, 60 to 604800.
    Default: 1800."""


class ModelRollout(TypedDict):
    """How a new version takes over."""

    strategy: RolloutStrategy
    """Which way; canary and blueGreen need Argo Rollouts and Prometheus in the cluster."""
    steps: NotRequired[list[CanaryStep]]
    """Of a canary, weights growing. Default: about 25 and 50 percent, as replicas allow."""
    surge: NotRequired[int]
    """Replicas beyond their number while a version takes over, 1 to 100, GPUs of the pool
    included. Default: 1. With blueGreen it is as many again as there are."""
    scale_down_delay_seconds: NotRequired[int]
    """With blueGreen, how long the version before stays up after the new one was found good, 30
    to 86400. Default: 60."""
    analysis: NotRequired[ReleaseAnalysis]
    """What it is judged by. Default: all defaults."""


def is_measured(rollout: ModelRollout | None) -> bool:
    """Whether a controller judges the new version, rather than only starting it."""
    return rollout is not None and rollout["strategy"] is not RolloutStrategy.ROLLING


def surge_of(rollout: ModelRollout | None, replicas: int) -> int:
    """Replicas beyond `replicas` while a version takes over."""
    if rollout is None:
        return DEFAULT_SURGE
    if rollout["strategy"] is RolloutStrategy.BLUE_GREEN:
        return replicas
    return rollout.get("surge", DEFAULT_SURGE)


def steps_of(rollout: ModelRollout, replicas: int) -> list[CanaryStep]:
    """The steps of a canary of at least `replicas` replicas, defaults filled in."""
    if stated := rollout.get("steps"):
        return stated
    surge = surge_of(rollout, replicas)
    weights = {round(nearest_weight(weight, replicas, surge)[0]) for weight in _DEFAULT_WEIGHTS}
    return [{"weight": weight} for weight in sorted(weights)]


def nearest_weight(weight: int, replicas: int, surge: int) -> tuple[float, int, int]:
    """The share that Argo Rollouts gives a canary where it can only count replicas.

    It weighs rounding up or down, of the replicas and, where it may surge, of one more; both
    versions keep at least one (`CalculateReplicaCountsForBasicCanary` of Argo Rollouts 1.9).

    Returns:
        The share in percent, the replicas of the new version and those of both.
    """
    exact = replicas * weight / 100
    counts = {math.ceil(exact), math.floor(exact)} - {0}
    totals = [replicas, replicas + 1] if surge else [replicas]
    options = [(count, total) for total in totals for count in counts if count < total]
    count, total = min(
        options or [(1, 1)], key=lambda option: abs(100 * option[0] / option[1] - weight)
    )
    return 100 * count / total, count, total


def check_rollout(check: Checks, rollout: ModelRollout, min_replicas: int) -> None:
    """Refuse what cannot be or would not be noticed."""
    strategy = rollout["strategy"]
    check.between("rollout.surge", rollout.get("surge", DEFAULT_SURGE), 1, 100)
    delay = rollout.get("scale_down_delay_seconds", DEFAULT_SCALE_DOWN_DELAY_SECONDS)
    check.between("rollout.scale_down_delay_seconds", delay, 30, 86400)
    allowed: dict[str, set[RolloutStrategy]] = {
        "steps": {RolloutStrategy.CANARY},
        "surge": {RolloutStrategy.CANARY, RolloutStrategy.ROLLING},
        "scale_down_delay_seconds": {RolloutStrategy.BLUE_GREEN},
        "analysis": {RolloutStrategy.CANARY, RolloutStrategy.BLUE_GREEN},
    }
    for field, strategies in allowed.items():
        if field in rollout and strategy not in strategies:
            others = " or ".join(sorted(strategies))
            check.refuse(
                f"rollout.{field}",
                f"says nothing with strategy {strategy}",
                f"remove it, or write strategy: {others}",
            )
    # With none kept there is nothing to weigh: `check_rest` refuses that.
    if strategy is RolloutStrategy.CANARY and min_replicas:
        _check_steps(check, rollout, min_replicas)
    if "analysis" in rollout:
        _check_analysis(check, rollout["analysis"])


def check_room(
    check: Checks, rollout: ModelRollout | None, replicas: int, gpus: int, at: Placement
) -> None:
    """Refuse `replicas` of some GPUs that leave a pool no room for a new version beside them."""
    room = at["max_devices"] // at["devices_per_node"] * (at["devices_per_node"] // gpus)
    surge = surge_of(rollout, replicas)
    if replicas + surge > room:
        fits = (few for few in range(replicas) if few + surge_of(rollout, few) <= room)
        most = max(fits, default=0)
        fewer = f"lower it to {most}, or " if most else ""
        check.refuse(
            "autoscaling.max_replicas",
            f"{replicas} and the {surge} more that a rollout needs are {replicas + surge} replicas "
            f"with gpus: {gpus}, and the {at['max_devices']} GPUs or slices of pool '{at['pool']}' "
            f"at its largest hold {room}",
            f"{fewer}raise max_nodes of the pool",
        )


def _check_steps(check: Checks, rollout: ModelRollout, replicas: int) -> None:
    surge = surge_of(rollout, replicas)
    before = 0
    for at, step in enumerate(rollout.get("steps", [])):
        field, weight = f"rollout.steps[{at}]", step["weight"]
        good = step.get("good_intervals", DEFAULT_GOOD_INTERVALS)
        check.between(f"{field}.good_intervals", good, 1, 100)
        check.between(f"{field}.pause_seconds", step.get("pause_seconds", 0), 0, 604800)
        if not 1 <= weight <= 99:
            check.refuse(f"{field}.weight", f"{weight} is out of range", "write 1 to 99")
            continue
        if weight <= before:
            check.refuse(
                f"{field}.weight", f"{weight} is not above {before} before it", "let weights grow"
            )
        before = weight
        share, canary, total = nearest_weight(weight, replicas, surge)
        if abs(share - weight) > _CLOSE_ENOUGH:
            enough = next(
                many
                for many in range(replicas, 101)
                if abs(nearest_weight(weight, many, surge)[0] - weight) <= _CLOSE_ENOUGH
            )
            check.refuse(
                f"{field}.weight",
                f"{weight} percent cannot be reached with autoscaling.min_replicas: {replicas}, "
                f"where {canary} of {total} replicas are the nearest, {share:.0f} percent",
                f"write {share:.0f}, or raise min_replicas to {enough}",
            )


def _check_analysis(check: Checks, analysis: ReleaseAnalysis) -> None:
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
