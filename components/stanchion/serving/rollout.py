"""How a new version of a `ModelService` takes over, and what it is judged by on the way."""

import math
from enum import StrEnum
from typing import NotRequired, TypedDict

from stanchion.checks import Checks
from stanchion.placement import Placement, pods_with
from stanchion.serving.release_analysis import (
    DEFAULT_DEADLINE_SECONDS,
    DEFAULT_INTERVAL_SECONDS,
    ReleaseAnalysis,
    check_analysis,
)

DEFAULT_SURGE = 1
DEFAULT_GOOD_INTERVALS = 2
DEFAULT_SCALE_DOWN_DELAY_SECONDS = 60
_DEFAULT_WEIGHTS = (25, 50)
_DEFAULT_GATEWAY_WEIGHTS = (5, 25, 50)
_CLOSE_ENOUGH = 2
"""Points between the weight that is asked for and the one that replicas give."""


class RolloutStrategy(StrEnum):
    """How a new version takes over."""

    ROLLING = "rolling"
    """Replica by replica, as soon as each answers."""
    CANARY = "canary"
    """A growing share of the requests, judged by metrics; taken back by itself when bad."""
    BLUE_GREEN = "blueGreen"
    """All requests at once when every new replica answers; judged then, taken back likewise."""


class CanaryTraffic(StrEnum):
    """What gives a canary its share of the requests."""

    REPLICAS = "replicas"
    """Its share of the replicas."""
    GATEWAY = "gateway"
    """Weights of the service's Gateway, whatever the replicas."""


class CanaryStep(TypedDict):
    """One share of the requests, and how long it is watched."""

    weight: int
    """Share of the requests in percent, 1 to 99. With `traffic` replicas it is replicas over
    their number, so few replicas reach few weights."""
    good_intervals: NotRequired[int]
    """Intervals in a row that must be good before the next step, 1 to 100. Default: 2."""
    pause_seconds: NotRequired[int]
    """Time to wait after them, measured all the while, 0 to 604800. Default: 0."""


class ModelRollout(TypedDict):
    """How a new version takes over."""

    strategy: RolloutStrategy
    """Which way; canary and blueGreen need Argo Rollouts and Prometheus in the cluster."""
    traffic: NotRequired[CanaryTraffic]
    """Of a canary, what its shares are; gateway needs `gateway` of the service. Default:
    replicas."""
    steps: NotRequired[list[CanaryStep]]
    """Of a canary, weights growing. Default: about 25 and 50 percent, as replicas allow; by a
    gateway 5, 25 and 50."""
    surge: NotRequired[int]
    """Replicas beyond their number while a version takes over, 1 to 100, GPUs of the pool
    included. Default: 1. With blueGreen, and by a gateway, it is as many again as there are."""
    scale_down_delay_seconds: NotRequired[int]
    """With blueGreen, how long the version before stays up after the new one was found good, 30
    to 86400. Above the default a release within that time has three versions there at once, GPUs
    of the pool included. Default: 60."""
    analysis: NotRequired[ReleaseAnalysis]
    """What it is judged by. Default: all defaults."""


def is_measured(rollout: ModelRollout | None) -> bool:
    """Whether a controller judges the new version, rather than only starting it."""
    return rollout is not None and rollout["strategy"] is not RolloutStrategy.ROLLING


def weighs_at_gateway(rollout: ModelRollout | None) -> bool:
    """Whether a Gateway's weights are a canary's shares."""
    if rollout is None or rollout["strategy"] is not RolloutStrategy.CANARY:
        return False
    return rollout.get("traffic", CanaryTraffic.REPLICAS) is CanaryTraffic.GATEWAY


def surge_of(rollout: ModelRollout | None, replicas: int) -> int:
    """Replicas beyond `replicas` while a version takes over."""
    if rollout is None:
        return DEFAULT_SURGE
    if rollout["strategy"] is RolloutStrategy.BLUE_GREEN or weighs_at_gateway(rollout):
        # Argo Rollouts keeps the version before at its full number until the end, to go back to.
        return replicas
    return rollout.get("surge", DEFAULT_SURGE)


def beyond_of(rollout: ModelRollout | None, replicas: int) -> int:
    """Replicas beyond `replicas` at the most, those that a release before still keeps included."""
    kept = replicas if _kept_for_long(rollout) else 0
    return surge_of(rollout, replicas) + kept


def beyond_for(rollout: ModelRollout | None) -> str:
    """What `beyond_of` are needed by, in words."""
    if rollout is None or not _kept_for_long(rollout):
        return "a rollout needs"
    delay = rollout["scale_down_delay_seconds"]
    return f"a rollout within rollout.scale_down_delay_seconds, {delay}, of another needs"


def _kept_for_long(rollout: ModelRollout | None) -> bool:
    """Whether a release may find two versions there, and not come up before one of them goes.

    Up to the default it waits for that, and no progress deadline is as short.
    """
    if rollout is None or rollout["strategy"] is not RolloutStrategy.BLUE_GREEN:
        return False
    delay = rollout.get("scale_down_delay_seconds", DEFAULT_SCALE_DOWN_DELAY_SECONDS)
    return delay > DEFAULT_SCALE_DOWN_DELAY_SECONDS


