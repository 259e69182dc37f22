"""What the scale benchmark calls wrong: each fault in a cluster that is right otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.scale.environment import Workload
from benchmarks.scale.findings import Findings, judge
from benchmarks.scale.nodes import GPU, POOL
from benchmarks.scale.placing import Outcome

MADE, BOUND = "2026-11-22T06:00:00Z", "2026-11-22T06:00:07Z"
REFUSED = "pods are forbidden: exceeded quota: quota"


def node(pool: str, gpus: int) -> dict[str, Any]:
    there = {"cpu": "4", "memory": "16Gi", "ephemeral-storage": "20Gi"}
    return {
        "metadata": {"name": f"{pool}-0", "annotations": {POOL: pool}},
        "status": {"allocatable": {**there, **({GPU: str(gpus)} if gpus else {})}},
    }


def pod(service: str, on: str | None, gpus: int = 1, **condition: str) -> dict[str, Any]:
    scheduled = {"type": "PodScheduled", "lastTransitionTime": BOUND, **condition}
    asked = {"cpu": "500m", **({GPU: str(gpus)} if gpus else {})}
    return {
        "metadata": {
            "name": f"{service}-{on}",
            "namespace": "team",
            "creationTimestamp": MADE,
            "labels": {"app.kubernetes.io/instance": service},
        },
        "spec": {
            **({"nodeName": on} if on else {}),
            "containers": [{"resources": {"requests": asked}}],
            "initContainers": [{"resources": {"requests": {"cpu": "2"}}}],
        },
        "status": {"conditions": [scheduled]},
    }


WORKLOADS = [
    Workload("score", "team", "BatchInference", "small", 1, 3, {}),
    Workload("plain", "team", "ModelService", None, 0, 1, {}),
]


def outcome() -> Outcome:
    """One pod placed, one without a node, one refused, and one that needs no GPU."""
    pods = [
        pod("score", "small-0"),
        pod("score", None, reason="Unschedulable", message="Insufficient nvidia.com/gpu"),
        pod("plain", "general-0", gpus=0),
    ]
    quota = {
        "metadata": {"namespace": "team"},
        "spec": {"hard": {f"requests.{GPU}": "2"}},
        "status": {"used": {f"requests.{GPU}": "2"}},
    }
    nodes = [node("small", 1), node("other", 8), node("general", 0)]
    return Outcome(nodes, pods, [quota], {"score": REFUSED})


def wrong(found: Findings) -> list[str]:
    return [*found.misplaced, *found.overfull, *found.unexplained, *found.quota_wrong]


def test_nothing_is_wrong_where_each_pod_has_its_node_or_its_reason() -> None:
    found = judge(WORKLOADS, outcome())
    assert wrong(found) == []
    assert found.placed == {"small": 1, "": 1}
    assert found.without_node == {"small": 1}
    assert found.not_made == {"score": 1}
    assert found.words == {"small": "Insufficient nvidia.com/gpu", "team": REFUSED}
    assert found.gpus == {"team": (2, 2)}


def test_the_time_is_that_of_the_pods_own_stamps() -> None:
    found = judge(WORKLOADS, outcome())
    assert found.seconds_to_make == 0
    assert found.seconds_to_place == 7
    assert found.latencies == [7, 7]


def on_another_pool(cluster: Any) -> None:
    cluster.pods[0]["spec"]["nodeName"] = "other-0"


def without_gpus_on_a_gpu_node(cluster: Any) -> None:
    cluster.pods[2]["spec"]["nodeName"] = "other-0"


def on_the_clusters_own_node(cluster: Any) -> None:
    cluster.pods[2]["spec"]["nodeName"] = "stanchion-scale"


def more_gpus_than_the_node_has(cluster: Any) -> None:
    cluster.nodes[0]["status"]["allocatable"][GPU] = "0"


def more_cores_before_the_main_container_than_the_node_has(cluster: Any) -> None:
    cluster.nodes[0]["status"]["allocatable"]["cpu"] = "1"


def not_yet_looked_at_by_the_scheduler(cluster: Any) -> None:
    cluster.pods[1]["status"]["conditions"] = []


def without_a_word(cluster: Any) -> None:
    cluster.pods[1]["status"]["conditions"][0]["message"] = ""


def above_its_quota(cluster: Any) -> None:
    cluster.quotas[0]["spec"]["hard"][f"requests.{GPU}"] = "1"


def counted_by_no_quota(cluster: Any) -> None:
    cluster.quotas[0]["status"]["used"][f"requests.{GPU}"] = "1"


def test_a_quota_of_thousands_is_read_as_kubernetes_writes_it() -> None:
    cluster = outcome()
    cluster.quotas[0]["spec"]["hard"][f"requests.{GPU}"] = "2k"
    found = judge(WORKLOADS, cluster)
    assert wrong(found) == []
    assert found.gpus == {"team": (2, 2000)}


@pytest.mark.parametrize(
    "fault",
    [
        on_another_pool,
        without_gpus_on_a_gpu_node,
        on_the_clusters_own_node,
        more_gpus_than_the_node_has,
        more_cores_before_the_main_container_than_the_node_has,
        not_yet_looked_at_by_the_scheduler,
        without_a_word,
        above_its_quota,
        counted_by_no_quota,
    ],
)
def test_a_fault_is_named(fault: Callable[[Any], None]) -> None:
    cluster = outcome()
    fault(cluster)
    assert len(wrong(judge(WORKLOADS, cluster))) == 1


def test_a_pod_that_was_not_made_needs_a_reason() -> None:
    cluster = outcome()
    silent = Outcome(cluster.nodes, cluster.pods, cluster.quotas, {})
    assert judge(WORKLOADS, silent).unexplained == [
        "1 pods of score were not made, without a reason"
    ]
