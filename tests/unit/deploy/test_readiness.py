from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from stanchion_cli.deploy.api import Api
from stanchion_cli.deploy.readiness import obstacle, pending


def _workload(
    kind: str, *, generation: int = 2, replicas: int = 2, **status: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "x", "namespace": "y", "generation": generation},
        "spec": {"replicas": replicas},
        "status": status,
    }


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_a_workload_is_ready_when_every_replica_is_up_to_date_and_available(kind: str) -> None:
    live = _workload(kind, observedGeneration=2, replicas=2, updatedReplicas=2, availableReplicas=2)
    # `replicas` is both a spec and a status field.
    live["status"]["replicas"] = 2
    assert pending(live) == ""


def test_a_status_of_an_older_generation_says_nothing() -> None:
    live = _workload("Deployment", observedGeneration=1, updatedReplicas=2, availableReplicas=2)
    assert "not seen" in pending(live)


def test_old_pods_that_still_run_hold_the_rollout_open() -> None:
    live = _workload("Deployment", observedGeneration=2, updatedReplicas=2, availableReplicas=2)
    live["status"]["replicas"] = 3
    assert pending(live)


def test_a_job_is_ready_only_when_complete() -> None:
    job = {"kind": "Job", "metadata": {"name": "x"}, "status": {}}
    assert pending(job) == "not complete"
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    assert pending(job) == ""


def test_a_job_that_takes_its_own_time_holds_nobody_up() -> None:
    annotations = {"pulumi.com/skipAwait": "true"}
    metadata = {"name": "x", "annotations": annotations}
    assert pending({"kind": "Job", "metadata": metadata, "status": {}}) == ""
    annotations["pulumi.com/skipAwait"] = "false"
    assert pending({"kind": "Job", "metadata": metadata, "status": {}}) == "not complete"


def test_objects_without_a_controller_are_ready_once_they_exist() -> None:
    assert pending({"kind": "ConfigMap", "metadata": {"name": "x"}}) == ""


class Cluster:
    """One pod that is being created, and what was said of it."""

    def __init__(self, *warnings: str) -> None:
        self._warnings = warnings

    def list(self, _version: str, kind: str, **_: str) -> Iterator[dict[str, Any]]:
        if kind == "Event":
            return iter([{"reason": "FailedMount", "message": each} for each in self._warnings])
        creating = {"state": {"waiting": {"reason": "ContainerCreating"}}}
        pod = {"namespace": "y", "name": "x-1", "uid": "1"}
        return iter([{"metadata": pod, "status": {"containerStatuses": [creating]}}])


def test_a_secret_that_nobody_has_made_is_told_while_its_pod_waits() -> None:
    live = _workload("Deployment")
    live["spec"]["selector"] = {"matchLabels": {"a": "b"}}
    missing = 'MountVolume.SetUp failed for volume "secrets": secret "keys" not found'
    assert obstacle(cast("Api", Cluster(missing)), live) == f"FailedMount: {missing}"
    assert obstacle(cast("Api", Cluster()), live) == "waiting ContainerCreating"
