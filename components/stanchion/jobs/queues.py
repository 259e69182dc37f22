"""Queues for the jobs of all tenants: whose turn it is, and on which nodes."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels
from stanchion.children import child_options, once_made
from stanchion.jobs import _shares
from stanchion.jobs._shares import NOTHING, Amounts
from stanchion.jobs.queues_arguments import (
    JobPriority,
    JobQueuesArgs,
    QueuePreemption,
    QueueTenant,
)
from stanchion.jobs.queues_checks import checked
from stanchion.labels import metadata
from stanchion.placement import Placement

QUEUE = "jobs"
"""Name of the LocalQueue in each tenant's namespace."""
_API = "kueue.x-k8s.io/v1beta2"
_VALUES = {JobPriority.TRAINING: 1000, JobPriority.BATCH: 2000, JobPriority.ONLINE: 3000}
_POLICIES = {
    QueuePreemption.NEVER: "Never",
    QueuePreemption.LOWER_PRIORITY: "LowerPriority",
    QueuePreemption.ANY: "Any",
}
_GIVES_WAY = "Its jobs give way to those of a higher value, and wait to begin again."


class JobQueues(pulumi.ComponentResource):
    """Kueue's queues: a ClusterQueue and a LocalQueue `jobs` for each tenant, in one cohort.

    Each pool is a ResourceFlavor with the labels and taints that workloads of the pool get, so a
    job lands where Kueue counted it. A tenant is guaranteed a part of each pool, may borrow up to
    its quota of what others leave, and gives it back when they want it. What is guaranteed to
    nobody is the Cohort's, and shared fairly: whoever has least for its weight is next.

    Kueue has to share fairly (`Operators` tells it so), so a queue that borrows never stops jobs
    of others by their priority alone: Kueue has `borrowWithinCohort` without fair sharing only.
    It deliberately knows nothing of services: what those use of a pool, jobs wait for on its
    nodes. A job beyond its namespace's quota is admitted, and its pods wait for the quota.
    """

    queue_name: pulumi.Output[str]
    """Name of the LocalQueue of every tenant, known once all queues are there."""
    cohort: pulumi.Output[str]
    """Name of the cohort."""

    def __init__(
        self, name: str, args: JobQueuesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = checked(name, args)
        super().__init__("stanchion:index:JobQueues", name, {}, opts)
        given = _shares.shares(args["tenants"], args["pools"])
        cpus_first = sorted(args["pools"], key=lambda pool: bool(pool["device"]))
        args = {**args, "pools": cpus_first}

        for priority, value in _VALUES.items():
            described = _of_all(args, str(priority))
            _PriorityClass(
                f"{name}-priority-{priority}", described, value, child_options(self, opts)
            )
        flavors = [
            _made(
                f"{name}-flavor-{pool['pool']}",
                "ResourceFlavor",
                _of_all(args, pool["pool"]),
                _flavor_spec(pool),
                child_options(self, opts),
            )
            for pool in args["pools"]
        ]
        cohort = _made(
            f"{name}-cohort",
            "Cohort",
            _of_all(args, args["environment"]),
            _cohort_spec(args, given),
            child_options(self, opts, depends_on=flavors),
        )
        queues = []
        for tenant in args["tenants"]:
            called = f"{name}-{tenant['tenant']}"
            queue = _made(
                called,
                "ClusterQueue",
                _of_tenant(tenant, tenant["tenant"], None),
                _queue_spec(args, tenant, given),
                child_options(self, opts, depends_on=[*flavors, cohort]),
            )
            local = _made(
                f"{called}-{QUEUE}",
                "LocalQueue",
                _of_tenant(tenant, QUEUE, tenant["namespace"]),
                {"clusterQueue": tenant["tenant"]},
                child_options(self, opts, depends_on=[queue]),
            )
            queues.append(local)

        self.queue_name = once_made(QUEUE, *queues)
        self.cohort = once_made(args["environment"], cohort)
        self.register_outputs({"queue_name": self.queue_name, "cohort": self.cohort})


def _of_all(args: JobQueuesArgs, called: str) -> k8s.meta.v1.ObjectMetaArgs:
    """Metadata of what all tenants share."""
    labelled = labels.standard(
        labels.selector("queues", args["environment"]),
        owner=args["owner"],
        cost_center=args["cost_center"],
    )
    return metadata(called, None, labelled)


def _of_tenant(
    tenant: QueueTenant, called: str, namespace: pulumi.Input[str] | None
) -> k8s.meta.v1.ObjectMetaArgs:
    labelled = labels.standard(
        labels.selector("queues", tenant["tenant"]),
        owner=tenant["owner"],
        cost_center=tenant["cost_center"],
        extra={labels.TENANT: tenant["tenant"]},
    )
    return metadata(called, namespace, labelled)


def _made(
    name: str,
    kind: str,
    described: k8s.meta.v1.ObjectMetaArgs,
    spec: Mapping[str, Any],
    opts: pulumi.ResourceOptions,
) -> k8s.apiextensions.CustomResource:
    return k8s.apiextensions.CustomResource(
        name, api_version=_API, kind=kind, metadata=described, spec=spec, opts=opts
    )


class _PriorityClass(pulumi.CustomResource):
    """A WorkloadPriorityClass: its value is beside `spec`, where the SDK's own type has no room."""

    def __init__(
        self,
        resource_name: str,
        described: k8s.meta.v1.ObjectMetaArgs,
        value: int,
        opts: pulumi.ResourceOptions,
    ) -> None:
        kind = "WorkloadPriorityClass"
        super().__init__(
            f"kubernetes:{_API}:{kind}",
            resource_name,
            {
                "apiVersion": _API,
                "kind": kind,
                "metadata": described,
                "value": value,
                "description": _GIVES_WAY,
            },
            opts,
        )


def _flavor_spec(pool: Placement) -> dict[str, Any]:
    spec: dict[str, Any] = {"nodeLabels": dict(pool["node_selector"])}
    # Taints and no tolerations: what does not ask for the pool's GPUs is not put on its nodes.
    taints = [
        {"key": each["key"], "value": each["value"], "effect": each["effect"]}
        for each in pool["tolerations"]
    ]
    return {**spec, "nodeTaints": taints} if taints else spec


def _cohort_spec(args: JobQueuesArgs, given: Mapping[tuple[str, str], Amounts]) -> dict[str, Any]:
    """What of the pools is guaranteed to nobody, for all to borrow."""
    return _resource_groups(
        args["pools"],
        {pool["pool"]: {"nominalQuota": _shares.unassigned(pool, given)} for pool in args["pools"]},
    )


def _queue_spec(
    args: JobQueuesArgs, tenant: QueueTenant, given: Mapping[tuple[str, str], Amounts]
) -> dict[str, Any]:
    quotas: dict[str, dict[str, Amounts]] = {}
    for pool in args["pools"]:
        guaranteed = given.get((tenant["tenant"], pool["pool"]))
        if guaranteed is None:
            continue
        quotas[pool["pool"]] = {
            "nominalQuota": guaranteed,
            "borrowingLimit": _shares.beyond(tenant, guaranteed, pool),
        }
        if not tenant.get("lends", True):
            quotas[pool["pool"]]["lendingLimit"] = NOTHING
    return {
        **_resource_groups(args["pools"], quotas),
        "cohortName": args["environment"],
        "namespaceSelector": {"matchLabels": {labels.NAMESPACE_NAME: tenant["namespace"]}},
        "queueingStrategy": "BestEffortFIFO",
        "preemption": {
            "withinClusterQueue": _POLICIES[args.get("within", QueuePreemption.LOWER_PRIORITY)],
            "reclaimWithinCohort": _POLICIES[args.get("reclaim", QueuePreemption.ANY)],
        },
        "fairSharing": {"weight": _weight(tenant.get("weight", 1.0))},
    }


def _weight(weight: float) -> str:
    """In thousandths, as quantities are written."""
    return str(int(weight)) if weight == int(weight) else f"{round(weight * 1000)}m"


def _resource_groups(
    pools: Sequence[Placement], quotas: Mapping[str, Mapping[str, Amounts]]
) -> dict[str, Any]:
    """Kueue's notation of amounts by pool and by what they are.

    Args:
        pools: All pools, those of CPUs before those of GPUs: the order in which Kueue tries them.
        quotas: By pool, then by field.
    """
    used = [pool for pool in pools if pool["pool"] in quotas]
    if not used:
        return {}
    devices = sorted({pool["device"] for pool in used if pool["device"]})
    return {
        "resourceGroups": [
            {
                "coveredResources": ["cpu", "memory", *devices],
                "flavors": [
                    {"name": pool["pool"], "resources": _resources(quotas[pool["pool"]], devices)}
                    for pool in used
                ],
            }
        ]
    }


def _resources(quota: Mapping[str, Amounts], devices: Sequence[str]) -> list[dict[str, str]]:
    return [
        {"name": "cpu", **{field: str(each.cpu) for field, each in quota.items()}},
        {"name": "memory", **{field: f"{each.memory}Gi" for field, each in quota.items()}},
        *(
            {"name": device, **{field: str(each.gpus) for field, each in quota.items()}}
            for device in devices
        ),
    ]
