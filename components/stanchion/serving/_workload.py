"""What runs the replicas of a `ModelService`: a Deployment, or a Rollout of Argo Rollouts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from stanchion.monitoring import INTERVAL_SECONDS
from stanchion.serving import _analysis, _gateway, _pods, _served
from stanchion.serving._release_queries import HASH_LABEL, Queries
from stanchion.serving.arguments import ModelServiceArgs
from stanchion.serving.cold_start import annotations
from stanchion.serving.release_analysis import DEFAULT_DEADLINE_SECONDS, DEFAULT_INTERVAL_SECONDS
from stanchion.serving.rollout import (
    DEFAULT_GOOD_INTERVALS,
    DEFAULT_SCALE_DOWN_DELAY_SECONDS,
    CanaryStep,
    ModelRollout,
    RolloutStrategy,
    is_measured,
    judging_seconds,
    steps_of,
    surge_of,
    weighs_at_gateway,
)

PREVIEW_SUFFIX = "-preview"
"""Of the Service that a new version has to itself before it gets the requests."""
ANALYSIS_SUFFIX = "-release"
WATCH_SUFFIX = "-release-watch"
_DEPLOYMENT = ("apps/v1", "Deployment")
_ROLLOUT = (_analysis.API_VERSION, "Rollout")
_LIFE = {
    # Up for the first time, and at once in the middle of a release, which takes its own time.
    "pulumi.com/waitFor": "condition=Available",
    # Once it is gone its controller gives the Service back to all replicas. Its pods, were they
    # deleted before it, would be the only ones that the Service leads to.
    "pulumi.com/deletionPropagationPolicy": "background",
}
"""How a Rollout comes and goes."""
_WATCHED_INTERVALS = 10
"""How many are looked at together as long as a release lasts: a release with pauses is measured
hundreds of times, and chance, or one failed request, must not end it."""
_PAST_SECONDS = 3600
"""How much of the version before is still looked at when the deadline of a release comes that has
all requests, so that nothing more of it is counted meanwhile."""
_ROLLBACK_REVISIONS = 3
"""Former versions that are gone back to at once: they were judged when they came.

