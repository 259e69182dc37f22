"""How far a release is, and what is told when it was taken back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from stanchion_cli.deploy import patience, releases
from stanchion_cli.deploy.api import Ref, UnreachableError
from stanchion_cli.deploy.readiness import failed, pending
from stanchion_cli.errors import StanchionError

STEPS = [
    {"setWeight": 33},
    {"analysis": {"templates": [{"templateName": "wine-release"}]}},
    {"setWeight": 50},
    {"analysis": {"templates": [{"templateName": "wine-release"}]}},
]


def rollout(phase: str, *, generation: int = 7, **status: Any) -> dict[str, Any]:
    """A canary in its second version, as its controller tells of it."""
    told = {"observedGeneration": "7", "stableRS": "old", "currentPodHash": "new", "phase": phase}
    return {
        "apiVersion": releases.ROLLOUT_API,
        "kind": "Rollout",
        "metadata": {"name": "wine", "namespace": "demo", "uid": "1", "generation": generation},
        "spec": {"strategy": {"canary": {"steps": STEPS}}},
        "status": {**told, **status},
    }


def measured(
    name: str, phase: str, value: str = "", *, condition: str = "", owner: str = "1"
) -> dict[str, Any]:
    """A run of an analysis with one metric."""
    return {
        "metadata": {"ownerReferences": [{"uid": owner}]},
        "spec": {"metrics": [{"name": name, "successCondition": condition}]},
        "status": {
            "metricResults": [{"name": name, "phase": phase, "measurements": [{"value": value}]}]
        },
    }


class Cluster:
    """Tells of one Rollout as time passes, and of its analyses; at a None it does not answer."""

    def __init__(self, *seen: dict[str, Any] | None, runs: tuple[dict[str, Any], ...] = ()) -> None:
        self._seen, self._runs = list(seen), runs

    def get(self, _ref: Ref) -> dict[str, Any]:
        told = self._seen.pop(0) if len(self._seen) > 1 else self._seen[0]
        if told is None:
            raise UnreachableError("the API server does not answer")
        return told

    def list(self, *_: str, **__: str) -> Iterator[dict[str, Any]]:
        return iter(self._runs)


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "_POLL_SECONDS", 0)


def settle(cluster: Any, seconds: int = 60) -> None:
    services = {"wine": {"namespace": "demo", "strategy": "canary", "releaseSeconds": seconds}}
    releases.settle(cluster, services)


HEALTHY = rollout("Healthy", stableRS="new")


def test_a_release_is_over_when_the_new_version_serves_alone() -> None:
    settle(Cluster(rollout("Progressing", currentStepIndex=1), rollout("Paused"), HEALTHY))


def test_health_of_the_version_before_is_not_that_of_the_new_one() -> None:
    """Right after a change the controller still tells of the last one."""
    stale = rollout("Healthy", generation=8, stableRS="new")
    degraded = rollout("Degraded", generation=7)
    with pytest.raises(StanchionError, match="no reason is told"):
        settle(Cluster(stale, stale, stale, degraded))


@pytest.fixture
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by 20 seconds whenever it is looked at."""
    now = itertools.count(step=20)
    clock = SimpleNamespace(monotonic=lambda: next(now), sleep=lambda _: None)
    monkeypatch.setattr(releases, "time", clock)
    monkeypatch.setattr(patience, "time", clock)


@pytest.mark.usefixtures("_quickly")
def test_a_change_of_replicas_late_in_a_release_has_its_own_time_to_be_seen() -> None:
    begun = [rollout("Progressing", currentStepIndex=1)] * 5
    scaled = rollout("Progressing", generation=8, currentStepIndex=1)
    settle(Cluster(*begun, scaled, HEALTHY), seconds=10_000)


@pytest.mark.usefixtures("_quickly")
def test_a_controller_that_sees_no_change_is_told() -> None:
    unseen = rollout("Progressing", generation=8)
    with pytest.raises(StanchionError, match="its controller has not seen it for 60 s"):
        settle(Cluster(rollout("Progressing"), unseen), seconds=10_000)


@pytest.mark.usefixtures("_quickly")
def test_an_api_server_that_starts_anew_ends_no_release() -> None:
    begun = rollout("Progressing", currentStepIndex=1)
    settle(Cluster(begun, begun, None, None, None, HEALTHY), seconds=10_000)


