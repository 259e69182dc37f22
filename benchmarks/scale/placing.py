"""Objects into a cluster, and what became of their pods once nothing moves any more."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from stanchion_cli.cluster import Cluster
from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import step
from stanchion_cli.render import KubernetesObject

from benchmarks.scale.environment import Workload
from benchmarks.scale.kwok import SIMULATED

SERVICE: Final = "app.kubernetes.io/instance"
"""Label of pods, Jobs and ReplicaSets: the service that they are of."""
UNSCHEDULABLE: Final = "Unschedulable"
_CONTROLLERS: Final = "node.kubernetes.io/"
"""How the keys of taints begin that controllers put on a node, and take off again later."""
_AT_ONCE: Final = 500
_POLL_SECONDS: Final = 5.0
_STILL: Final = 3
"""Looks without a difference after which nothing moves any more."""

Object = Mapping[str, Any]


@dataclass(frozen=True)
class LeftOut:
    """What was not applied, counted by kind."""

    platform: Mapping[str, int]
    """Objects outside the tenants' namespaces."""
    unserved: Mapping[str, int]
    """Objects of kinds that the cluster does not serve."""
    unknown: Mapping[str, int]
    """Objects with values that are not known before a cloud made something."""


@dataclass(frozen=True)
class Outcome:
    """What the cluster says of itself in the end."""

    nodes: Sequence[Object]
    """The simulated ones."""
    pods: Sequence[Object]
    """The tenants'."""
    quotas: Sequence[Object]
    """The tenants' ResourceQuotas."""
    refusals: Mapping[str, str]
    """By service, what the API server said when it refused to make a pod."""


def apply_tenants(
    cluster: Cluster, objects: Sequence[KubernetesObject], tenants: Iterable[str]
) -> tuple[int, LeftOut]:
    """Apply all objects of the tenants, unchanged; how many, and what was left out."""
    spaces, served = {*tenants}, _served(cluster)
    platform: Counter[str] = Counter()
    unserved: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    wanted = []
    for item in objects:
        if (item.namespace or item.name) not in spaces:
            platform[item.kind] += 1
        elif (item.manifest["apiVersion"], item.kind) not in served:
            unserved[item.kind] += 1
        elif item.unknowns:
            unknown[item.kind] += 1
        else:
            wanted.append(item.manifest)
    create(cluster, wanted)
    return len(wanted), LeftOut(platform, unserved, unknown)


def create(cluster: Cluster, objects: Sequence[Object]) -> None:
    """Make objects, in their order."""
    for start in range(0, len(objects), _AT_ONCE):
        part = objects[start : start + _AT_ONCE]
        several = {"apiVersion": "v1", "kind": "List", "items": part}
        cluster.kubectl("create", "-f", "-", stdin=json.dumps(several), timeout=600)


def ready(cluster: Cluster, nodes: int, *, seconds: float) -> None:
    """Wait until so many simulated nodes take pods.

    Raises:
        StanchionError: They do not after so many seconds.
    """
    limit, found = time.monotonic() + seconds, 0
    while time.monotonic() < limit:
        found = sum(takes_pods(node) for node in _simulated(cluster))
        if found >= nodes:
            return
        time.sleep(_POLL_SECONDS)
    raise StanchionError(f"{found} of {nodes} simulated nodes were ready after {seconds:.0f} s")


def settle(
    cluster: Cluster, workloads: Sequence[Workload], *, seconds: float, seconds_still: float
) -> Outcome:
    """Wait until every pod has a node or a reason, then look at everything.

    Args:
        cluster: The cluster.
        workloads: What was asked for.
        seconds: Longest time to wait.
        seconds_still: Longest time without any change.

    Raises:
        StanchionError: Something moved until the end, or neither moved nor had a reason.
    """
    tenants = {workload.tenant for workload in workloads}
    limit, before, since, still = time.monotonic() + seconds, None, time.monotonic(), 0
    with step("wait for every pod's node or reason") as running:
        while True:
            look = _look(cluster, tenants)
            made, _, undecided, refused = look
            running.note(f"{sum(made.values())} pods made, {undecided} undecided")
            if look != before:
                before, since, still = look, time.monotonic(), 0
            missing = [
                f"{each.name}: {each.pods - made[each.name]} of {each.pods} pods not made"
                for each in workloads
                if made[each.name] < each.pods and each.name not in refused
            ]
            # A busy machine delays nodes' signs of life. A pod that such a node could take is
            # told that there is none, and gets it once the node is back.
            away = 0 if undecided or missing else _away(cluster)
            still = 0 if undecided or missing or away else still + 1
            if still >= _STILL:
                break
            if time.monotonic() > limit or time.monotonic() - since > seconds_still:
                said = "; ".join(
                    [
                        f"{undecided} pods without a node or a reason",
                        f"{away} nodes that take none",
                        *missing,
                    ]
                )
                raise StanchionError(f"not every pod was placed or refused: {said}")
            time.sleep(_POLL_SECONDS)
    return Outcome(
        nodes=_simulated(cluster),
        pods=[*_of(tenants, _pages(cluster, "/api/v1/pods"))],
        quotas=[*_of(tenants, _pages(cluster, "/api/v1/resourcequotas"))],
        refusals=_refusals(cluster, tenants),
    )


