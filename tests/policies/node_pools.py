"""Pools of GPUs as each cloud makes them, and workloads on them."""

from __future__ import annotations

from typing import Any

from policies.cloud_resources import cloud
from policies.manifests import Manifest, manifest, with_changes, workload
from stanchion_cli.policies import AnalyzedResource

GPU = "nvidia.com/gpu"
TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}
TOLERATION = {"key": GPU, "operator": "Exists", "effect": "NoSchedule"}
LABEL = {"example.com/pool": "l4"}


def on_gpu(
    kind: str = "Deployment", gpus: Any = 1, request: Any = None, pod: Any = None, **change: Any
) -> Manifest:
    """A workload that asks for GPUs of the pool, with changes to its pod spec and itself."""
    sizes: dict[str, Any] = {"limits": {GPU: gpus}}
    if request is not None:
        sizes["requests"] = {GPU: request}
    placed = {"nodeSelector": LABEL, "tolerations": [TOLERATION], **(pod or {})}
    server = {"resources": sizes, **change.pop("server", {})}
    return workload(kind, server=server, pod=placed, **change)


def karpenter(
    *machines: str, capacity: tuple[str, ...] = ("on-demand",), name: str = "l4", **change: Any
) -> Manifest:
    """A NodePool of Karpenter with GPUs."""
    requirements = [
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": list(capacity)},
        {
            "key": "node.kubernetes.io/instance-type",
            "operator": "In",
            "values": list(machines or ("g6.xlarge", "g6.2xlarge")),
        },
    ]
    spec = {
        "limits": {GPU: "8"},
        "template": {
            "metadata": {"labels": LABEL},
            "spec": {"requirements": requirements, "taints": [TAINT]},
        },
    }
    base = manifest("NodePool", name, apiVersion="karpenter.sh/v1", spec=spec)
    base["metadata"].pop("namespace")
    return with_changes(base, change)


def by(kind: str, *values: str, **change: Any) -> Manifest:
    """A NodePool that names no machine types, but families or categories of them."""
    requirement = {"key": f"karpenter.k8s.aws/{kind}", "operator": "In", "values": list(values)}
    pool = karpenter(**change)
    pool["spec"]["template"]["spec"]["requirements"] = [requirement]
    return pool


def eks(**change: Any) -> AnalyzedResource:
    """A node group with GPUs."""
    base = {
        "nodeGroupName": "l4",
        "instanceTypes": ["g6.xlarge"],
        "capacityType": "ON_DEMAND",
        "labels": LABEL,
        "taints": [{"key": GPU, "value": "present", "effect": "NO_SCHEDULE"}],
        "scalingConfig": {"minSize": 0, "maxSize": 4, "desiredSize": 0},
    }
    return cloud("aws:eks/nodeGroup:NodeGroup", "l4", **with_changes(base, change))


def gke(**change: Any) -> AnalyzedResource:
    """A node pool of GKE with GPUs."""
    base = {
        "name": "l4",
        "autoscaling": {"totalMinNodeCount": 0, "totalMaxNodeCount": 4},
        "nodeConfig": {
            "machineType": "g2-standard-4",
            "guestAccelerators": [{"type": "nvidia-l4", "count": 1}],
            "labels": LABEL,
            "taints": [{"key": GPU, "value": "present", "effect": "NO_SCHEDULE"}],
        },
    }
    return cloud("gcp:container/nodePool:NodePool", "l4", **with_changes(base, change))
