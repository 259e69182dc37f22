"""Kueue's queues: from a job to a queue, from a queue to nodes that exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stanchion_policies.cluster import Cluster
from stanchion_policies.kubernetes import KubernetesObject, Pod
from stanchion_policies.placement import KUEUE_QUEUE, homes, selected_pools
from stanchion_policies.pools import GPU, NodePool
from stanchion_policies.reading import entries, get, items, quantity, text
from stanchion_policies.rules import Settings, Severity, cluster_policy


@cluster_policy(
    "queue-leads-to-nodes",
    kinds=("Job", "LocalQueue", "ClusterQueue", "ResourceFlavor"),
    severity=Severity.HIGH,
    fix="Correct the name, or the flavour's nodeLabels and tolerations; what waits in a queue that "
    "leads nowhere waits for ever, and nothing says so.",
)
def leads_to_nodes(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """A job's queue leads to nodes of the stack."""
    if item.kind == "Job":
        name = text(item.labels, KUEUE_QUEUE)
        queues = cluster.of("LocalQueue")
        if name and queues and cluster.find("LocalQueue", item.namespace, name) is None:
            yield f"waits in LocalQueue {item.namespace}/{name}, which is not in the stack"
    elif item.kind == "LocalQueue":
        yield from _missing(cluster, "ClusterQueue", text(item.body, "spec", "clusterQueue"))
    elif item.kind == "ClusterQueue":
        for name in _flavors(item):
            yield from _missing(cluster, "ResourceFlavor", name)
    else:
        yield from _no_nodes(item, cluster)


def _missing(cluster: Cluster, kind: str, name: str) -> Iterator[str]:
    """A message where the stack has objects of that kind, and none of that name."""
    known = cluster.of(kind)
    if known and name not in [each.name for each in known]:
        yield f"leads to {kind} {name}, which is not in the stack"


def _flavors(queue: KubernetesObject) -> dict[str, Mapping[str, Any]]:
    """What a ClusterQueue has of each flavour, by the flavour's name."""
    return {
        text(flavor, "name"): flavor
        for group in items(queue.body, "spec", "resourceGroups")
        for flavor in items(group, "flavors")
    }


def _as_pod(flavor: KubernetesObject) -> Pod:
    """The pod that a flavour makes of any pod."""
    spec = {
        "nodeSelector": entries(flavor.body, "spec", "nodeLabels"),
        "tolerations": items(flavor.body, "spec", "tolerations"),
    }
    return Pod({}, spec, {})


def _no_nodes(flavor: KubernetesObject, cluster: Cluster) -> Iterator[str]:
    if not cluster.pools or not entries(flavor.body, "spec", "nodeLabels"):
        return
    pod = _as_pod(flavor)
    selected = selected_pools(pod, cluster.pools)
    if not selected:
        yield "spec.nodeLabels are those of no pool in the stack"
    # Without tolerations of its own, a flavour leaves them to the jobs.
    elif items(flavor.body, "spec", "tolerations") and not homes(pod, selected):
        yield f"spec.tolerations do not tolerate the taints of pool {selected[0].name}"


@cluster_policy(
    "queue-within-pools",
    kinds=("ClusterQueue",),
    severity=Severity.MEDIUM,
    fix="Lower nominalQuota to what the pools have at their largest, or raise their maximum.",
)
def within_pools(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """A queue admits no more GPUs than its pools can have."""
    for name, flavor in _flavors(item).items():
        declared = [each for each in cluster.of("ResourceFlavor") if each.name == name]
        if not declared:
            continue
        rooms = _rooms(selected_pools(_as_pod(declared[0]), cluster.pools))
        quotas = [each for each in items(flavor, "resources") if get(each, "name") == GPU]
        for quota in quotas:
            admitted = quantity(get(quota, "nominalQuota"))
            if rooms is not None and admitted is not None and admitted > rooms:
                yield (
                    f"admits {int(admitted)} {GPU} of flavour {name}, and its pools have {rooms} "
                    "at their largest"
                )


def _rooms(pools: list[NodePool]) -> int | None:
    """The GPUs of pools at their largest; None where one is unbounded, or there is none."""
    rooms = [pool.most_devices for pool in pools if pool.has_gpus]
    known = [room for room in rooms if room is not None]
    return sum(known) if known and len(known) == len(rooms) else None
