"""Ray's clusters: gone with their job, closed to all but their own, on a head that stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stanchion_policies.cluster import Cluster
from stanchion_policies.gpu import SPOT_LABELS
from stanchion_policies.jobs_made import jobs_of
from stanchion_policies.kubernetes import KubernetesObject, Pod
from stanchion_policies.placement import homes
from stanchion_policies.reading import entries, get, items, present, text
from stanchion_policies.rules import Settings, Severity, cluster_policy, object_policy

_CLUSTERS = {
    "RayCluster": ("spec",),
    "RayJob": ("spec", "rayClusterSpec"),
    "RayService": ("spec", "rayClusterConfig"),
}
"""Where each kind says what its cluster is."""
_OPEN = {"NodePort", "LoadBalancer"}


@object_policy(
    "ray-job-ends-its-cluster",
    kinds=("RayJob",),
    severity=Severity.MEDIUM,
    fix="Set shutdownAfterJobFinishes: true, or a deletionStrategy with deletionRules; Kueue takes "
    "no job without the first.",
)
def job_ends_its_cluster(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """The nodes of a RayJob are free once it is over."""
    spec = entries(item.body, "spec")
    if entries(spec, "clusterSelector") or present(spec, "deletionStrategy"):
        return
    if get(spec, "shutdownAfterJobFinishes") is not True:
        yield "spec.shutdownAfterJobFinishes is not true, so its pods stay when it is over"


@object_policy(
    "ray-closed",
    kinds=_CLUSTERS,
    severity=Severity.CRITICAL,
    fix="Set authOptions.mode: token with the rayVersion of the image, and leave serviceType and "
    "enableIngress out: a head runs whatever it is sent.",
)
def closed(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Nobody runs code on Ray's cluster by reaching its port."""
    path = _CLUSTERS[item.kind]
    cluster = entries(item.body, *path)
    if not cluster:
        return
    where = ".".join(path)
    head = entries(cluster, "headGroupSpec")
    if text(cluster, "authOptions", "mode") != "token":
        yield f"{where}.authOptions.mode is not token, so who reaches the head runs code on it"
    if text(head, "serviceType") in _OPEN:
        yield f"{where}.headGroupSpec.serviceType is {text(head, 'serviceType')}; leave it out"
    if get(head, "enableIngress") is True:
        yield f"{where}.headGroupSpec.enableIngress is true; leave it out"


@cluster_policy(
    "ray-head-stays",
    kinds=("RayJob",),
    severity=Severity.HIGH,
    fix="Keep the head off spot nodes by a node affinity with operator NotIn on the labels that "
    "say so, or give it a pool without spot; workers may run there.",
)
def head_stays(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """The head of a RayJob, with which all is lost, is not on nodes that may be taken back."""
    for job in jobs_of(item):
        if job.pod is None or not job.name.endswith("-head"):
            continue
        selector = entries(job.pod.spec, "nodeSelector")
        chosen = [label for label, value in SPOT_LABELS.items() if text(selector, label) == value]
        spot = [pool.name for pool in homes(job.pod, cluster.pools) if pool.some_spot]
        if chosen:
            yield f"its head chooses spot nodes by {chosen[0]}, and is lost with one"
        elif spot and not _avoids_spot(job.pod):
            yield f"its head may run on spot nodes of pool {', '.join(spot)}, and is lost with one"


def _avoids_spot(pod: Pod) -> bool:
    """Whether the pod's affinity keeps it off spot nodes, in every term of it."""
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    terms = items(pod.spec, "affinity", "nodeAffinity", required, "nodeSelectorTerms")
    return bool(terms) and all(any(map(_excludes, items(t, "matchExpressions"))) for t in terms)


def _excludes(expression: Mapping[str, Any]) -> bool:
    key, operator = text(expression, "key"), text(expression, "operator")
    if key not in SPOT_LABELS:
        return False
    spot = SPOT_LABELS[key] in items(expression, "values")
    return operator == "DoesNotExist" or spot == (operator == "NotIn")
