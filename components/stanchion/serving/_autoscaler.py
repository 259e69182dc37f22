"""The one autoscaler of a service: by CPU use alone, or KEDA's where it follows more."""

from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from stanchion.monitoring import PROMETHEUS_URL
from stanchion.serving import _activator, _workload
from stanchion.serving._scaled_object import (
    hpa_name,
    page_trigger,
    prometheus_trigger,
    scaled_object,
)
from stanchion.serving.autoscaling import (
    DEFAULT_CPU_UTILIZATION,
    DEFAULT_SCALE_DOWN_SECONDS,
    ModelAutoscaling,
    follows_latency,
    needs_keda,
    rests,
)

_SCALE_UP_SECONDS = 15
"""How often replicas may double."""
_LATENCY_SECONDS = 60
"""How far latency looks back, and with it how often replicas may double: what the last ones did
shows no sooner."""
_ANY_NUMBER = 1000
"""Of activators that a request reached lately: one replica is enough for all of them."""
_BESIDE_KEDA = {"validations.keda.sh/hpa-ownership": "false"}
"""A service that changes from one autoscaler to the other has both for the seconds between: KEDA
would refuse its own, and Kubernetes lets neither act while two select the same pods."""


def make(
    replicas: _workload.Replicas, workload: pulumi.Resource, opts: pulumi.ResourceOptions
) -> None:
    """The autoscaler of a service's workload, never more than one.

    Args:
        replicas: What is scaled, how far and by what.
        workload: The resource that runs them.
        opts: Options of the autoscaler.
    """
    name, metadata = f"{replicas.name}-autoscaler", replicas.metadata("")
    autoscaling = replicas.args["autoscaling"]
    api_version, kind = _workload.kind_of(replicas.args)
    if not needs_keda(autoscaling):
        metadata.annotations = _BESIDE_KEDA
        k8s.autoscaling.v2.HorizontalPodAutoscaler(
            name,
            metadata=metadata,
            spec=horizontal_spec((api_version, kind, replicas.service), autoscaling),
            opts=opts,
        )
        return
    scaled_object(
        name,
        metadata,
        target={"apiVersion": api_version, "kind": kind, "name": replicas.service},
        triggers=_triggers(replicas.service, replicas.args["namespace"], autoscaling),
        min_replicas=autoscaling["min_replicas"],
        max_replicas=autoscaling["max_replicas"],
        scale_down_seconds=autoscaling.get("scale_down_seconds", DEFAULT_SCALE_DOWN_SECONDS),
        scale_up_seconds=_LATENCY_SECONDS if follows_latency(autoscaling) else _SCALE_UP_SECONDS,
        # KEDA refuses to follow the CPU use of pods of a Deployment that it cannot look up. A
        # Rollout it follows while that comes up beside what it replaces.
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(depends_on=[workload] if kind == "Deployment" else None)
        ),
    )


def varying(service: str, autoscaling: ModelAutoscaling) -> str:
    """Name of a service's HorizontalPodAutoscaler; empty where it has one number to keep."""
    if autoscaling["min_replicas"] == autoscaling["max_replicas"]:
        return ""
    return hpa_name(service) if needs_keda(autoscaling) else service


def _triggers(
    service: str, namespace: pulumi.Input[str], autoscaling: ModelAutoscaling
) -> list[dict[str, Any]]:
    utilization = autoscaling.get("target_cpu_utilization", DEFAULT_CPU_UTILIZATION)
    address = autoscaling.get("prometheus_url", PROMETHEUS_URL)
    of_it = pulumi.Output.concat('namespace="', namespace, f'",service="{service}"')
    triggers: list[dict[str, Any]] = [
        {"type": "cpu", "metricType": "Utilization", "metadata": {"value": str(utilization)}}
    ]
    if rests(autoscaling):
        page = _activator.metrics_page(service, namespace)
        triggers.append(page_trigger(page, "activator_active", _ANY_NUMBER))
        if "in_flight_per_replica" in autoscaling:
            each = autoscaling["in_flight_per_replica"]
            triggers.append(page_trigger(page, "activator_in_flight", each))
    elif "in_flight_per_replica" in autoscaling:
        query = pulumi.Output.concat("sum(model_server_in_flight{", of_it, "})")
        triggers.append(prometheus_trigger(address, query, autoscaling["in_flight_per_replica"]))
    if follows_latency(autoscaling):
        query, most = of_it.apply(_latency_ms), autoscaling["target_latency_ms"]
        triggers.append(prometheus_trigger(address, query, most, shared=False))
    triggers += [
        {
            "type": "cron",
            "metadata": {
                "timezone": schedule["timezone"],
                "start": schedule["start"],
                "end": schedule["end"],
                "desiredReplicas": str(schedule["replicas"]),
            },
        }
        for schedule in autoscaling.get("schedules", [])
    ]
    return triggers


def _latency_ms(of_it: str) -> str:
    """95th percentile over the last minute in milliseconds, 0 without requests.

    Refused requests are left out, which take no time.
    """
    labels = f'{of_it},outcome=~"ok|timeout"'
    lately = f"rate(model_server_request_duration_seconds_bucket{{{labels}}}[{_LATENCY_SECONDS}s])"
    return f"1000 * histogram_quantile(0.95, sum by (le) ({lately})) > 0 or vector(0)"


def horizontal_spec(
    workload: tuple[str, str, str], autoscaling: ModelAutoscaling
) -> k8s.autoscaling.v2.HorizontalPodAutoscalerSpecArgs:
    """Follow CPU use: up at once and fast, down late and one pod in ten at a time.

    Args:
        workload: API version, kind and name of what is scaled.
        autoscaling: How far, and by what.
    """
    scaling = k8s.autoscaling.v2
    api_version, kind, name = workload
    return scaling.HorizontalPodAutoscalerSpecArgs(
        scale_target_ref=scaling.CrossVersionObjectReferenceArgs(
            api_version=api_version, kind=kind, name=name
        ),
        min_replicas=autoscaling["min_replicas"],
        max_replicas=autoscaling["max_replicas"],
        metrics=[
            scaling.MetricSpecArgs(
                type="Resource",
                resource=scaling.ResourceMetricSourceArgs(
                    name="cpu",
                    target=scaling.MetricTargetArgs(
                        type="Utilization",
                        average_utilization=autoscaling.get(
                            "target_cpu_utilization", DEFAULT_CPU_UTILIZATION
                        ),
                    ),
                ),
            )
        ],
        behavior=scaling.HorizontalPodAutoscalerBehaviorArgs(
            scale_up=scaling.HPAScalingRulesArgs(
                stabilization_window_seconds=0,
                select_policy="Max",
                policies=[
                    scaling.HPAScalingPolicyArgs(
                        type="Percent", value=100, period_seconds=_SCALE_UP_SECONDS
                    ),
                    scaling.HPAScalingPolicyArgs(
                        type="Pods", value=2, period_seconds=_SCALE_UP_SECONDS
                    ),
                ],
            ),
            scale_down=scaling.HPAScalingRulesArgs(
                stabilization_window_seconds=autoscaling.get(
                    "scale_down_seconds", DEFAULT_SCALE_DOWN_SECONDS
                ),
                select_policy="Max",
                policies=[
                    scaling.HPAScalingPolicyArgs(type="Percent", value=10, period_seconds=60),
                    scaling.HPAScalingPolicyArgs(type="Pods", value=1, period_seconds=60),
                ],
            ),
        ),
    )
