"""Delete what controllers made in a cluster, and in its cloud, before the cluster goes.

The engine knows what it made. It does not know the load balancer behind a Service, the disk behind
a volume or the machine behind a node claim: only their controllers do, and those go with the
cluster. What is left then keeps costing money, and its network interfaces keep the network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from stanchion_cli.deploy.api import Api, Ref
from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import detail, step

LIMIT_SECONDS = 900
"""How long each step may take."""
_POLL_SECONDS = 2.0
_ENTRANCES = (("networking.k8s.io/v1", "Ingress"), ("gateway.networking.k8s.io/v1", "Gateway"))
_NODES = (("karpenter.sh/v1", "NodePool"), ("karpenter.sh/v1", "NodeClaim"))
_STAYS = "karpenter.sh/do-not-disrupt"
Live = dict[str, Any]


class Found(NamedTuple):
    """What one look at the cluster shows."""

    awaited: list[Live]
    """What has to be gone before the next step."""
    doomed: list[Live]
    """What is to be deleted for that; not always the same."""


def drain(api: Api, *, limit: float = LIMIT_SECONDS) -> None:
    """Delete entrances, load balancers, volumes and nodes, and wait until each is gone.

    Kinds that the cluster does not know are passed over. Volumes whose policy is to be retained
    stay. An object that a controller makes anew is deleted anew.

    Args:
        api: The cluster that is to go. Everything of these kinds in it goes, whoever made it.
        limit: Seconds that each step may take.

    Raises:
        StanchionError: what is still there when the time is up, with what holds it.
    """
    # Gateways make Services, Services make load balancers; a disk is let go of by a living node.
    _clear(api, "delete ingresses and gateways", _entrances, limit)
    _clear(api, "delete load balancers", _load_balancers, limit)
    _clear(api, "delete volumes, and what uses them", _volumes, limit)
    _tell_retained(api)
    _clear(api, "delete nodes that Karpenter made", _karpenter_nodes, limit)


def _clear(api: Api, title: str, look: Callable[[Api], Found], limit: float) -> None:
    found = look(api)
    if not found.awaited:
        return
    with step(title) as running:
        deadline = time.monotonic() + limit
        seen: set[Ref] = set()
        while found.awaited:
            seen.update(Ref.of(live) for live in found.awaited)
            if time.monotonic() > deadline:
                raise _stuck(found.awaited, limit)
            for live in found.doomed:
                if not live["metadata"].get("deletionTimestamp"):
                    api.delete(Ref.of(live))
            time.sleep(_POLL_SECONDS)
            found = look(api)
        running.note(f"{len(seen)} gone")


def _entrances(api: Api) -> Found:
    found = [*_all(api, _ENTRANCES)]
    return Found(found, found)


def _load_balancers(api: Api) -> Found:
    found = [
        live for live in api.list("v1", "Service") if live["spec"].get("type") == "LoadBalancer"
    ]
    return Found(found, found)


def _volumes(api: Api) -> Found:
    """Disks to wait for; their claims, and what would make pods that use them again."""
    disks = [
        live
        for live in api.list("v1", "PersistentVolume")
        if live["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        and live["spec"].get("claimRef")
    ]
    if not disks:
        return Found([], [])
    wanted = {
        (live["spec"]["claimRef"]["namespace"], live["spec"]["claimRef"]["name"]) for live in disks
    }
    claims = [
        live
        for live in api.list("v1", "PersistentVolumeClaim")
        if (live["metadata"]["namespace"], live["metadata"]["name"]) in wanted
    ]
    users = {
        Ref.of(owner): owner
        for pod in api.list("v1", "Pod")
        if wanted & {*_claims_of(pod)}
        for owner in [_root_owner(api, pod)]
    }
    # Disks go with their claims: one that is deleted by itself may be left in the cloud.
    return Found(disks, [*users.values(), *claims])


def _tell_retained(api: Api) -> None:
    stay = [
        live["metadata"]["name"]
        for live in api.list("v1", "PersistentVolume")
        if live["spec"].get("persistentVolumeReclaimPolicy") == "Retain"
    ]
    if stay:
        detail(f"volumes to be retained stay in the cloud: {', '.join(sorted(stay))}")


def _karpenter_nodes(api: Api) -> Found:
    """Pools, so that no node comes anew, and claims; with what would hold their pods back."""
    nodes = [*_all(api, _NODES)]
    if not nodes:
        return Found([], [])
    budgets = [
        live
        for live in api.list("policy/v1", "PodDisruptionBudget")
        if live["metadata"]["namespace"] != "kube-system"
    ]
    staying = [
        live
        for live in api.list("v1", "Pod")
        if (live["metadata"].get("annotations") or {}).get(_STAYS) == "true"
        and live["spec"].get("nodeName")
    ]
    return Found(nodes, [*nodes, *budgets, *staying])


def _all(api: Api, kinds: Iterable[tuple[str, str]]) -> Iterator[Live]:
    for api_version, kind in kinds:
        if api.knows(api_version, kind):
            yield from api.list(api_version, kind)


def _claims_of(pod: Live) -> Iterator[tuple[str, str]]:
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes") or []:
        if claim := volume.get("persistentVolumeClaim"):
            yield namespace, claim["claimName"]
        elif "ephemeral" in volume:
            yield namespace, f"{pod['metadata']['name']}-{volume['name']}"


def _root_owner(api: Api, live: Live) -> Live:
    """What in the end makes this object: a StatefulSet's own owner, if a controller has made it."""
    for owner in live["metadata"].get("ownerReferences") or []:
        if owner.get("controller") and api.knows(owner["apiVersion"], owner["kind"]):
            namespace = live["metadata"].get("namespace", "")
            above = api.get(Ref(owner["apiVersion"], owner["kind"], namespace, owner["name"]))
            if above is not None:
                return _root_owner(api, above)
    return live


def _stuck(awaited: list[Live], limit: float) -> StanchionError:
    lines = []
    for live in awaited:
        held = ", ".join(live["metadata"].get("finalizers") or []) or "nothing that it names"
        lines.append(f"  {Ref.of(live)}, held by {held}")
    return StanchionError(
        f"{len(awaited)} objects are still there after {limit / 60:.0f} minutes:\n"
        + "\n".join(sorted(lines))
        + "\nwhat holds them is a controller's to let go: its log says what it waits for"
    )
