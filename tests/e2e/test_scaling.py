"""Capacity that follows demand, down to none: KEDA itself over real figures."""

from __future__ import annotations

import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from e2e.platform import Platform, eventually
from e2e.releases import BLUE_GREEN, OPERATORS
from e2e.traffic import Traffic

pytestmark = [
    pytest.mark.node,
    pytest.mark.usefixtures("unbroken"),
    pytest.mark.full,
]

_BOUNDS: dict[str, Any] = {
    "minReplicas": 1,
    "maxReplicas": 4,
    "targetCpuPercent": 100,
    "scaleDownSeconds": 30,
}
AUTOSCALING: dict[str, Any] = {**_BOUNDS, "inFlightPerReplica": 12}
_BY_LATENCY: dict[str, Any] = {**_BOUNDS, "targetLatencyMs": 500}
BUDGET_SECONDS = 120
RESTING: dict[str, Any] = {**AUTOSCALING, "minReplicas": 0}


def test_replicas_follow_one_fifty_and_no_requests_in_flight(platform: Platform) -> None:
    platform.enable(["kube-prometheus-stack", "keda"])
    platform.declare(autoscaling=AUTOSCALING, gates=None)
    platform.stanchion("up", "local")
    # After its gates an answer takes a while, so that what is asked at once is in flight at once.
    slow = platform.train_flawed("slow", "--after", "300", "--seconds", "0.25")
    platform.stanchion("promote", "wine-cultivar", slow)
    autoscalers = platform.get("horizontalpodautoscalers", "-n", "demo")["items"]
    assert [each["metadata"]["name"] for each in autoscalers] == ["keda-hpa-wine"]
    _expect(platform, 1, seconds=300)
    with Traffic(platform.address(), platform.request(), threads=1) as alone:
        time.sleep(45)
        assert _replicas(platform) == 1
    assert alone.failures == []
    with Traffic(platform.address(), platform.request(), threads=50, pause=0) as crowd:
        _expect(platform, 4, seconds=240)
    _expect(platform, 1, seconds=600)
    assert crowd.failures == []


def test_replicas_follow_latency(platform: Platform) -> None:
    platform.declare(autoscaling=_BY_LATENCY)
    platform.stanchion("up", "local")
    with Traffic(platform.address(), platform.request(), threads=1) as alone:
        time.sleep(75)  # The minute that is measured, and KEDA's next look.
        assert _replicas(platform) == 1
    with Traffic(platform.address(), platform.request(), threads=50, pause=0) as crowd:
        _expect(platform, 4, seconds=360)
    _expect(platform, 1, seconds=600)
    assert alone.failures + crowd.failures == []


def test_demand_is_followed_while_the_strategy_changes(platform: Platform) -> None:
    platform.enable([*OPERATORS, "keda"])
    platform.declare(autoscaling={**AUTOSCALING, "maxReplicas": 2})
    platform.stanchion("up", "local")
    with Traffic(platform.address(), platform.request(), threads=50, pause=0) as crowd:
        _expect(platform, 2, seconds=240)
        for kind, rollout in (("rollout", BLUE_GREEN), ("deployment", None)):
            platform.declare(rollout=rollout)
            platform.stanchion("up", "local")
            _expect(platform, 2, seconds=240, kind=kind)
    assert crowd.failures == []
    _expect(platform, 1, seconds=600)


def test_a_service_goes_to_rest_without_losing_a_request(platform: Platform) -> None:
    platform.declare(autoscaling=RESTING, coldStart={"budgetSeconds": BUDGET_SECONDS})
    with Traffic(platform.address(), platform.request(), threads=4) as moving:
        platform.stanchion("up", "local")
        time.sleep(10)
    assert moving.failures == []
    assert moving.answered > 0
    _expect_rest(platform)


def test_the_first_requests_after_rest_are_answered_within_the_budget(platform: Platform) -> None:
    for round_ in range(2):
        began = time.monotonic()
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda _: _ask(platform), range(10)))
        took = time.monotonic() - began
        print(f"round {round_}: 10 answers from rest after {took:.1f} s, budget {BUDGET_SECONDS} s")
        assert answers == [200] * 10
        assert took < BUDGET_SECONDS
        _expect_rest(platform)


def test_a_service_that_keeps_a_replica_again_has_one_soon(platform: Platform) -> None:
    assert _ask(platform) == 200
    platform.declare(autoscaling=AUTOSCALING, coldStart=None)
    platform.stanchion("up", "local")
    _expect(platform, 1, seconds=120)
    assert _ask(platform) == 200
    left = platform.get("deployments", "-n", "demo", "-l", "app.kubernetes.io/instance=wine")
    assert [each["metadata"]["name"] for each in left["items"]] == ["wine"]


def test_without_keda_a_service_has_its_own_autoscaler_again(platform: Platform) -> None:
    platform.declare(autoscaling=None)
    platform.enable([])
    platform.stanchion("up", "local")
    autoscalers = platform.get("horizontalpodautoscalers", "-n", "demo")["items"]
    assert [each["metadata"]["name"] for each in autoscalers] == ["wine"]
    assert "keda.sh" not in platform.kubectl("api-versions")


def _replicas(platform: Platform, kind: str = "deployment") -> int:
    status = platform.get(kind, "wine", "-n", "demo")["status"]
    return int(status.get("readyReplicas", 0))


def _ask(platform: Platform) -> int:
    """The status of one request by a client that waits as long as the budget."""
    connection = http.client.HTTPConnection(*platform.address(), timeout=BUDGET_SECONDS + 30)
    with closing(connection):
        headers = {"content-type": "application/json"}
        connection.request("POST", "/v2/models/wine/infer", platform.request(), headers)
        return connection.getresponse().status


def _expect_rest(platform: Platform) -> None:
    """No pod of a replica is left, while the activators are there."""
    server = "app.kubernetes.io/instance=wine,app.kubernetes.io/component=server"
    eventually(
        lambda: not platform.get("pods", "-n", "demo", "-l", server)["items"],
        seconds=300,
        what="no replica",
    )
    activators = platform.get("deployment", "wine-activator", "-n", "demo")["status"]
    assert activators["readyReplicas"] == 2


def _expect(platform: Platform, replicas: int, *, seconds: float, kind: str = "deployment") -> None:
    began = time.monotonic()
    eventually(
        lambda: _replicas(platform, kind) == replicas, seconds=seconds, what=f"{replicas} replicas"
    )
    print(f"{replicas} ready after {time.monotonic() - began:.0f} s")