One that was not found good then does not count among them: it comes again as another `attempt`."""


@dataclass(frozen=True)
class Replicas:
    """A service whose replicas are to be made.

    Attributes:
        name: Beginning of the resources' names.
        service: Name of the service.
        args: Its arguments.
        metadata: Names an object, given the end of its name.
        labels: Of a pod.
        selector: Which of them never change.
    """

    name: str
    service: str
    args: ModelServiceArgs
    metadata: Callable[[str], k8s.meta.v1.ObjectMetaArgs]
    labels: dict[str, str]
    selector: dict[str, str]


def make(replicas: Replicas, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """The workload, of whose replicas the autoscaler says the number.

    A Rollout has pods of its own rather than referring to a Deployment: the two kinds then
    replace each other in either direction, the new one up before the old one goes.
    """
    args, rollout = replicas.args, replicas.args.get("rollout")
    metadata, promised = replicas.metadata(""), annotations(args.get("cold_start"))
    scaled = _served.autoscaled(opts)
    if rollout is None or not is_measured(rollout):
        metadata.annotations = promised or None
        return k8s.apps.v1.Deployment(
            f"{replicas.name}-deployment",
            metadata=metadata,
            spec=_pods.deployment_spec(replicas.service, args, replicas.labels, replicas.selector),
            opts=pulumi.ResourceOptions.merge(scaled, _patience(args)),
        )
    analyses = [
        _analysis.template(
            replicas.name + suffix, replicas.metadata(suffix), metrics, args["namespace"], opts
        )
        for suffix, metrics in _analyses(replicas, rollout).items()
    ]
    metadata.annotations = {**promised, **_LIFE}
    api_version, kind = _ROLLOUT
    return k8s.apiextensions.CustomResource(
        f"{replicas.name}-rollout",
        api_version=api_version,
        kind=kind,
        metadata=metadata,
        spec=_rollout_spec(replicas, rollout),
        opts=pulumi.ResourceOptions.merge(scaled, _patience(args, after=analyses)),
    )


def kind_of(args: ModelServiceArgs) -> tuple[str, str]:
    """API version and kind of the workload."""
    return _ROLLOUT if is_measured(args.get("rollout")) else _DEPLOYMENT


def switches_service(args: ModelServiceArgs) -> bool:
    """Whether a controller moves the Service from one version's pods to the next one's."""
    return apart_suffix(args) is not None


def apart_suffix(args: ModelServiceArgs) -> str | None:
    """End of the name of the Service that a new version has to itself; None where it has none."""
    rollout = args.get("rollout")
    if rollout is not None and rollout["strategy"] is RolloutStrategy.BLUE_GREEN:
        return PREVIEW_SUFFIX
    return _gateway.CANARY_SUFFIX if weighs_at_gateway(rollout) else None


def scraping(args: ModelServiceArgs) -> tuple[int, tuple[str, ...]]:
    """Seconds between scrapes, three to an interval of the analysis, and pod labels to keep."""
    rollout = args.get("rollout")
    if rollout is None or not is_measured(rollout):
        return INTERVAL_SECONDS, ()
    interval = rollout.get("analysis", {}).get("interval_seconds", DEFAULT_INTERVAL_SECONDS)
    return min(INTERVAL_SECONDS, interval // 3), (HASH_LABEL,)


def release_seconds(args: ModelServiceArgs) -> int:
    """Longest that a new version may take until it serves alone, or is taken back.

    All its replicas one after the other and those of the way back, the deadlines of its steps and
    their pauses.
    """
    rollout, starts = args.get("rollout"), _starts_seconds(args)
    if rollout is None or not is_measured(rollout):
        return starts
    return _through_seconds(args, rollout) + starts


def _through_seconds(args: ModelServiceArgs, rollout: ModelRollout) -> int:
    """Longest that a version may take which is found good in every step."""
    return _starts_seconds(args) + judging_seconds(rollout, args["autoscaling"]["min_replicas"])


def _starts_seconds(args: ModelServiceArgs) -> int:
    most = args["autoscaling"]["max_replicas"]
    return _pods.replica_seconds(args) * (most + surge_of(args.get("rollout"), most))


def _patience(
    args: ModelServiceArgs, after: Sequence[pulumi.Resource] = ()
) -> pulumi.ResourceOptions:
    """Time for all replicas one after the other; the engine's own is ten minutes.

    A replica that does not come up ends the rollout long before: that is the workload's deadline.
    """
    longest = f"{_starts_seconds(args)}s"
    return pulumi.ResourceOptions(
        depends_on=[*after],
        custom_timeouts=pulumi.CustomTimeouts(create=longest, update=longest),
    )


def _analyses(replicas: Replicas, rollout: ModelRollout) -> dict[str, _analysis.MetricsOf]:
    """What each AnalysisTemplate measures in a namespace, by the end of its name."""
    analysis = rollout.get("analysis", {})
    start = _pods.replica_seconds(replicas.args)

    def queries_of(namespace: str, **back: int) -> Queries:
        return Queries(replicas.service, namespace, analysis, start_seconds=start, **back)

    def judged(queries: Queries) -> list[dict[str, Any]]:
        # Such a run begins when the replicas answer: how long they take is no part of its deadline.
        return [*_analysis.health(queries), *_analysis.numbers(queries)]

    def step(namespace: str) -> list[dict[str, Any]]:
        return judged(queries_of(namespace))

    def watch(namespace: str) -> list[dict[str, Any]]:
        queries = queries_of(namespace, intervals=_WATCHED_INTERVALS)
        longest = _through_seconds(replicas.args, rollout)
        return [*_analysis.health(queries, lasting=True), *_analysis.deadline(analysis, longest)]

    def switched(namespace: str) -> list[dict[str, Any]]:
        longest = analysis.get("deadline_seconds", DEFAULT_DEADLINE_SECONDS)
        return judged(queries_of(namespace, past_seconds=_PAST_SECONDS + longest))

    if rollout["strategy"] is RolloutStrategy.BLUE_GREEN:
        return {ANALYSIS_SUFFIX: switched}
    return {ANALYSIS_SUFFIX: step, WATCH_SUFFIX: watch}


def _rollout_spec(replicas: Replicas, rollout: ModelRollout) -> dict[str, Any]:
    args, service = replicas.args, replicas.service
    strategy = (
        {"blueGreen": _blue_green(service, rollout)}
        if rollout["strategy"] is RolloutStrategy.BLUE_GREEN
        else {"canary": _canary(service, rollout, args)}
    )
    return {
        "replicas": _pods.first_replicas(args),
        "minReadySeconds": _served.READY_FOR_SECONDS,
        "revisionHistoryLimit": _served.REVISIONS,
        "progressDeadlineSeconds": _pods.replica_seconds(args),
        "progressDeadlineAbort": True,
        "rollbackWindow": {"revisions": _ROLLBACK_REVISIONS},
        "analysis": {"successfulRunHistoryLimit": 5, "unsuccessfulRunHistoryLimit": 10},
        "selector": {"matchLabels": replicas.selector},
        "strategy": strategy,
        "template": _pods.pod_template(service, args, replicas.labels, replicas.selector),
    }


def _canary(service: str, rollout: ModelRollout, args: ModelServiceArgs) -> dict[str, Any]:
    replicas = args["autoscaling"]["min_replicas"]
    surge: dict[str, Any] = {"maxSurge": surge_of(rollout, replicas)}
    if weighs_at_gateway(rollout):
        surge = {
            "maxSurge": "100%",
            "stableService": service,
            "canaryService": service + _gateway.CANARY_SUFFIX,
            "trafficRouting": _gateway.traffic_routing(service, args),
        }
    return {
        **surge,
        "maxUnavailable": 0,
        "analysis": {
            "templates": [{"templateName": service + WATCH_SUFFIX}],
            "args": _analysis.arguments(),
            # Once the first replicas of the new version answer.
            "startingStep": 1,
        },
        "steps": [
            part for step in steps_of(rollout, replicas) for part in _canary_step(service, step)
        ],
    }


def _canary_step(service: str, step: CanaryStep) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [
        {"setWeight": step["weight"]},
        {"analysis": _run(service, step.get("good_intervals", DEFAULT_GOOD_INTERVALS))},
    ]
    if pause := step.get("pause_seconds", 0):
        parts.append({"pause": {"duration": f"{pause}s"}})
    return parts


def _blue_green(service: str, rollout: ModelRollout) -> dict[str, Any]:
    delay = rollout.get("scale_down_delay_seconds", DEFAULT_SCALE_DOWN_DELAY_SECONDS)
    return {
        "activeService": service,
        "previewService": service + PREVIEW_SUFFIX,
        "autoPromotionEnabled": True,
        "scaleDownDelaySeconds": delay,
        # Of versions before, one is kept and no more: `beyond_of` counts as many.
        "scaleDownDelayRevisionLimit": 1,
        "postPromotionAnalysis": _run(service, DEFAULT_GOOD_INTERVALS),
    }


def _run(service: str, good_intervals: int) -> dict[str, Any]:
    return {
        "templates": [{"templateName": service + ANALYSIS_SUFFIX}],
        "args": _analysis.arguments(good_intervals),
    }
