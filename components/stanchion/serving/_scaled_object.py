"""Replicas that follow what Prometheus measures: KEDA's ScaledObject."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

_POLLING_SECONDS = 15
REST_POLLING_SECONDS = 5
"""How often who waits is asked for, where there may be no replica."""


def prometheus_trigger(
    address: pulumi.Input[str], query: pulumi.Input[str], most: float, *, shared: bool = True
) -> dict[str, Any]:
    """Enough replicas that the query's answer stays below a number.

    Args:
        address: Prometheus' base address.
        query: PromQL with one number as its answer, for all replicas together.
        most: What it stays below.
        shared: Whether replicas divide the answer among them, so that the number is of one; if
            not, there are as many times the replicas as it is above the number.
    """
    return {
        "type": "prometheus",
        "metricType": "AverageValue" if shared else "Value",
        "metadata": {
            "serverAddress": address,
            "query": query,
            "threshold": f"{most:g}",
            # No answer is no reason to go: it is an error, and the replicas stay.
            "ignoreNullValues": "false",
        },
    }


def page_trigger(page: pulumi.Input[str], metric: str, per_replica: float) -> dict[str, Any]:
    """One replica while a metric is above 0, and so many that it stays below a number each.

    KEDA asks every ready pod of a Service itself (since 2.19) and adds up: through Prometheus a
    replica would be asked for a scrape later.

    Args:
        page: Address of the metrics in Prometheus' format, by the Service's name and namespace and
            the pods' own port.
        metric: Name of the metric, without labels.
        per_replica: How much of it one replica takes.
    """
    return {
        "type": "metrics-api",
        "metricType": "AverageValue",
        "metadata": {
            "url": page,
            "format": "prometheus",
            "valueLocation": metric,
            "targetValue": f"{per_replica:g}",
            "activationTargetValue": "0",
            "aggregateFromKubeServiceEndpoints": "true",
            "aggregationType": "sum",
        },
    }


def hpa_name(workload: str) -> str:
    """Name of the HorizontalPodAutoscaler that KEDA makes for a workload."""
    return f"keda-hpa-{workload}"


def scaled_object(
    name: str,
    metadata: k8s.meta.v1.ObjectMetaArgs,
    *,
    target: Mapping[str, str],
    triggers: Sequence[Mapping[str, Any]],
    min_replicas: int,
    max_replicas: int,
    scale_down_seconds: int,
    scale_up_seconds: int = 60,
    opts: pulumi.ResourceOptions,
) -> k8s.apiextensions.CustomResource:
    """The one autoscaler of a workload: up fast, down late and one replica at a time.

    It deliberately states no `fallback`: KEDA would serve that number in silence while a trigger
    fails. The workload it scales must not state its replicas, or ignore what becomes of them.

    Args:
        name: Resource name.
        metadata: Name, namespace and labels of the ScaledObject.
        target: apiVersion, kind and name of the workload.
        triggers: What it follows; the one that asks for most replicas decides.
        min_replicas: Fewest replicas; 0 while no trigger is above what activates it.
        max_replicas: Most replicas.
        scale_down_seconds: How long demand must stay low before replicas go, the last included.
        scale_up_seconds: How often replicas may double.
        opts: Its options.
    """
    return k8s.apiextensions.CustomResource(
        name,
        api_version="keda.sh/v1alpha1",
        kind="ScaledObject",
        metadata=metadata,
        spec={
            "scaleTargetRef": dict(target),
            "pollingInterval": _POLLING_SECONDS if min_replicas else REST_POLLING_SECONDS,
            "cooldownPeriod": scale_down_seconds,
            "minReplicaCount": min_replicas,
            "maxReplicaCount": max_replicas,
            "advanced": {
                # Whoever scales next need not be able to begin at none: Kubernetes' own is not.
                **({} if min_replicas else {"restoreToOriginalReplicaCount": True}),
                "horizontalPodAutoscalerConfig": {
                    "name": hpa_name(target["name"]),
                    "behavior": {
                        "scaleUp": {
                            "stabilizationWindowSeconds": 0,
                            "selectPolicy": "Max",
                            "policies": [
                                {
                                    "type": "Percent",
                                    "value": 100,
                                    "periodSeconds": scale_up_seconds,
                                },
                                {"type": "Pods", "value": 2, "periodSeconds": scale_up_seconds},
                            ],
                        },
                        "scaleDown": {
                            "stabilizationWindowSeconds": scale_down_seconds,
                            "selectPolicy": "Max",
                            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
                        },
                    },
                },
            },
            "triggers": [dict(trigger) for trigger in triggers],
        },
        opts=opts,
    )