def steps_of(rollout: ModelRollout, replicas: int) -> list[CanaryStep]:
    """The steps of a canary of at least `replicas` replicas, defaults filled in."""
    if stated := rollout.get("steps"):
        return stated
    if weighs_at_gateway(rollout):
        return [{"weight": weight} for weight in _DEFAULT_GATEWAY_WEIGHTS]
    surge = surge_of(rollout, replicas)
    weights = {round(nearest_weight(weight, replicas, surge)[0]) for weight in _DEFAULT_WEIGHTS}
    return [{"weight": weight} for weight in sorted(weights)]


def judging_seconds(rollout: ModelRollout, replicas: int) -> int:
    """Longest that a release of at least `replicas` replicas takes, but for their starts."""
    analysis = rollout.get("analysis", {})
    deadline = analysis.get("deadline_seconds", DEFAULT_DEADLINE_SECONDS)
    if rollout["strategy"] is not RolloutStrategy.CANARY:
        return deadline
    return sum(deadline + step.get("pause_seconds", 0) for step in steps_of(rollout, replicas))


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
        "traffic": {RolloutStrategy.CANARY},
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
    at_gateway = weighs_at_gateway(rollout)
    if at_gateway and "surge" in rollout:
        check.refuse(
            "rollout.surge",
            "says nothing with rollout.traffic: gateway, where both versions are at their full "
            "number in the end",
            "remove it",
        )
    # With none kept there is nothing to weigh: `check_rest` refuses that.
    if strategy is RolloutStrategy.CANARY and min_replicas:
        weights = _check_steps(check, rollout)
        if not at_gateway:
            _check_reach(check, weights, min_replicas, surge_of(rollout, min_replicas))
    if "analysis" in rollout:
        check_analysis(check, rollout["analysis"])
    if is_measured(rollout):
        _check_deadline(check, rollout, max(1, min_replicas))


def check_room(
    check: Checks,
    rollout: ModelRollout | None,
    replicas: int,
    gpus: int,
    at: Placement,
    *,
    beside: int = 0,
) -> None:
    """Refuse `replicas` of some GPUs that leave a pool no room for a new version beside them.

    Args:
        check: Where it is noted.
        rollout: How a new version takes over.
        replicas: The most that there are.
        gpus: GPUs of each.
        at: The pool.
        beside: Replicas of a shadow, which are there at the same time.
    """
    room = pods_with(gpus, at)
    more = beyond_of(rollout, replicas)
    if replicas + more + beside > room:
        fits = (few for few in range(replicas) if few + beyond_of(rollout, few) + beside <= room)
        most = max(fits, default=0)
        fewer = f"lower it to {most}, " if most else ""
        if replicas + surge_of(rollout, replicas) + beside <= room:
            fewer += (
                f"lower rollout.scale_down_delay_seconds to {DEFAULT_SCALE_DOWN_DELAY_SECONDS}, "
            )
        shadows = f" and {beside} of the shadow" if beside else ""
        check.refuse(
            "autoscaling.max_replicas",
            f"{replicas} and the {more} more that {beyond_for(rollout)}{shadows} are "
            f"{replicas + more + beside} replicas with gpus: {gpus}, and the "
            f"{at['max_devices']} GPUs or slices of pool '{at['pool']}' at its largest hold {room}",
            f"{fewer}{'or ' if fewer else ''}raise max_nodes of the pool",
        )


def _check_steps(check: Checks, rollout: ModelRollout) -> dict[str, int]:
    """Note what is wrong with steps by themselves; the good weights by where they are written."""
    good_weights: dict[str, int] = {}
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
        good_weights[f"{field}.weight"] = weight
    return good_weights


def _check_deadline(check: Checks, rollout: ModelRollout, replicas: int) -> None:
    """Note a deadline at which not even the best version could be through its longest step."""
    analysis = rollout.get("analysis", {})
    interval = analysis.get("interval_seconds", DEFAULT_INTERVAL_SECONDS)
    deadline = analysis.get("deadline_seconds", DEFAULT_DEADLINE_SECONDS)
    good = DEFAULT_GOOD_INTERVALS
    if rollout["strategy"] is RolloutStrategy.CANARY:
        steps = steps_of(rollout, replicas)
        good = max(step.get("good_intervals", DEFAULT_GOOD_INTERVALS) for step in steps)
    if (needed := good * interval) >= deadline:
        check.refuse(
            "rollout.analysis.deadline_seconds",
            f"at {deadline} s every version is taken back, and {good} good intervals of {interval} "
            f"s take {needed} s at least",
            f"write more than {needed}, or ask for fewer or shorter intervals",
        )


def _check_reach(check: Checks, weights: dict[str, int], replicas: int, surge: int) -> None:
    """Note weights that no number of replicas comes near to."""
    for field, weight in weights.items():
        share, canary, total = nearest_weight(weight, replicas, surge)
        if abs(share - weight) <= _CLOSE_ENOUGH:
            continue
        enough = next(
            many
            for many in range(replicas, 101)
            if abs(nearest_weight(weight, many, surge)[0] - weight) <= _CLOSE_ENOUGH
        )
        check.refuse(
            field,
            f"{weight} percent cannot be reached with autoscaling.min_replicas: {replicas}, "
            f"where {canary} of {total} replicas are the nearest, {share:.0f} percent",
            f"write {share:.0f}, raise min_replicas to {enough}, or write traffic: gateway",
        )
