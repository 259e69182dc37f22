"""Values of the charts that only AWS needs."""

import json
from typing import Any

from stanchion.foundation.tags import cloud_tags
from stanchion.monitoring.gpu_counters import NODE_LABEL, counters_name
from stanchion.operators.contract import CloudParts, Setting
from stanchion.operators.values.common import (
    RESTRICTED_CONTAINER,
    RUNTIME_SECCOMP,
    sized,
    tolerations,
)

KARPENTER_ACCOUNT = "karpenter"
LOAD_BALANCER_ACCOUNT = "aws-load-balancer-controller"
"""Service accounts of the controllers."""
_WHOLE = "whole"
_MOST_SLICES = 48
_GPU_TAINT = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def interruption_queue(environment: str) -> str:
    """Name of the queue by which Karpenter hears of nodes that are about to go."""
    return f"{environment}-karpenter"


def karpenter(setting: Setting, _: CloudParts) -> dict[str, Any]:
    """On system nodes: the chart keeps it off the nodes that it makes itself."""
    return {
        "replicas": setting.replicas,
        "serviceAccount": {"create": True, "name": KARPENTER_ACCOUNT},
        "tolerations": tolerations(setting),
        "serviceMonitor": {"enabled": setting.monitored},
        "controller": {
            "resources": sized("500m", "1Gi"),
            # Pods cannot ask the instance metadata, which has a hop limit of one.
            "env": [{"name": "AWS_REGION", "value": setting.location["region"]}],
        },
        "settings": {
            "clusterName": setting.cluster["name"],
            "clusterEndpoint": setting.cluster["endpoint"],
            "eksControlPlane": True,
            "interruptionQueue": interruption_queue(setting.environment),
        },
    }


def load_balancer_controller(setting: Setting, _: CloudParts) -> dict[str, Any]:
    """Internal load balancers straight to pods; firewalls and Gateways are not its to manage."""
    return {
        "replicaCount": setting.replicas,
        "serviceAccount": {"create": True, "name": LOAD_BALANCER_ACCOUNT},
        "tolerations": tolerations(setting),
        "resources": sized("100m", "256Mi"),
        "podSecurityContext": RUNTIME_SECCOMP,
        "securityContext": RESTRICTED_CONTAINER,
        "podDisruptionBudget": {"maxUnavailable": 1},
        "serviceMonitor": {"enabled": setting.monitored},
        "clusterName": setting.cluster["name"],
        "region": setting.location["region"],
        "vpcTags": {"Name": f"{setting.environment}-vpc", "environment": setting.environment},
        "defaultTargetType": "ip",
        "defaultLoadBalancerScheme": "internal",
        "defaultTags": cloud_tags(
            owner=setting.owner, cost_center=setting.cost_center, environment=setting.environment
        ),
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": False,
        "controllerConfig": {"featureGates": {"ALBGatewayAPI": False, "NLBGatewayAPI": False}},
    }


def gpu_operator(setting: Setting, _: CloudParts) -> dict[str, Any]:
    """Device plugin, MIG and DCGM; driver and container toolkit come with the node image."""
    tolerated = {"tolerations": tolerations(setting)}
    return {
        "driver": {"enabled": False},
        "toolkit": {"enabled": False},
        "operator": {"resources": sized("100m", "350Mi"), **tolerated},
        "mig": {"strategy": "single"},
        "devicePlugin": {
            "enabled": True,
            "resources": sized("20m", "128Mi"),
            "config": {
                "create": True,
                "name": "nvidia-device-plugin-sharing",
                "default": _WHOLE,
                "data": _sharing(),
            },
        },
        "gfd": {"enabled": True, "resources": sized("20m", "128Mi")},
        "migManager": {"enabled": True, "resources": sized("20m", "128Mi")},
        "dcgmExporter": {
            "enabled": True,
            "resources": sized("50m", "512Mi"),
            "serviceMonitor": {"enabled": setting.monitored, "relabelings": [NODE_LABEL]},
            "config": {"name": counters_name()},
        },
        "node-feature-discovery": {"master": tolerated, "gc": tolerated},
    }


def _sharing() -> dict[str, str]:
    """Configurations of the device plugin, for the labels that a `GpuPool` puts on its nodes.

    JSON, which is YAML.
    """

    def slices(count: int) -> str:
        resource = {"name": "nvidia.com/gpu", "replicas": count}
        return json.dumps({"version": "v1", "sharing": {"timeSlicing": {"resources": [resource]}}})

    shared = {f"time-slices-{count}": slices(count) for count in range(2, _MOST_SLICES + 1)}
    return {_WHOLE: json.dumps({"version": "v1"}), **shared}


def efa_device_plugin(_: Setting, __: CloudParts) -> dict[str, Any]:
    """On every node with adapters, those with GPUs among them."""
    return {"tolerations": [_GPU_TAINT], "resources": sized("10m", "32Mi")}


def envoy_gateway(setting: Setting, _: CloudParts) -> dict[str, Any]:
    """The controller; the proxies come with each Gateway."""
    tolerated = {"tolerations": tolerations(setting)}
    return {
        "deployment": {
            "replicas": setting.replicas,
            "envoyGateway": {"resources": sized("100m", "512Mi")},
            "pod": tolerated,
        },
        "podDisruptionBudget": {"minAvailable": 1 if setting.high_availability else 0},
        "certgen": {"job": {**tolerated, "resources": sized("20m", "128Mi")}},
    }
