"""When a simulated node counts: a pod must not be called without room for a node that is away."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.scale.placing import takes_pods

POOLS = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


def node(ready: str, *taints: dict[str, str]) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    return {"spec": {"taints": [*taints]} if taints else {}, "status": {"conditions": conditions}}


def test_a_node_that_is_ready_takes_pods_with_the_taint_of_its_pool_or_without() -> None:
    assert takes_pods(node("True"))
    assert takes_pods(node("True", POOLS))


@pytest.mark.parametrize("ready", ["", "False", "Unknown"])
def test_a_node_that_is_not_ready_takes_none(ready: str) -> None:
    assert not takes_pods(node(ready, POOLS))


@pytest.mark.parametrize("key", ["not-ready", "unreachable", "unschedulable"])
def test_a_node_that_a_controller_has_tainted_takes_none_although_it_is_ready(key: str) -> None:
    taint = {"key": f"node.kubernetes.io/{key}", "effect": "NoSchedule"}
    assert not takes_pods(node("True", POOLS, taint))
