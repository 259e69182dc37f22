"""Workloads on GPUs: where they land, how much they ask for, what they lose when a node goes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stanchion_policies.cluster import Cluster
from stanchion_policies.inference import model_servers, serves_llm, start_allowance
from stanchion_policies.kubernetes import REPLICATED, WORKLOADS, Container, KubernetesObject, Pod
from stanchion_policies.placement import (
    devices_of,
    homes,
    is_device,
    is_queued,
    names_nodes,
    selected_pools,
    untolerated,
)
from stanchion_policies.pools import GPU, NodePool
from stanchion_policies.reading import entries, get, items, number, present, quantity, text
from stanchion_policies.rules import Settings, Severity, cluster_policy, integer, object_policy
from stanchion_policies.volumes import persists

CHECKPOINT = re.compile(r"checkpoint|ckpt", re.IGNORECASE)
CHECKPOINT_OPTION = re.compile(r"--?[\w.-]*(?:checkpoint|ckpt)[\w.-]*(?:=|\s+)(\S+)", re.IGNORECASE)
SPOT_LABELS = {
    "cloud.google.com/gke-spot": "true",
    "cloud.google.com/gke-preemptible": "true",
    "karpenter.sh/capacity-type": "spot",
    "eks.amazonaws.com/capacityType": "SPOT",
}
"""Node labels that choose spot capacity by themselves."""


@object_policy(
    "gpu-requests-equal-limits",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Write the same whole number under resources.limits and, if at all, under "
    "resources.requests: devices are not shared out in parts.",
)
def requests_equal_limits(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A container requests as many GPUs as its limit, a whole number."""
    for container in item.pod.containers() if item.pod else ():
        limits = entries(container.body, "resources", "limits")
        requests = entries(container.body, "resources", "requests")
        for resource in sorted({*filter(is_device, limits), *filter(is_device, requests)}):
            limit, request = quantity(get(limits, resource)), quantity(get(requests, resource))
            if limit is None:
                yield f"{container.title} has no resources.limits.{resource}, which the API refuses"
            elif limit != int(limit):
                yield f"{container.title} resources.limits.{resource} is no whole number"
            elif request is not None and request != limit:
                yield (
                    f"{container.title} requests {float(request):g} {resource} with a limit of "
                    f"{int(limit)}; make them equal"
                )


def _title(pools: list[NodePool]) -> str:
    return ", ".join(pool.name for pool in pools)


