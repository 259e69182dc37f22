"""`autoscaling` of a service file: how many replicas, and what their number follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self, cast

from explain import problems_in_files
from pydantic import Field, model_validator
from stanchion.checks import Checks
from stanchion.serving.autoscaling import (
    LONGEST_LATENCY_MS,
    ModelAutoscaling,
    PeakSchedule,
    check_autoscaling,
    check_rest,
)
from validation import Strict

_Time = Annotated[str, Field(min_length=9, max_length=100)]


class Schedule(Strict):
    """A time of known demand, for which replicas are there before it comes."""

    start: _Time
    """When it begins: cron's five fields (minute, hour, day, month, day of the week)."""
    end: _Time
    """When it ends, likewise."""
    timezone: Annotated[str, Field(min_length=1)]
    """Time zone of both, as Europe/Berlin or UTC."""
    replicas: Annotated[int, Field(ge=1, le=1000)]
    """Fewest replicas during it."""


class Autoscaling(Strict):
    """How many replicas, and by what they follow demand; what asks for most decides."""

    min_replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Fewest replicas; 0, with coldStart and the operator keda, lets requests wait for the first;
    default 1 in dev, 2 elsewhere."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)] = 3
    """Most replicas."""
    target_cpu_percent: Annotated[int, Field(ge=10, le=100)] = 70
    """Mean CPU use, in percent of the request, that the autoscaler keeps."""
    scale_down_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    """How long demand must stay low before replicas go."""
    in_flight_per_replica: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Requests accepted and not yet answered that one replica takes; needs the operators keda and,
    unless minReplicas is 0, kube-prometheus-stack; default: not followed."""
    target_latency_ms: Annotated[int, Field(ge=1, le=LONGEST_LATENCY_MS)] | None = None
    """95th percentile of answers, in milliseconds, above which replicas grow in proportion; a bound
    of the server's histogram below requestTimeoutSeconds: 1, 5, 10, 25, 50, 100, 250, 500, 1000,
    2500, 5000 or 10000; needs the operators keda and kube-prometheus-stack; default: not followed.
    """
    schedules: Annotated[tuple[Schedule, ...], Field(max_length=20)] = ()
    """Times of known demand; they need the operator keda."""

    @model_validator(mode="after")
    def _floor_below_ceiling(self) -> Self:
        if self.min_replicas is not None and self.min_replicas > self.max_replicas:
            raise ValueError(
                f"`minReplicas: {self.min_replicas}` is above `maxReplicas: {self.max_replicas}`; "
                "lower one or raise the other"
            )
        return self

    def floor(self, by_profile: int) -> int:
        """Fewest replicas, once the profile's default is in."""
        return by_profile if self.min_replicas is None else self.min_replicas

    def arguments(self, by_profile: int) -> ModelAutoscaling:
        """The same for the component.

        Args:
            by_profile: Fewest replicas where the file does not say.
        """
        args: ModelAutoscaling = {
            "min_replicas": self.floor(by_profile),
            "max_replicas": self.max_replicas,
            "target_cpu_utilization": self.target_cpu_percent,
            "scale_down_seconds": self.scale_down_seconds,
            "schedules": [cast("PeakSchedule", each.model_dump()) for each in self.schedules],
        }
        if self.in_flight_per_replica is not None:
            args["in_flight_per_replica"] = self.in_flight_per_replica
        if self.target_latency_ms is not None:
            args["target_latency_ms"] = self.target_latency_ms
        return args


def autoscaling_problems(
    autoscaling: Autoscaling,
    by_profile: int,
    environment: str,
    lacks: Mapping[str, str],
    *,
    request_timeout_seconds: int,
    budgeted: bool,
    measured: bool,
) -> list[str]:
    """What is wrong with it in an environment.

    Args:
        autoscaling: What the file says.
        by_profile: Fewest replicas there where the file does not say.
        environment: Name of the environment.
        lacks: What fields of it lack there, where something; `minReplicas` of 0.
        request_timeout_seconds: When the server gives a request up.
        budgeted: Whether the file says how long a cold start may take.
        measured: Whether a new version is judged by metrics.
    """
    floor = autoscaling.floor(by_profile)
    if floor > autoscaling.max_replicas:
        return [
            f"autoscaling.maxReplicas: {autoscaling.max_replicas} is below minReplicas, {floor} "
            f"by the profile of {environment}; raise maxReplicas"
        ]
    stated = {
        "minReplicas": floor == 0,
        # Of a service that may rest, who holds its requests counts them.
        "inFlightPerReplica": autoscaling.in_flight_per_replica if floor else None,
        "targetLatencyMs": autoscaling.target_latency_ms,
        "schedules": autoscaling.schedules,
    }
    if missing := [
        f"autoscaling.{field}: needs what {environment} lacks: {lacks[field]}; add it, or "
        + ("write 1 or more" if field == "minReplicas" else f"remove {field}")
        for field, value in stated.items()
        if value and field in lacks
    ]:
        return missing
    check = Checks("ModelService", "")
    args = autoscaling.arguments(by_profile)
    check_autoscaling(check, args, monitored=True, request_timeout_seconds=request_timeout_seconds)
    check_rest(check, args, budgeted=budgeted, measured=measured)
    return problems_in_files(check.done)
