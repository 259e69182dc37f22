"""`rollout` of a service file: how a new version takes over, and what it is judged by."""

from __future__ import annotations

from typing import Annotated, Self, cast

from explain import problems_in_files
from pydantic import Field, model_validator
from stanchion.checks import Checks
from stanchion.serving.release_analysis import ReleaseAnalysis
from stanchion.serving.rollout import (
    CanaryStep,
    CanaryTraffic,
    ModelRollout,
    RolloutStrategy,
    check_rollout,
    is_measured,
)
from validation import Strict, by_value

_Finite = Annotated[float, Field(allow_inf_nan=False)]


class Step(Strict):
    """One share of the requests, and how long it is watched."""

    weight: Annotated[int, Field(ge=1, le=99)]
    """Share of the requests in percent, as near as the number of replicas reaches."""
    good_intervals: Annotated[int, Field(ge=1, le=100)] = 2
    """Intervals in a row that must be good before the next step."""
    pause_seconds: Annotated[int, Field(ge=0, le=604800)] = 0
    """Time to wait after them, measured all the while."""


class Metric(Strict):
    """A measure of one's own."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")]
    """What it is called."""
    query: Annotated[str, Field(min_length=1, max_length=10000)]
    """PromQL for one number; {{args.canary-hash}} and {{args.stable-hash}} tell the versions."""
    minimum: _Finite | None = None
    """Smallest good value."""
    maximum: _Finite | None = None
    """Largest good value."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ValueError("has neither `minimum` nor `maximum`; add the one that is meant")
        return self


class Analysis(Strict):
    """What a new version is judged by, interval by interval; one bad one takes it back."""

    interval_seconds: Annotated[int, Field(ge=10, le=3600)] = 30
    """Length of an interval."""
    min_requests: Annotated[int, Field(ge=1, le=10**6)] = 50
    """Fewest requests to either version in an interval; with fewer, the release holds."""
    max_error_ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Largest share of requests that the server fails, or refuses beyond what it did before, and of
    an output's numbers that are null, NaN or infinite beyond what was before."""
    max_latency_ratio: Annotated[float, Field(ge=1, le=100)] = 1.5
    """Largest 95th percentile of latency over that of the version before."""
    latency_floor_ms: Annotated[int, Field(ge=1, le=60000)] = 25
    """Latency in milliseconds below which no difference matters."""
    max_class_shift: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Largest distance between predicted classes, as total variation beyond chance."""
    max_mean_shift: Annotated[float, Field(ge=0, le=100)] = 0.5
    """Largest distance between mean predictions, in standard deviations beyond chance."""
    metrics: tuple[Metric, ...] = ()
    """Measures of one's own, such as one of the business."""
    deadline_seconds: Annotated[int, Field(ge=60, le=604800)] = 1800
    """Time after which a release is taken back that was not found good: in each step of a canary
    from when its replicas answer, with blueGreen from when they get the requests."""


class Rollout(Strict):
    """How a new version takes over."""

    strategy: Annotated[RolloutStrategy, by_value(RolloutStrategy)] = RolloutStrategy.ROLLING
    """rolling: replica by replica; canary: step by step; blueGreen: all requests at once. The last
    two are judged by metrics, and need the operators argo-rollouts and kube-prometheus-stack."""
    traffic: Annotated[CanaryTraffic, by_value(CanaryTraffic)] | None = None
    """Of a canary: replicas, its share of them, or gateway, weights of the service's `gateway`;
    default: replicas."""
    steps: tuple[Step, ...] | None = None
    """Of a canary; default: about 25 and 50 percent, as the replicas allow; by a gateway 5, 25 and
    50."""
    surge: Annotated[int, Field(ge=1, le=100)] | None = None
    """Replicas beyond their number while a version takes over; default: 1."""
    scale_down_delay_seconds: Annotated[int, Field(ge=30, le=86400)] | None = None
    """With blueGreen, how long the version before stays up after the new one; above 60, three
    versions must fit in the pool and the quota; default: 60."""
    analysis: Analysis | None = None
    """What it is judged by; default: all defaults."""

    def arguments(self) -> ModelRollout:
        """The same for the component."""
        args: ModelRollout = {"strategy": self.strategy}
        if self.traffic is not None:
            args["traffic"] = self.traffic
        if self.steps is not None:
            args["steps"] = [cast("CanaryStep", step.model_dump()) for step in self.steps]
        if self.surge is not None:
            args["surge"] = self.surge
        if self.scale_down_delay_seconds is not None:
            args["scale_down_delay_seconds"] = self.scale_down_delay_seconds
        if self.analysis is not None:
            stated = self.analysis.model_dump(exclude_none=True)
            args["analysis"] = cast(
                "ReleaseAnalysis", {**stated, "metrics": list(stated["metrics"])}
            )
        return args


def rollout_problems(rollout: Rollout, floor: int, environment: str, lacks: str) -> list[str]:
    """What is wrong with it in an environment.

    Args:
        rollout: What the file says.
        floor: Fewest replicas of the service there.
        environment: Name of the environment.
        lacks: What a release judged by metrics lacks there; empty where nothing.
    """
    args = rollout.arguments()
    if is_measured(args) and lacks:
        return [
            f"rollout.strategy: {rollout.strategy} needs what {environment} lacks: {lacks}; add "
            "it, or write rolling"
        ]
    check = Checks("ModelService", "")
    check_rollout(check, args, floor)
    return problems_in_files(check.done)
