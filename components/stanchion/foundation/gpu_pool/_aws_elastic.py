"""A Karpenter NodePool with its EC2NodeClass."""

from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from stanchion.catalog.pools import CapacityKind
from stanchion.children import child_options
from stanchion.foundation.gpu_pool.contract import GPU_DEVICE, GpuPoolArgs, PoolPlan
from stanchion.foundation.gpu_pool.placement import gpu_toleration

_GROUP = "karpenter.k8s.aws"
_DEFAULT_EXPIRY_HOURS = 720
_CAPACITY_TYPES = {
    CapacityKind.RESERVATION: "reserved",
    CapacityKind.SPOT: "spot",
    CapacityKind.ON_DEMAND: "on-demand",
}


def build(
    parent: pulumi.ComponentResource,
    name: str,
    args: GpuPoolArgs,
    plan: PoolPlan,
    opts: pulumi.ResourceOptions | None,
) -> None:
    """Both objects; the pool waits for its class."""
    keep = args.get("keep", False)
    metadata = k8s.meta.v1.ObjectMetaArgs(name=plan.name, labels=plan.labels)
    node_class = k8s.apiextensions.CustomResource(
        f"{name}-class",
        api_version=f"{_GROUP}/v1",
        kind="EC2NodeClass",
        metadata=metadata,
        spec=_class_spec(args, plan),
        opts=child_options(parent, opts, keep=keep),
    )
    k8s.apiextensions.CustomResource(
        f"{name}-pool",
        api_version="karpenter.sh/v1",
        kind="NodePool",
        metadata=metadata,
        spec=_pool_spec(args, plan),
        opts=child_options(parent, opts, depends_on=[node_class], keep=keep),
    )


def _class_spec(args: GpuPoolArgs, plan: PoolPlan) -> dict[str, Any]:
    subnets = dict(zip(args["location"]["zones"], args["network"]["subnet_ids"], strict=True))
    role = pulumi.Output.from_input(args["cluster"]["node_role"])
    spec: dict[str, Any] = {
        "amiSelectorTerms": [{"alias": f"al2023@{args.get('node_image')}"}],
        "role": role.apply(lambda arn: arn.rpartition("/")[2]),
        "subnetSelectorTerms": [{"id": subnets[zone]} for zone in plan.zones],
        "securityGroupSelectorTerms": [{"id": args["cluster"]["node_security_group_id"]}],
        "associatePublicIPAddress": False,
        # A hop limit of one keeps pods from the node's credentials.
        "metadataOptions": {
            "httpEndpoint": "enabled",
            "httpProtocolIPv6": "disabled",
            "httpPutResponseHopLimit": 1,
            "httpTokens": "required",
        },
        "blockDeviceMappings": [
            {
                "deviceName": "/dev/xvda",
                "rootVolume": True,
                "ebs": {
                    "volumeSize": f"{args.get('disk_gb', 200)}Gi",
                    "volumeType": "gp3",
                    "encrypted": True,
                    "deleteOnTermination": True,
                },
            }
        ],
        "tags": {**plan.tags, "Name": f"{args['environment']}-{plan.name}"},
    }
    if args.get("nvme_cache"):
        spec["instanceStorePolicy"] = "RAID0"
    if "reservation" in args:
        spec["capacityReservationSelectorTerms"] = [{"id": args["reservation"]}]
    return spec


def _pool_spec(args: GpuPoolArgs, plan: PoolPlan) -> dict[str, Any]:
    taint = gpu_toleration()
    labels = {**plan.labels, **sharing_labels(args)}
    template: dict[str, Any] = {
        "nodeClassRef": {"group": _GROUP, "kind": "EC2NodeClass", "name": plan.name},
        "requirements": [
            _one_of("node.kubernetes.io/instance-type", [each.name for each in plan.machines]),
            _one_of("karpenter.sh/capacity-type", [_CAPACITY_TYPES[k] for k in plan.capacity]),
            _one_of("topology.kubernetes.io/zone", list(plan.zones)),
            _one_of("kubernetes.io/arch", ["amd64"]),
        ],
        "expireAfter": f"{args.get('expire_hours', _DEFAULT_EXPIRY_HOURS)}h",
        # What still runs after a day keeps a node from being replaced no longer.
        "terminationGracePeriod": "24h",
    }
    if plan.gpus:
        template["taints"] = [{key: taint[key] for key in ("key", "value", "effect")}]
    most_vcpus = max(each.vcpus for each in plan.machines)
    return {
        "template": {"metadata": {"labels": labels}, "spec": template},
        "limits": (
            {GPU_DEVICE: str(plan.max_nodes * plan.gpus)}
            if plan.gpus
            else {"cpu": str(plan.max_nodes * most_vcpus)}
        ),
        "disruption": {
            # Moving a loaded model costs minutes of GPU: only what is empty goes.
            "consolidationPolicy": "WhenEmpty" if plan.gpus else "WhenEmptyOrUnderutilized",
            "consolidateAfter": "5m",
            "budgets": [{"nodes": "10%"}],
        },
    }


def sharing_labels(args: GpuPoolArgs) -> dict[str, str]:
    """What the GPU operator reads on a node to partition its GPUs or share them in turns."""
    if "mig_profile" in args:
        return {"nvidia.com/mig.config": f"all-{args['mig_profile']}"}
    if "time_slices" in args:
        return {"nvidia.com/device-plugin.config": f"time-slices-{args['time_slices']}"}
    return {}


def _one_of(key: str, values: list[str]) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": values}
