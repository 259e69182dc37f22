"""What goes before a cluster goes, in which order, and what stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from stanchion_cli.deploy import drain as module
from stanchion_cli.deploy.api import Ref
from stanchion_cli.deploy.drain import drain
from stanchion_cli.errors import StanchionError

KARPENTER = {("karpenter.sh/v1", "NodePool"), ("karpenter.sh/v1", "NodeClaim")}
BUILT_IN = {
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "PersistentVolume"),
    ("v1", "PersistentVolumeClaim"),
    ("apps/v1", "StatefulSet"),
    ("networking.k8s.io/v1", "Ingress"),
    ("policy/v1", "PodDisruptionBudget"),
}


class Server:
    """A cluster in memory, with the few rules of controllers that order a teardown."""

    def __init__(self, *objects: dict[str, Any], kinds: set[tuple[str, str]] = BUILT_IN) -> None:
        self.objects = {Ref.of(found): found for found in objects}
        self.kinds = kinds
        self.deleted: list[str] = []
        self.again: list[dict[str, Any]] = []
        """Made anew by a controller, one after each look at Services."""

    def knows(self, api_version: str, kind: str) -> bool:
        return (api_version, kind) in self.kinds

    def list(self, api_version: str, kind: str) -> Iterator[dict[str, Any]]:
        assert self.knows(api_version, kind), kind
        yield from [o for ref, o in self.objects.items() if ref.kind == kind]

    def get(self, ref: Ref) -> dict[str, Any] | None:
        return self.objects.get(ref)

    def delete(self, ref: Ref) -> None:
        found = self.objects[ref]
        assert "deletionTimestamp" not in found["metadata"], f"{ref} is deleted twice"
        self.deleted.append(f"{ref.kind}/{ref.name}")
        found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    def settle(self, _: float = 0) -> None:
        """What controllers do between two looks."""
        for ref, found in [*self.objects.items()]:
            if "deletionTimestamp" in found["metadata"] and not self._held(ref, found):
                del self.objects[ref]
        for ref, found in [*self.objects.items()]:
            owners = found["metadata"].get("ownerReferences", [])
            names = {other.name for other in self.objects}
            if any(owner["name"] not in names for owner in owners):
                del self.objects[ref]
            claim = found["spec"].get("claimRef")
            if claim and claim["name"] not in names and not found["spec"].get("broken"):
                del self.objects[ref]
        if self.again and not any(ref.kind == "Service" for ref in self.objects):
            new = self.again.pop()
            self.objects[Ref.of(new)] = new

    def _held(self, ref: Ref, found: dict[str, Any]) -> bool:
        pods = [o for r, o in self.objects.items() if r.kind == "Pod"]
        if ref.kind == "PersistentVolumeClaim":
            used = [v["persistentVolumeClaim"]["claimName"] for p in pods for v in _volumes(p)]
            return ref.name in used
        if ref.kind == "NodeClaim":
            return any(r.kind in {"PodDisruptionBudget", "NodePool"} for r in self.objects)
        return bool(found["metadata"].get("finalizers"))


def _volumes(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return list(pod["spec"].get("volumes", []))


def live(kind: str, name: str, version: str = "v1", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, **more.pop("metadata", {})}
    if kind not in {"PersistentVolume", "NodePool", "NodeClaim"}:
        metadata["namespace"] = "demo"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": more}


def volume(name: str, claim: str, policy: str = "Delete", **more: Any) -> dict[str, Any]:
    reference = {"namespace": "demo", "name": claim}
    return live(
        "PersistentVolume", name, persistentVolumeReclaimPolicy=policy, claimRef=reference, **more
    )


def using(name: str, claim: str, owner: str = "") -> dict[str, Any]:
    owners = [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": owner, "controller": True}]
    return live(
        "Pod",
        name,
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
        metadata={"ownerReferences": owners} if owner else {},
    )


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLL_SECONDS", 0.001)


def drained(server: Server, monkeypatch: pytest.MonkeyPatch, limit: float = 5) -> list[str]:
    monkeypatch.setattr("time.sleep", server.settle)
    drain(server, limit=limit)  # type: ignore[arg-type]
    return server.deleted


def test_entrances_go_before_load_balancers_before_volumes_before_nodes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(
        live("NodeClaim", "claim", "karpenter.sh/v1"),
        live("NodePool", "pool", "karpenter.sh/v1"),
        live("PersistentVolumeClaim", "data"),
        volume("disk", "data"),
        live("Service", "balancer", type="LoadBalancer"),
        live("Gateway", "gateway", "gateway.networking.k8s.io/v1"),
        live("Ingress", "ingress", "networking.k8s.io/v1"),
        kinds=BUILT_IN | KARPENTER | {("gateway.networking.k8s.io/v1", "Gateway")},
    )
    assert drained(server, monkeypatch) == [
        "Ingress/ingress",
        "Gateway/gateway",
        "Service/balancer",
        "PersistentVolumeClaim/data",
        "NodePool/pool",
        "NodeClaim/claim",
    ]
    assert not server.objects


def test_what_a_cluster_does_not_know_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(live("Service", "inside", type="ClusterIP"), live("Pod", "pod"))
    assert drained(server, monkeypatch) == []
    assert len(server.objects) == 2


def test_a_volume_goes_with_its_claim_and_its_user_and_never_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(
        live("StatefulSet", "database", "apps/v1"),
        using("database-0", "data", owner="database"),
        live("PersistentVolumeClaim", "data"),
        volume("disk", "data"),
        live("StatefulSet", "other", "apps/v1"),
    )
    assert drained(server, monkeypatch) == ["StatefulSet/database", "PersistentVolumeClaim/data"]
    assert [str(ref) for ref in server.objects] == ["StatefulSet demo/other"]


def test_a_pod_that_nobody_owns_lets_go_of_its_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(
        using("pod", "data"), live("PersistentVolumeClaim", "data"), volume("d", "data")
    )
    assert drained(server, monkeypatch) == ["Pod/pod", "PersistentVolumeClaim/data"]


def test_retained_volumes_stay_and_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(
        volume("models", "data", policy="Retain"), live("PersistentVolumeClaim", "data")
    )
    assert drained(server, monkeypatch) == []
    assert "to be retained stay in the cloud: models" in capsys.readouterr().err


def test_nothing_holds_the_pods_of_a_node_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    stays = {"annotations": {"karpenter.sh/do-not-disrupt": "true"}}
    server = Server(
        live("NodePool", "pool", "karpenter.sh/v1"),
        live("NodeClaim", "claim", "karpenter.sh/v1"),
        live("PodDisruptionBudget", "service", "policy/v1"),
        live("Pod", "training", nodeName="node", metadata=stays),
        live("Pod", "serving", nodeName="node"),
        kinds=BUILT_IN | KARPENTER,
    )
    deleted = drained(server, monkeypatch)
    assert {"PodDisruptionBudget/service", "Pod/training"} < {*deleted}
    assert "Pod/serving" not in deleted
    assert not any(ref.kind == "NodeClaim" for ref in server.objects)


def test_what_a_controller_makes_anew_is_deleted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    first = live("Service", "balancer", type="LoadBalancer")
    server = Server(first)
    server.again = [live("Service", "balancer", type="LoadBalancer")]
    monkeypatch.setattr("time.sleep", server.settle)
    drain(server, limit=5)  # type: ignore[arg-type]
    assert server.deleted == ["Service/balancer", "Service/balancer"]


def test_waiting_ends_and_tells_what_is_held_by_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    held = {"finalizers": ["service.kubernetes.io/load-balancer-cleanup"]}
    server = Server(live("Service", "balancer", type="LoadBalancer", metadata=held))
    with pytest.raises(StanchionError) as caught:
        drained(server, monkeypatch, limit=0.05)
    assert "Service demo/balancer, held by service.kubernetes.io/load-balancer-cleanup" in str(
        caught.value
    )


def test_a_disk_that_does_not_go_is_waited_for_though_its_claim_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(volume("disk", "gone", broken=True))
    with pytest.raises(StanchionError, match="PersistentVolume disk, held by"):
        drained(server, monkeypatch, limit=0.05)
