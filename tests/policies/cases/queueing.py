"""Cases of the policies about Kueue's queues."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import DROP, NAMESPACE, UNKNOWN, Manifest, manifest, with_changes, workload
from policies.node_pools import GPU, LABEL, TOLERATION, eks, gke, karpenter

KUEUE = "kueue.x-k8s.io/v1beta2"


def job(queue: Any = "team") -> Manifest:
    """A job that waits in a queue."""
    return workload("Job", metadata={"labels": {"kueue.x-k8s.io/queue-name": queue}})


def local(to: Any = "gpus", namespace: str = NAMESPACE) -> Manifest:
    spec = {"clusterQueue": to}
    placed = {"namespace": namespace}
    return manifest("LocalQueue", "team", apiVersion=KUEUE, spec=spec, metadata=placed)


def manifest_of(kind: str, name: str, **spec: Any) -> Manifest:
    base = manifest(kind, name, apiVersion=KUEUE, spec=spec)
    return with_changes(base, {"metadata": {"namespace": DROP}})


def cluster_queue(quota: Any = 8, flavor: str = "l4") -> Manifest:
    """A queue that admits GPUs of one flavour."""
    resources = [{"name": "cpu", "nominalQuota": 96}, {"name": GPU, "nominalQuota": quota}]
    group = {"flavors": [{"name": flavor, "resources": resources}]}
    return manifest_of("ClusterQueue", "gpus", resourceGroups=[group])


def flavor(labels: Any = None, **spec: Any) -> Manifest:
    """What admitted jobs get: the pool's labels."""
    return manifest_of(
        "ResourceFlavor", "l4", nodeLabels=LABEL if labels is None else labels, **spec
    )


def member(name: str, quota: Any, kind: str = "ClusterQueue", cohort: str = "dev") -> Manifest:
    """A queue of a cohort, or the cohort itself."""
    resources = [{"name": GPU, "nominalQuota": quota}]
    group = {"flavors": [{"name": "l4", "resources": resources}]}
    own = {"cohortName": cohort} if kind == "ClusterQueue" else {}
    return manifest_of(kind, name, resourceGroups=[group], **own)


def nightly(queue: str = "team") -> Manifest:
    """A CronJob whose Jobs wait in a queue."""
    labels = {"kueue.x-k8s.io/queue-name": queue}
    return with_changes(
        workload("CronJob"), {"spec": {"jobTemplate": {"metadata": {"labels": labels}}}}
    )


def ranked(name: str = "batch") -> Manifest:
    """A job that says how much it matters."""
    return with_changes(job(), {"metadata": {"labels": {"kueue.x-k8s.io/priority-class": name}}})


CLASS = manifest_of("WorkloadPriorityClass", "batch")
OTHER = {"example.com/pool": "h100"}

CASES: list[Case] = [
    passes("queue-leads-to-nodes", "whole", job(), local(), cluster_queue(), flavor(), karpenter()),
    passes("queue-leads-to-nodes", "queues of another stack", job()),
    passes("queue-leads-to-nodes", "no queue", workload("Job"), local()),
    passes("queue-leads-to-nodes", "tolerated", flavor(tolerations=[TOLERATION]), gke()),
    passes("queue-leads-to-nodes", "pools of another stack", flavor(OTHER)),
    undecided("queue-leads-to-nodes", "unknown", flavor(UNKNOWN), eks()),
    passes("queue-leads-to-nodes", "a class that is there", ranked(), local(), CLASS),
    passes("queue-leads-to-nodes", "classes of another stack", ranked(), local()),
    passes("queue-leads-to-nodes", "a CronJob's queue", nightly(), local()),
    fails("queue-leads-to-nodes", "no such class", ranked("urgent"), local(), CLASS),
    fails("queue-leads-to-nodes", "a CronJob's no such queue", nightly("other"), local()),
    fails("queue-leads-to-nodes", "no such queue", job("other"), local()),
    fails("queue-leads-to-nodes", "another namespace's", job(), local(namespace="fraud")),
    fails("queue-leads-to-nodes", "no such cluster queue", local("cpus"), cluster_queue()),
    fails("queue-leads-to-nodes", "no such flavour", cluster_queue(flavor="h100"), flavor()),
    fails("queue-leads-to-nodes", "no such nodes", flavor(OTHER), karpenter(), eks()),
    fails(
        "queue-leads-to-nodes",
        "not tolerated",
        flavor(tolerations=[{"key": "dedicated", "operator": "Exists"}]),
        eks(),
    ),
    passes("queue-within-pools", "as many", cluster_queue(8), flavor(), karpenter()),
    passes("queue-within-pools", "two pools", cluster_queue("12"), flavor(), karpenter(), eks()),
    passes("queue-within-pools", "no pool in the stack", cluster_queue(500), flavor()),
    passes(
        "queue-within-pools",
        "unbounded",
        cluster_queue(500),
        flavor(),
        karpenter(spec={"limits": DROP}),
    ),
    undecided("queue-within-pools", "unknown", cluster_queue(UNKNOWN), flavor(), karpenter()),
    passes(
        "queue-within-pools",
        "as many together",
        member("dev", 2, "Cohort"),
        member("a", 3),
        member("b", 3),
        flavor(),
        karpenter(),
    ),
    passes(
        "queue-within-pools",
        "another cohort's",
        member("a", 6),
        member("b", 6, cohort="prod"),
        flavor(),
        karpenter(),
    ),
    fails("queue-within-pools", "together", member("a", 5), member("b", 5), flavor(), karpenter()),
    fails(
        "queue-within-pools",
        "with what is the cohort's own",
        member("dev", 4, "Cohort"),
        member("a", 5),
        flavor(),
        karpenter(),
    ),
    fails("queue-within-pools", "too many", cluster_queue(9), flavor(), karpenter()),
    fails("queue-within-pools", "node group", cluster_queue("5"), flavor(), eks()),
    fails("queue-within-pools", "node pool", cluster_queue(16), flavor(), gke()),
]
