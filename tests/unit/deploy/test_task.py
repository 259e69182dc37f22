"""Of what ends a task, only what its container did is told as the container's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from stanchion_cli.deploy import apply, patience, task
from stanchion_cli.deploy.api import Ref, UnreachableError
from stanchion_cli.errors import StanchionError
from unit.deploy.clock import Clock

SECONDS = 600
POD = "gates-wine-3-x7k"
COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}
FAILED = {
    "conditions": [
        {
            "type": "Failed",
            "status": "True",
            "reason": "BackoffLimitExceeded",
            "message": "Job has reached the specified backoff limit",
        }
    ]
}
Look = tuple[Mapping[str, Any], list[dict[str, Any]]]


def pod(state: dict[str, Any], phase: str = "Running", **more: Any) -> dict[str, Any]:
    """A pod of the Job, with one container in `state`."""
    conditions = [{"type": kind, "status": "True", **told} for kind, told in more.items()]
    return {
        "metadata": {"name": POD, "namespace": "tracking", "uid": "1"},
        "status": {
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": [{"name": "task", "state": state}],
        },
    }


def ended(reason: str, status: int, **more: Any) -> dict[str, Any]:
    """A pod whose container has failed."""
    return pod({"terminated": {"reason": reason, "exitCode": status}}, "Failed", **more)


def waiting(reason: str) -> dict[str, Any]:
    """A pod whose container does not run yet."""
    return pod({"waiting": {"reason": reason}}, "Pending")


RUNS = pod({"running": {}})
DRAINED = {
    "DisruptionTarget": {"reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"}
}


class Cluster:
    """Objects in memory, and a Job that stands as `look` says at the time."""

    def __init__(self, clock: Clock, look: Callable[[float], Look]) -> None:
        self._clock, self._look = clock, look
        self.objects: dict[Ref, dict[str, Any]] = {}
        self.applied: list[Mapping[str, Any]] = []

    def apply(self, manifest: Mapping[str, Any]) -> None:
        self.applied.append(manifest)
        self.objects[Ref.of(manifest)] = dict(manifest)

    def delete(self, ref: Ref) -> None:
        self.objects.pop(ref, None)

    def get(self, ref: Ref) -> dict[str, Any] | None:
        found = self.objects.get(ref)
        if found is None or ref.kind != "Job":
            return found
        selector = {"matchLabels": {"batch.kubernetes.io/job-name": ref.name}}
        status, _ = self._look(self._clock.now)
        return {**found, "spec": {**found["spec"], "selector": selector}, "status": status}

    def list(self, _: str, kind: str, **__: str) -> Iterator[dict[str, Any]]:
        yield from self._look(self._clock.now)[1] if kind == "Pod" else ()

    def logs(self, *_: Any, **__: Any) -> str:
        return '{"smoke": {}}\n'


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (apply, patience, task):
        monkeypatch.setattr(module, "time", clock)
    return clock


def run(clock: Clock, look: Callable[[float], Look]) -> str:
    cluster: Any = Cluster(clock, look)
    try:
        return task.run(
            cluster,
            task.Task("gates-wine-3", "tracking", "server", ("x",), timeout_seconds=SECONDS),
        )
    finally:
        assert cluster.objects == {}


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (ended("Error", 3), "terminated Error"),
        (ended("OOMKilled", 137), "terminated OOMKilled"),
    ],
)
def test_what_the_container_ended_with_is_its_own(
    clock: Clock, last: dict[str, Any], told: str
) -> None:
    with pytest.raises(task.EndedError, match=told) as caught:
        run(clock, lambda now: (FAILED, [last]) if now > 5 else ({}, [RUNS]))
    assert '| {"smoke": {}}' in caught.value.reason


def test_a_disk_of_its_own_that_is_full_is_the_containers_own(clock: Clock) -> None:
    last = ended("ContainerStatusUnknown", 137)
    last["status"] |= {"reason": "Evicted", "message": "exceeds the total limit of containers 2Gi"}
    with pytest.raises(task.EndedError):
        run(clock, lambda _: (FAILED, [last]))


def _refused() -> dict[str, Any]:
    found = ended("", 0)
    found["status"] = {"phase": "Failed", "reason": "OutOfcpu", "conditions": []}
    return found


@pytest.mark.parametrize(
    "last",
    [
        pytest.param([ended("Error", 143, **DRAINED)], id="drained"),
        pytest.param([ended("OOMKilled", 137, **DRAINED)], id="evicted for its node's memory"),
        pytest.param([ended("ContainerStatusUnknown", 137)], id="lost by its node"),
        pytest.param([ended("StartError", 128)], id="not started"),
        pytest.param([_refused()], id="refused by its node"),
        pytest.param([], id="gone"),
    ],
)
def test_what_befell_its_pod_is_not_the_containers_own(
    clock: Clock, last: list[dict[str, Any]]
) -> None:
    with pytest.raises(StanchionError, match="the job failed") as caught:
        run(clock, lambda now: (FAILED, last) if now > 5 else ({}, [RUNS]))
    assert type(caught.value) is StanchionError
    assert "run the same command again" in caught.value.fix


def test_a_pod_that_is_gone_by_the_time_the_job_fails_was_seen_to_be_taken(clock: Clock) -> None:
    going = pod({"running": {}}, "Running", **DRAINED)
    with pytest.raises(StanchionError, match=r"node \(EvictionByEvictionAPI: Evict"):
        run(clock, lambda now: (FAILED, []) if now > 5 else ({}, [going if now > 3 else RUNS]))


def test_a_pod_that_somebody_deletes_did_not_fail(clock: Clock) -> None:
    last = ended("Error", 143)
    last["metadata"]["deletionTimestamp"] = "2026-11-23T10:00:00Z"
    with pytest.raises(StanchionError, match=r"taken from its node \(it was deleted") as caught:
        run(clock, lambda _: (FAILED, [last]))
    assert type(caught.value) is StanchionError


def test_an_image_that_is_not_pulled_for_a_moment_is_waited_for(clock: Clock) -> None:
    def look(now: float) -> Look:
        if now > 60:
            return COMPLETE, [pod({"terminated": {"reason": "Completed"}}, "Succeeded")]
        return {}, [waiting("ImagePullBackOff" if now % 20 < 10 else "ErrImagePull")]

    assert run(clock, look) == '{"smoke": {}}\n'


def test_an_image_that_is_not_pulled_is_told_and_not_the_containers_own(clock: Clock) -> None:
    with pytest.raises(StanchionError, match="is in ImagePullBackOff") as caught:
        run(clock, lambda _: ({}, [waiting("ImagePullBackOff")]))
    assert type(caught.value) is StanchionError
    assert apply.HOPELESS_SECONDS <= clock.now < apply.HOPELESS_SECONDS + 2


def test_a_pod_that_finds_no_node_is_told_and_not_the_containers_own(clock: Clock) -> None:
    homeless = waiting("")
    homeless["status"] |= {
        "containerStatuses": [],
        "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}],
    }
    with pytest.raises(StanchionError, match=r"did not start within 600 s\n.*0/3 nodes") as caught:
        run(clock, lambda _: ({}, [homeless]))
    assert type(caught.value) is StanchionError


def test_a_container_has_all_its_time_from_when_it_runs(clock: Clock) -> None:
    def look(now: float) -> Look:
        if now > 1000:
            return COMPLETE, [pod({"terminated": {"reason": "Completed"}}, "Succeeded")]
        return {}, [RUNS if now > 500 else waiting("ContainerCreating")]

    assert run(clock, look)


def test_a_container_that_does_not_end_in_time_is_its_own_failure(clock: Clock) -> None:
    with pytest.raises(task.EndedError, match="did not end within 600 s"):
        run(clock, lambda now: ({}, [RUNS if now > 500 else waiting("ContainerCreating")]))
    assert 1100 < clock.now < 1110


def test_an_api_server_that_starts_anew_ends_no_task(clock: Clock) -> None:
    def look(now: float) -> Look:
        if 10 < now < 100:
            raise UnreachableError("the API server does not answer")
        done = pod({"terminated": {"reason": "Completed"}}, "Succeeded")
        return (COMPLETE, [done]) if now > 110 else ({}, [RUNS])

    assert run(clock, look)


def test_its_pod_asks_that_no_node_is_emptied_under_it(clock: Clock) -> None:
    done = pod({"terminated": {"reason": "Completed"}}, "Succeeded")
    cluster: Any = Cluster(clock, lambda _: (COMPLETE, [done]))
    task.run(cluster, task.Task("gates-wine-3", "tracking", "server", ("x",)))
    job = cluster.applied[-1]
    assert job["spec"]["template"]["metadata"]["annotations"] == {
        "karpenter.sh/do-not-disrupt": "true",
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    }