@cluster_policy(
    "gpu-reaches-pool",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Give the pod the nodeSelector of a pool's labels and a toleration for each of its taints.",
)
def reaches_pool(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """A pod that asks for GPUs names a pool that has them and tolerates its taints."""
    pod = item.pod
    if pod is None or is_queued(item) or not (asked := devices_of(pod)):
        return
    wanted = ", ".join(f"{count} {resource}" for resource, count in asked.items())
    pools = [pool for pool in cluster.pools if pool.has_gpus]
    if not names_nodes(pod):
        known = f"; pools of GPUs: {_title(pools)}" if pools else ""
        yield f"asks for {wanted} and has no nodeSelector that names a pool{known}"
    elif pools and not selected_pools(pod, pools):
        yield f"asks for {wanted}, and its nodeSelector fits no pool of GPUs ({_title(pools)})"
    if not pools and not items(pod.spec, "tolerations"):
        yield f"asks for {wanted} and has no toleration, which pools of GPUs require"
    yield from _not_tolerated(pod, pools)


def _not_tolerated(pod: Pod, pools: list[NodePool]) -> Iterator[str]:
    selected = selected_pools(pod, pools)
    if selected and not homes(pod, selected):
        pool = selected[0]
        for taint in untolerated(pod, pool):
            yield (
                f"has no toleration for {taint.key}={taint.value}:{taint.effect} of pool "
                f"{pool.name}, so it stays pending"
            )


@cluster_policy(
    "gpu-fits-node",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Ask for at most as many GPUs as a node of the pool has, or choose a pool of larger "
    "machines; what needs more takes several pods.",
)
def fits_node(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """A pod asks for no more GPUs than a node of its pool has."""
    pod = item.pod
    asked = devices_of(pod).get(GPU, 0) if pod else 0
    if pod is None or not asked:
        return
    pools = [pool for pool in selected_pools(pod, cluster.pools) if pool.has_gpus]
    rooms = [pool.devices for pool in pools if pool.devices is not None]
    if rooms and len(rooms) == len(pools) and max(rooms) < asked:
        yield (
            f"asks for {asked} {GPU} in one pod, and a node of {_title(pools)} has "
            f"{max(rooms)} at most"
        )


def _only_spot(pod: Pod, cluster: Cluster) -> str:
    """What makes the pod land on spot nodes alone; empty where nothing does."""
    selector = entries(pod.spec, "nodeSelector")
    for label, value in SPOT_LABELS.items():
        if text(selector, label) == value:
            return f"nodeSelector {label}={value}"
    fitting = homes(pod, cluster.pools)
    if fitting and all(pool.spot for pool in fitting):
        return f"pool {_title(fitting)}"
    return ""


@cluster_policy(
    "spot-serving",
    kinds=REPLICATED,
    severity=Severity.HIGH,
    fix="Let it run on a pool with on-demand or reserved capacity beside spot: the cloud may take "
    "all spot nodes of a kind at once.",
)
def spot_serving(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """What answers requests does not run on spot nodes alone."""
    pod = item.pod
    if pod is None or not any(present(container.body, "ports") for container in pod.main):
        return
    reason = _only_spot(pod, cluster)
    if reason:
        yield f"runs on spot nodes alone ({reason}), which may all be taken back at once"


@cluster_policy(
    "gpu-job-checkpoints",
    kinds=("Job", "CronJob"),
    severity=Severity.MEDIUM,
    fix="Write checkpoints to object storage or a persistent volume and say where, in an "
    "environment variable or option named after checkpoints; or use on-demand capacity.",
)
def job_checkpoints(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """A job that computes on spot GPUs keeps checkpoints that outlive its node."""
    pod = item.pod
    if pod is None or not devices_of(pod):
        return
    fitting = homes(pod, cluster.pools)
    if not _only_spot(pod, cluster) and not any(pool.some_spot for pool in fitting):
        return
    places = [place for container in pod.main for place in _checkpoints(container)]
    if not places:
        yield "may run on spot nodes and names no place for checkpoints, so it starts over"
    elif not any(":" in place or "$" in place or persists(pod, place) for place in places):
        yield "keeps its checkpoints on the node, where they are lost with it"


def _checkpoints(container: Container) -> Iterator[str]:
    """Where a container keeps checkpoints: addresses, paths, or `volume` names."""
    # Each shard that `stanchion-batch` has written is one.
    scores = "stanchion-batch" in container.words()
    for name, entry in container.env:
        if CHECKPOINT.search(name) or (scores and name == "OUTPUT_URI"):
            yield "reference:" if present(entry, "valueFrom") else text(entry, "value")
    yield from CHECKPOINT_OPTION.findall(" ".join(container.words()))
    for mount in items(container.body, "volumeMounts"):
        path = text(mount, "mountPath")
        if CHECKPOINT.search(path) or CHECKPOINT.search(text(mount, "name")):
            yield path


@object_policy(
    "startup-allows-load",
    kinds=REPLICATED,
    severity=Severity.HIGH,
    fix="Give the startupProbe a failureThreshold times periodSeconds above the time that the "
    "model takes to load, and progressDeadlineSeconds more than that.",
    settings={
        "seconds": integer("Seconds a model may take to load at least.", 60),
        "llmSeconds": integer("The same for servers of large language models.", 300),
    },
)
def startup_allows_load(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A model server is given the time to load its model."""
    for container in model_servers(item):
        allowed = start_allowance(container)
        needed = settings.integer("llmSeconds" if serves_llm(container) else "seconds")
        if allowed is None:
            continue
        if allowed < needed:
            yield f"{container.title} is killed after {allowed:g} s of starting; allow {needed} s"
        if item.kind in {"Deployment", "Rollout"}:
            deadline = number(item.body, "spec", "progressDeadlineSeconds", default=600)
            total = allowed + number(item.body, "spec", "minReadySeconds")
            if deadline < total:
                yield (
                    f"spec.progressDeadlineSeconds is {deadline:g}, and {container.title} may take "
                    f"{total:g} s to be ready; raise it above"
                )