def takes_pods(node: Object) -> bool:
    """Whether a node is ready, and no controller has tainted it as one that was not."""
    taints = (taint["key"] for taint in node["spec"].get("taints", []))
    return condition(node, "Ready").get("status") == "True" and not any(
        key.startswith(_CONTROLLERS) for key in taints
    )


def condition(of: Object, kind: str) -> Object:
    """A condition of a pod or a node; empty where it has none of the kind."""
    found = (each for each in of["status"].get("conditions", []) if each["type"] == kind)
    return next(found, {})


def _look(cluster: Cluster, tenants: Set[str]) -> tuple[Counter[str], int, int, frozenset[str]]:
    """Pods made by service, those without a node, those without a reason too, services refused."""
    made: Counter[str] = Counter()
    for job in _of(tenants, _pages(cluster, "/apis/batch/v1/jobs")):
        made[_service(job)] += job["status"].get("active", 0)
    for deployment in _of(tenants, _pages(cluster, "/apis/apps/v1/deployments")):
        made[_service(deployment)] += deployment["status"].get("replicas", 0)
    unbound = [*_of(tenants, _pages(cluster, "/api/v1/pods", fieldSelector="spec.nodeName="))]
    undecided = sum(
        condition(pod, "PodScheduled").get("reason") != UNSCHEDULABLE for pod in unbound
    )
    return made, len(unbound), undecided, frozenset(_refusals(cluster, tenants))


def _away(cluster: Cluster) -> int:
    return sum(not takes_pods(node) for node in _simulated(cluster))


def _refusals(cluster: Cluster, tenants: Set[str]) -> dict[str, str]:
    owners = {
        (kind, owner["metadata"]["name"]): _service(owner)
        for kind, path in (
            ("Job", "/apis/batch/v1/jobs"),
            ("ReplicaSet", "/apis/apps/v1/replicasets"),
        )
        for owner in _of(tenants, _pages(cluster, path))
    }
    said = {}
    for event in _pages(cluster, "/api/v1/events", fieldSelector="reason=FailedCreate"):
        about = (event["involvedObject"]["kind"], event["involvedObject"]["name"])
        if "exceeded quota" in event["message"] and about in owners:
            said[owners[about]] = event["message"]
    return said


def _service(found: Object) -> str:
    return str(found["metadata"]["labels"][SERVICE])


def _of(tenants: Set[str], found: Iterable[Object]) -> Iterator[Object]:
    return (each for each in found if each["metadata"]["namespace"] in tenants)


def _served(cluster: Cluster) -> set[tuple[str, str]]:
    rows = cluster.kubectl("api-resources", "--no-headers").stdout.splitlines()
    return {(words[-3], words[-1]) for words in map(str.split, rows)}


def _simulated(cluster: Cluster) -> list[Object]:
    return [*_pages(cluster, "/api/v1/nodes", labelSelector=f"{SIMULATED}=true")]


def _pages(cluster: Cluster, path: str, **selected: str) -> Iterator[Object]:
    """Every object of a list, some at a time: thousands of pods are a hundred megabytes."""
    query = {**selected, "limit": str(_AT_ONCE)}
    while True:
        raw = cluster.kubectl("get", "--raw", f"{path}?{urlencode(query)}", timeout=300)
        answer = json.loads(raw.stdout)
        yield from answer["items"]
        if not (token := answer["metadata"].get("continue")):
            return
        query["continue"] = token
