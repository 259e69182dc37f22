"""Capacity that follows demand, by KEDA itself over Prometheus' own figures."""

from __future__ import annotations

import time
from typing import Any

import pytest
from e2e.platform import Platform, eventually
from e2e.traffic import Traffic

pytestmark = [
    pytest.mark.xdist_group("story"),
    pytest.mark.usefixtures("unbroken"),
    pytest.mark.full,
]

AUTOSCALING: dict[str, Any] = {
    "minReplicas": 1,
    "maxReplicas": 4,
    "inFlightPerReplica": 12,
    "targetCpuPercent": 100,
    "scaleDownSeconds": 30,
}


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


def test_without_keda_a_service_has_its_own_autoscaler_again(platform: Platform) -> None:
    platform.declare(autoscaling=None)
    platform.enable([])
    platform.stanchion("up", "local")
    autoscalers = platform.get("horizontalpodautoscalers", "-n", "demo")["items"]
    assert [each["metadata"]["name"] for each in autoscalers] == ["wine"]
    assert "keda.sh" not in platform.kubectl("api-versions")


def _replicas(platform: Platform) -> int:
    status = platform.get("deployment", "wine", "-n", "demo")["status"]
    return int(status.get("readyReplicas", 0))


def _expect(platform: Platform, replicas: int, *, seconds: float) -> None:
    began = time.monotonic()
    eventually(
        lambda: _replicas(platform) == replicas, seconds=seconds, what=f"{replicas} replicas"
    )
    print(f"{replicas} ready after {time.monotonic() - began:.0f} s")
