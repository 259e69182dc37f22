"""How many replicas serve online, what their number follows, and what of it is refused."""

from typing import NotRequired, TypedDict
from zoneinfo import available_timezones

import pulumi

from stanchion.checks import Checks
from stanchion.monitoring.objectives import check_bound, latency_bounds
from stanchion.schedules import is_schedule, take_turns

DEFAULT_CPU_UTILIZATION = 70
DEFAULT_SCALE_DOWN_SECONDS = 300
LONGEST_LATENCY_MS = 10_000
"""The largest bound but one of the model server's histogram: no answer counts for more than the
largest, so that nothing would ever be above it."""
ACTIVATOR_PODS = {
    "app.kubernetes.io/name": "model-server",
    "app.kubernetes.io/component": "activator",
}
"""What holds requests for services that rest at no replica."""
ACTIVATOR_METRICS_PORT = 8081


class PeakSchedule(TypedDict):
    """A time of known demand, for which replicas are there before it comes."""

    start: str
    """When it begins, as cron's five fields: 30 7 * * MON-FRI."""
    end: str
    """When it ends, likewise."""
    timezone: str
    """Time zone of both, by its name in the IANA database: Europe/Berlin, UTC."""
    replicas: int
    """Fewest replicas during it, above min_replicas, max_replicas at most."""


class ModelAutoscaling(TypedDict):
    """How many replicas, and what they follow.

    By CPU use alone it is a HorizontalPodAutoscaler. With requests in flight, latency or schedules,
    KEDA makes the one autoscaler, of those and of CPU use: what asks for most replicas decides.
    """

    min_replicas: int
    """Fewest replicas, 1 to 1000. Of a `ModelService` that has `cold_start` and is rolled out
    replica by replica, also 0, which needs KEDA in the cluster: requests wait for a replica."""
    max_replicas: int
    """Most replicas, at least 1 and min_replicas, at most 1000."""
    target_cpu_utilization: NotRequired[int]
    """Mean CPU use in percent of the request that it keeps, 10 to 100. Default: 70."""
    scale_down_seconds: NotRequired[int]
    """How long demand must stay low before replicas go, 0 to 3600. Default: 300."""
    in_flight_per_replica: NotRequired[int]
    """Requests accepted and not yet answered that one replica takes, 1 to 10000; of a
    `ModelService`, and needs KEDA in the cluster and, unless min_replicas is 0, its `monitoring`.
    Default: not followed."""
    target_latency_ms: NotRequired[int]
    """95th percentile of answers in milliseconds above which replicas grow in proportion: a bound
    of the server's histogram, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000 or 10000, below
    the request timeout; of a `ModelService`, and needs KEDA in the cluster and `monitoring`. It
    tells that replicas are too few, or that the model or what it asks is slow, and not which: then
    they grow to max_replicas and help nobody. Requests in flight tell how many are missing.
    Default: not followed."""
    schedules: NotRequired[list[PeakSchedule]]
    """Times of known demand; of a `ModelService`, and needs KEDA in the cluster. Default: none."""
    prometheus_url: NotRequired[pulumi.Input[str]]
    """Where requests in flight and latency are asked for. Default: that of Prometheus Operator in
    `monitoring`."""
    keda_namespace: NotRequired[str]
    """Namespace in which KEDA runs, which with min_replicas 0 asks who waits. Default: keda."""


def needs_keda(autoscaling: ModelAutoscaling) -> bool:
    """Whether it follows what a HorizontalPodAutoscaler by itself cannot."""
    return (
        rests(autoscaling)
        or "in_flight_per_replica" in autoscaling
        or follows_latency(autoscaling)
        or bool(autoscaling.get("schedules"))
    )


def follows_latency(autoscaling: ModelAutoscaling) -> bool:
    """Whether slower answers are met by more replicas."""
    return "target_latency_ms" in autoscaling


def rests(autoscaling: ModelAutoscaling) -> bool:
    """Whether no replica is kept while nobody asks."""
    return autoscaling["min_replicas"] == 0


def check_cpu_autoscaling(check: Checks, autoscaling: ModelAutoscaling) -> None:
    """Refuse numbers that contradict each other, and to follow anything but CPU use."""
    if rests(autoscaling):
        check.refuse(
            "autoscaling.min_replicas",
            "0 leaves nobody to hold the first request until a replica has started",
            "write 1 or more; what answers a queue or a schedule is a job, and may rest at none",
        )
    else:
        _check_numbers(check, autoscaling, least=1)
    for field in (
        "in_flight_per_replica", "target_latency_ms", "schedules", "prometheus_url",
        "keda_namespace",
    ):  # fmt: skip
        if field in autoscaling:
            check.refuse(f"autoscaling.{field}", "is for a ModelService alone", "remove it")


