from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from stanchion_cli.deploy import apply
from stanchion_cli.deploy.api import Manifest, Ref
from stanchion_cli.deploy.applyset import ApplySet
from stanchion_cli.errors import StanchionError
from unit.deploy.clock import Clock

REF = Ref("apps/v1", "Deployment", "demo", "wine")


class Cluster:
    """A deployment that is as `status` says at the time."""

    def __init__(self, status: Callable[[], dict[str, Any]]) -> None:
        self._status = status

    def get(self, ref: Ref) -> dict[str, Any]:
        return {
            "apiVersion": ref.api_version,
            "kind": ref.kind,
            "metadata": {"name": ref.name, "namespace": ref.namespace, "generation": 2},
            "spec": {"replicas": 1},
            "status": self._status(),
        }

    def list(self, *_: str, **__: str) -> Iterator[dict[str, Any]]:
        return iter(())


GIVEN_UP = {
    "observedGeneration": 1,
    "conditions": [
        {
            "type": "Progressing",
            "status": "False",
            "reason": "ProgressDeadlineExceeded",
            "message": "ReplicaSet wine-1 has timed out progressing.",
        }
    ],
}
DONE = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(apply, "time", clock)
    return clock


def test_the_failure_of_the_rollout_before_is_not_that_of_this_one(clock: Clock) -> None:
    """A controller needs a moment to take back what it said of the last rollout."""
    cluster: Any = Cluster(lambda: DONE if clock.now > 5 else GIVEN_UP)
    apply._await_ready(cluster, REF)
    assert clock.now < 10


def test_a_failure_that_stands_ends_the_waiting(clock: Clock) -> None:
    cluster: Any = Cluster(lambda: GIVEN_UP)
    with pytest.raises(StanchionError, match="timed out progressing"):
        apply._await_ready(cluster, REF)
    assert apply.HOPELESS_SECONDS <= clock.now < apply.HOPELESS_SECONDS + 2


def test_a_version_that_was_taken_back_is_told_with_the_commands_that_leave_it(
    clock: Clock,
) -> None:
    taken_back = {
        "observedGeneration": "2",
        "phase": "Degraded",
        "message": "RolloutAborted: Rollout aborted update to revision 2",
    }
    cluster: Any = Cluster(lambda: taken_back)
    ref = Ref("argoproj.io/v1alpha1", "Rollout", "demo", "wine")
    with pytest.raises(StanchionError, match="its new version was taken back: Roll") as told:
        apply._await_ready(cluster, ref)
    assert "`stanchion rollback wine`" in told.value.fix
    assert "`stanchion promote` run again" in told.value.fix
    assert "mend" not in told.value.fix


def test_what_the_program_leaves_to_others_is_applied_as_it_was_found() -> None:
    """Left out, the server would take it for removed; declared again, it would be taken back."""
    declared = {"spec": {"selector": {"app": "wine"}, "ports": [80]}}
    live = {"spec": {"selector": {"app": "wine", "hash": "5d"}, "ports": [80], "clusterIP": "x"}}
    planned = apply.Planned(declared, (), ignored=("spec.selector",))
    found = apply._as_found(planned, live)
    assert found == {"spec": {"selector": {"app": "wine", "hash": "5d"}, "ports": [80]}}
    assert declared["spec"]["selector"] == {"app": "wine"}


def test_what_others_removed_stays_removed() -> None:
    planned = apply.Planned({"spec": {"replicas": 3}}, (), ignored=("spec.replicas",))
    assert apply._as_found(planned, {"spec": {}}) == {"spec": {}}


@pytest.mark.parametrize(
    ("writers", "applied"),
    [
        (["kube-controller-manager"], {}),
        (["stanchion"], {"replicas": 5}),
        (["stanchion", "kube-controller-manager"], {"replicas": 5}),
        ([], {"replicas": 5}),
    ],
)
def test_what_an_autoscaler_has_written_since_is_left_to_it(
    writers: list[str], applied: dict[str, int]
) -> None:
    """Sent as it was read, it could take back what is written between reading and applying."""
    fields: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
    managed: list[dict[str, Any]] = [
        {"manager": "kubelet", "fieldsV1": {"f:status": {}}},
        *({"manager": each, "fieldsV1": fields} for each in writers),
    ]
    live = {"metadata": {"managedFields": managed}, "spec": {"replicas": 5}}
    planned = apply.Planned({"spec": {"replicas": 2}}, (), ignored=("spec.replicas",))
    assert apply._as_found(planned, live) == {"spec": applied}