@pytest.mark.usefixtures("_quickly")
def test_an_api_server_that_stays_away_is_told() -> None:
    begun = rollout("Progressing", currentStepIndex=1)
    with pytest.raises(UnreachableError):
        settle(Cluster(begun, begun, None), seconds=10_000)


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (
            measured("error-ratio", "Failed", "[0.0519480]", condition="result[0] <= 0.01"),
            "error-ratio was 0.05195, at most 0.01 is good",
        ),
        (
            measured("own", "Failed", "[3]", condition="result[0] >= 0.5 && result[0] <= 2"),
            "own was 3, at least 0.5 is good, at most 2 is good",
        ),
        (measured("deadline", "Failed", "[1]"), "not found good within its deadline"),
        (measured("own.unknown", "Failed", "[]"), "own yielded no number within the deadline"),
        (measured("error-ratio", "Error"), "error-ratio could not be measured"),
        (measured("error-ratio", "Failed", "[9]", owner="another's"), "no reason is told"),
        (measured("error-ratio", "Successful", "[0]"), "no reason is told"),
    ],
)
def test_the_reason_is_what_was_measured_and_what_is_good(run: dict[str, Any], told: str) -> None:
    with pytest.raises(StanchionError) as raised:
        settle(Cluster(rollout("Degraded"), runs=(run,)))
    assert told in raised.value.reason


def test_a_measure_that_two_runs_found_bad_is_named_once() -> None:
    step, watch = (measured("error-ratio", "Failed", f"[{found}]") for found in ("0.05", "0.02"))
    with pytest.raises(StanchionError) as raised:
        settle(Cluster(rollout("Degraded"), runs=(step, watch)))
    assert raised.value.reason.count("error-ratio") == 1


def test_a_release_that_takes_too_long_is_told_with_where_it_stands() -> None:
    with pytest.raises(StanchionError, match="still on its way: canary step 2 of 4, weight 33"):
        settle(Cluster(rollout("Progressing", currentStepIndex=1)), seconds=-1)


def test_a_cluster_that_releases_nothing_by_metrics_is_not_asked_for_the_kind() -> None:
    class Without:
        def get(self, ref: Ref) -> None:
            raise AssertionError(f"the cluster has no kind {ref.kind}")

    cluster: Any = Without()
    service = {"namespace": "demo", "strategy": "rolling", "releaseSeconds": 60}
    assert releases.rollout_of(cluster, "wine", service) is None
    releases.settle(cluster, {"wine": service})


@pytest.mark.parametrize(
    ("live", "told"),
    [
        (HEALTHY, "healthy"),
        (rollout("Progressing", currentStepIndex=0), "canary step 1 of 4, weight 33"),
        (rollout("Paused", currentStepIndex=3), "canary step 4 of 4, weight 50"),
        (rollout("Degraded", abort=True), "taken back"),
    ],
)
def test_status_tells_how_far_a_release_is(live: dict[str, Any], told: str) -> None:
    assert releases.progress(live) == told


def test_up_does_not_wait_for_a_release_that_has_begun() -> None:
    assert pending(rollout("Progressing", currentStepIndex=1)) == ""
    assert pending(rollout("Paused")) == ""


def test_up_waits_for_the_first_version_and_for_the_controller() -> None:
    first = rollout("Progressing", stableRS="", message="more replicas need to be updated")
    assert pending(first) == "more replicas need to be updated"
    assert "not seen" in pending(rollout("Healthy", generation=8))


def test_up_says_that_a_version_was_taken_back() -> None:
    nobody: Any = Cluster(HEALTHY)
    live = rollout("Degraded", message="RolloutAborted: error-ratio")
    assert pending(live)
    assert "RolloutAborted: error-ratio" in failed(nobody, live)


def test_a_switched_service_is_released_once_requests_go_to_the_new_version() -> None:
    live = rollout("Paused", stableRS="old", blueGreen={"activeSelector": "old"})
    live["spec"]["strategy"] = {"blueGreen": {}}
    assert releases.progress(live) == "paused, new version not judged yet"
    live["status"]["blueGreen"]["activeSelector"] = "new"
    live["status"]["phase"] = "Healthy"
    assert releases.progress(live) == "healthy"