def check_autoscaling(
    check: Checks,
    autoscaling: ModelAutoscaling,
    *,
    monitored: bool,
    request_timeout_seconds: int,
) -> None:
    """Refuse numbers that contradict each other, and what would never be measured or never come.

    Args:
        check: Where it is noted.
        autoscaling: What is asked for.
        monitored: Whether Prometheus reads the replicas' metrics.
        request_timeout_seconds: When the server gives a request up.
    """
    _check_numbers(check, autoscaling, least=0)
    if "in_flight_per_replica" in autoscaling:
        each = autoscaling["in_flight_per_replica"]
        check.between("autoscaling.in_flight_per_replica", each, 1, 10000)
        _check_read(check, "in_flight_per_replica", monitored or rests(autoscaling))
    if follows_latency(autoscaling):
        _check_latency(check, autoscaling["target_latency_ms"], request_timeout_seconds)
        _check_read(check, "target_latency_ms", monitored)
    for at, schedule in enumerate(autoscaling.get("schedules", [])):
        _check_schedule(check, f"autoscaling.schedules[{at}]", schedule, autoscaling)
    if "keda_namespace" in autoscaling:
        check.name("autoscaling.keda_namespace", autoscaling["keda_namespace"])


def check_rest(
    check: Checks, autoscaling: ModelAutoscaling, *, budgeted: bool, measured: bool
) -> None:
    """Refuse to rest at no replica where nobody knows how long requests may wait for one.

    Args:
        check: Where it is noted.
        autoscaling: What is asked for.
        budgeted: Whether the service says how long a cold start may take.
        measured: Whether a new version of it is judged by metrics before it serves alone.
    """
    if not rests(autoscaling):
        return
    if not budgeted:
        check.refuse(
            "autoscaling.min_replicas",
            "0 has requests wait for a replica, and nothing says for how long",
            "set cold_start with its budget_seconds, or write 1 or more",
        )
    if measured:
        check.refuse(
            "autoscaling.min_replicas",
            "0 leaves a new version no replica to be judged by, nor one to compare it with",
            "write 1 or more, or rollout strategy: rolling",
        )


def _check_numbers(check: Checks, autoscaling: ModelAutoscaling, *, least: int) -> None:
    low, high = autoscaling["min_replicas"], autoscaling["max_replicas"]
    check.between("autoscaling.min_replicas", low, least, 1000)
    check.between("autoscaling.max_replicas", high, 1, 1000)
    utilization = autoscaling.get("target_cpu_utilization", DEFAULT_CPU_UTILIZATION)
    check.between("autoscaling.target_cpu_utilization", utilization, 10, 100)
    delay = autoscaling.get("scale_down_seconds", DEFAULT_SCALE_DOWN_SECONDS)
    check.between("autoscaling.scale_down_seconds", delay, 0, 3600)
    if low > high:
        check.refuse(
            "autoscaling.min_replicas",
            f"{low} is above autoscaling.max_replicas, {high}",
            "lower one or raise the other",
        )


def _check_latency(check: Checks, most: int, request_timeout_seconds: int) -> None:
    """Refuse a target beside the bounds: between two of them a percentile is only guessed.

    Answers that all take a little more than one bound would read as nearly the next.
    """
    field = "autoscaling.target_latency_ms"
    if not 1 <= most <= LONGEST_LATENCY_MS:
        check.between(field, most, 1, LONGEST_LATENCY_MS)
        return
    whole = [bound for bound in latency_bounds() if 1000 * bound % 1 == 0]
    longest = "request_timeout_seconds", request_timeout_seconds
    check_bound(check, field, most, whole, longest)


def _check_read(check: Checks, field: str, read: bool) -> None:
    if not read:
        check.refuse(
            f"autoscaling.{field}",
            "is measured by Prometheus, and without monitoring nobody reads it",
            "set monitoring, or remove it",
        )


def _check_schedule(
    check: Checks, where: str, schedule: PeakSchedule, autoscaling: ModelAutoscaling
) -> None:
    times = {"start": schedule["start"], "end": schedule["end"]}
    # KEDA takes the five fields and no word, such as @daily.
    wrong = {
        field: when
        for field, when in times.items()
        if when.startswith("@") or not is_schedule(when)
    }
    for field, when in wrong.items():
        check.refuse(
            f"{where}.{field}",
            f"'{when}' is no schedule",
            "write cron's five fields (minute, hour, day, month, day of the week), as "
            "30 7 * * MON-FRI",
        )
    # KEDA holds it to be on whenever the next end comes before the next start.
    if not wrong and not take_turns(**times):
        check.refuse(
            f"{where}.end",
            f"'{times['end']}' does not come exactly once after each '{times['start']}', so that "
            "replicas would be there at other times",
            "let both be on the same days, or write a schedule for each time",
        )
    if schedule["timezone"] not in available_timezones():
        check.refuse(
            f"{where}.timezone",
            f"'{schedule['timezone']}' is no time zone",
            "write a name of the IANA database, as Europe/Berlin or UTC",
        )
    replicas, low, high = (
        schedule["replicas"], autoscaling["min_replicas"], autoscaling["max_replicas"],
    )  # fmt: skip
    if replicas > high:
        check.refuse(
            f"{where}.replicas",
            f"{replicas} is above autoscaling.max_replicas, {high}",
            "lower it or raise max_replicas",
        )
    elif replicas <= low:
        check.refuse(
            f"{where}.replicas",
            f"{replicas} says nothing with autoscaling.min_replicas: {low}",
            "write more, or remove the schedule",
        )