def test_weights_that_a_controller_wrote_stay_also_in_the_middle_of_a_canary() -> None:
    def rules(stable: int, canary: int) -> list[dict[str, Any]]:
        backends = [{"name": "wine", "weight": stable}, {"name": "wine-canary", "weight": canary}]
        return [{"backendRefs": backends}]

    declared = {"spec": {"hostnames": ["new.example.com"], "rules": rules(100, 0)}}
    live = {"spec": {"hostnames": ["old.example.com"], "rules": rules(75, 25)}}
    found = apply._as_found(apply.Planned(declared, (), ignored=("spec.rules",)), live)
    assert found == {"spec": {"hostnames": ["new.example.com"], "rules": rules(75, 25)}}


class Served:
    """Objects in memory, each found under every API version of its kind that is served."""

    def __init__(self) -> None:
        self.versions = {"": ["v1"], "kueue.x-k8s.io": ["kueue.x-k8s.io/v1beta1"]}
        self.objects: dict[tuple[str, ...], dict[str, Any]] = {}

    def _checked(self, version: str, kind: str) -> str:
        group = version.rpartition("/")[0]
        if version not in self.versions.get(group, ()):
            raise StanchionError(f"the cluster has no kind {kind} in {version}")
        return group

    def serves(self, group: str, _kind: str) -> str:
        return next(iter(self.versions.get(group, [])), "")

    def get(self, ref: Ref) -> dict[str, Any] | None:
        self._checked(ref.api_version, ref.kind)
        return self.objects.get(ref.identity)

    def apply(self, manifest: Manifest) -> dict[str, Any]:
        ref = Ref.of(manifest)
        self._checked(ref.api_version, ref.kind)
        metadata = {**manifest["metadata"], "resourceVersion": "1"}
        self.objects[ref.identity] = {
            **manifest,
            "metadata": metadata,
            "status": {"phase": "Active"},
        }
        return self.objects[ref.identity]

    def delete(self, ref: Ref) -> None:
        self._checked(ref.api_version, ref.kind)
        self.objects.pop(ref.identity, None)

    def list(self, version: str, kind: str, *, selector: str) -> Iterator[dict[str, Any]]:
        group = self._checked(version, kind)
        label, _, wanted = selector.partition("=")
        for identity, found in list(self.objects.items()):
            labelled = (found["metadata"].get("labels") or {}).get(label) == wanted
            if identity[:2] == (group, kind) and labelled:
                yield {**found, "apiVersion": version, "kind": kind}


def queue(version: str, name: str = "demo") -> apply.Planned:
    """A queue, declared under a version of its kind."""
    return apply.Planned(
        {
            "apiVersion": f"kueue.x-k8s.io/{version}",
            "kind": "LocalQueue",
            "metadata": {"name": name, "namespace": "demo"},
        },
        (),
    )


def up(cluster: Any, *plan: apply.Planned) -> apply.Applied:
    """What `up` does to objects that are its to change."""
    applyset = ApplySet("local")
    applyset.announce(cluster, [planned.ref for planned in plan])
    return apply.apply_all(cluster, applyset, plan)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "served", [["v1beta2", "v1beta1"], ["v1beta1", "v1beta2"], ["v1beta2"]], ids=" ".join
)
def test_an_object_that_is_declared_under_another_version_of_its_kind_stays(
    served: list[str],
) -> None:
    cluster = Served()
    up(cluster, queue("v1beta1"), queue("v1beta1", "old"))
    cluster.versions["kueue.x-k8s.io"] = [f"kueue.x-k8s.io/{each}" for each in served]
    done = up(cluster, queue("v1beta2"))
    assert [ref.name for ref in done.pruned] == ["old"]
    kept = [name for group, _, _, name in cluster.objects if group]
    assert kept == ["demo"]
    assert str(up(cluster, queue("v1beta2"))) == "0 created, 0 changed, 1 unchanged, 0 pruned"


@pytest.mark.usefixtures("clock")
def test_a_kind_that_the_cluster_has_no_more_holds_nothing_up() -> None:
    cluster = Served()
    up(cluster, queue("v1beta1"))
    del cluster.versions["kueue.x-k8s.io"]
    assert up(cluster).pruned == ()
    assert ApplySet("local").members(cast("Any", cluster)) == []
