"""Panels of the dashboards, and which of them the node can feed."""

from __future__ import annotations

from collections.abc import Iterator

from stanchion.monitoring.dashboards import DASHBOARDS, Panel, Query
from stanchion_cli.deploy.prometheus import Prometheus
from stanchion_policies import promql

_NO_OPENCOST = "one machine has no price, so there is no OpenCost"
UNFED = {
    "DCGM_": "the node has no GPU",
    "kube_": "kube-state-metrics is not among the node's controllers",
    "kueue_": "Kueue is not among the node's controllers",
    "kubelet_volume_": "the node's volumes are folders, which nobody measures",
    "container_cpu_allocation": _NO_OPENCOST,
    "container_memory_allocation_": _NO_OPENCOST,
    "node_total_hourly_cost": _NO_OPENCOST,
    "node_gpu_": _NO_OPENCOST,
    "vllm:": "a language model's server needs a GPU",
    "drift_monitor_": "the sample has no drift monitor: test_platform_drift_monitor has",
}
"""What panels ask for that nobody exports on one machine, by the beginning of its name, and why."""


def asked() -> Iterator[tuple[str, Panel, Query]]:
    """Every query with its dashboard and panel."""
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            for query in panel.queries:
                yield dashboard.name, panel, query


def unfed(query: Query) -> str:
    """Why a query can have no answer on the node; empty where it can."""
    metrics = _metrics(query)
    reasons = [why for name, why in UNFED.items() if any(m.startswith(name) for m in metrics)]
    return reasons[0] if reasons else ""


def _metrics(query: Query) -> list[str]:
    return [selector.metric for selector in promql.read(query.filled()).selectors]


def answers(prometheus: Prometheus, query: Query) -> int:
    """How many series a query has now."""
    return len(prometheus.now(query.filled()))


def of(metrics: str) -> list[tuple[str, Query]]:
    """The queries with a metric whose name begins so, each with the title of its panel."""
    return [
        (panel.title, query)
        for _, panel, query in asked()
        if any(each.startswith(metrics) for each in _metrics(query))
    ]
