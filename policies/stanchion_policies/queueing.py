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

_PRIORITY = "kueue.x-k8s.io/priority-class"


@cluster_policy(
    "queue-leads-to-nodes",
    kinds=("Job", "CronJob", "LocalQueue", "ClusterQueue", "ResourceFlavor"),
    severity=Severity.HIGH,
    fix="Correct the name, or the flavour's nodeLabels and tolerations; what waits in a queue that "
    "leads nowhere waits for ever, and nothing says so.",
)
def leads_to_nodes(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """A job's queue leads to nodes of the stack."""
    if item.kind in {"Job", "CronJob"}:
        yield from _no_queue(item, cluster)
    elif item.kind == "LocalQueue":
        yield from _missing(cluster, "ClusterQueue", text(item.body, "spec", "clusterQueue"))
    elif item.kind == "ClusterQueue":
        for name in _flavors(item):
            yield from _missing(cluster, "ResourceFlavor", name)
    else:
        yield from _no_nodes(item, cluster)


def _no_queue(item: KubernetesObject, cluster: Cluster) -> Iterator[str]:
    """What is wrong with where a job waits, or the Jobs that a CronJob makes."""
    labels = item.labels
    if item.kind == "CronJob":
        labels = entries(item.body, "spec", "jobTemplate", "metadata", "labels")
    name, queues = text(labels, KUEUE_QUEUE), cluster.of("LocalQueue")
    if name and queues and cluster.find("LocalQueue", item.namespace, name) is None:
        yield f"waits in LocalQueue {item.namespace}/{name}, which is not in the stack"
    priority = text(labels, _PRIORITY)
    if name and priority:
        yield from _missing(cluster, "WorkloadPriorityClass", priority)


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
    kinds=("ClusterQueue", "Cohort"),
    severity=Severity.MEDIUM,
    fix="Lower nominalQuota to what the pools have at their largest, or raise their maximum; what "
    "several queues of a cohort count as theirs is promised twice.",
)
def within_pools(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """Queues admit no more GPUs than their pools can have, alone and with those of their cohort."""
    together = _together(item, cluster)
    for declared in cluster.of("ResourceFlavor"):
        name = declared.name
        rooms = _rooms(selected_pools(_as_pod(declared), cluster.pools))
        if rooms is None:
            continue
        admitted = _gpus(item, name)
        if admitted > rooms:
            yield (
                f"admits {admitted} {GPU} of flavour {name}, and its pools have {rooms} "
                "at their largest"
            )
        elif together and sum(_gpus(each, name) for each in together) > rooms:
            total = sum(_gpus(each, name) for each in together)
            yield (
                f"is one of {len(together)} of its cohort that admit {total} {GPU} of flavour "
                f"{name}, and its pools have {rooms} at their largest"
            )


def _together(item: KubernetesObject, cluster: Cluster) -> list[KubernetesObject]:
    """A cohort and its queues; for all but the first of them none, so that it is told once."""
    name = item.name if item.kind == "Cohort" else text(item.body, "spec", "cohortName")
    queues = [
        each
        for each in cluster.of("ClusterQueue")
        if name and text(each.body, "spec", "cohortName") == name
    ]
    members = [*(each for each in cluster.of("Cohort") if each.name == name), *queues]
    return members if members and members[0].urn == item.urn else []


def _gpus(queue: KubernetesObject, flavor: str) -> int:
    """The GPUs that a queue counts as its own of a flavour."""
    amounts = [
        quantity(get(each, "nominalQuota"))
        for each in items(_flavors(queue).get(flavor, {}), "resources")
        if get(each, "name") == GPU
    ]
    return int(sum(each for each in amounts if each is not None))


def _rooms(pools: list[NodePool]) -> int | None:
    """The GPUs of pools at their largest; None where one is unbounded, or there is none."""
    rooms = [pool.most_devices for pool in pools if pool.has_gpus]
    known = [room for room in rooms if room is not None]
    return sum(known) if known and len(known) == len(rooms) else None
