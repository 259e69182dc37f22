"""What dashboards and `stanchion costs --live` ask for, before our own policy on queries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest
from policies.cases.scaling import alerts
from policies.test_service_alerts import complaints, rules, watched
from stanchion.monitoring.dashboards import DASHBOARDS, Dashboard, queries
from stanchion_policies import promql
from unit.costs.test_live import asked

EACH = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.name)


def recorded() -> list[dict[str, Any]]:
    """The rules that record series of a service."""
    return [rule for rule in rules() if "record" in rule]


@EACH
def test_every_query_asks_for_metrics_and_labels_that_somebody_exports(
    dashboard: Dashboard,
) -> None:
    assert complaints("query-exported", alerts(*recorded(), *queries(dashboard))) == []


@EACH
def test_what_is_offered_for_choice_is_a_label_that_is_exported(dashboard: Dashboard) -> None:
    offered = [
        f"count by ({variable.of}) ({variable.metric.replace('$', '')})"
        for variable in dashboard.variables
    ]
    assert complaints("query-exported", alerts(*recorded(), *offered)) == []


def without_job(asked_for: Iterable[str]) -> list[str]:
    """What is asked of kube-state-metrics without naming its job, so that a copy would count."""
    return [
        selector.metric
        for query in asked_for
        for selector in promql.read(query).selectors
        if selector.metric.startswith("kube_") and "job" not in selector.labels
    ]


@EACH
def test_the_state_of_kubernetes_objects_is_asked_of_one_exporter(dashboard: Dashboard) -> None:
    offered = [variable.metric.replace("$", "") for variable in dashboard.variables]
    assert without_job([*queries(dashboard), *offered]) == []


def test_alerts_and_costs_ask_one_exporter_for_the_state_of_kubernetes_objects() -> None:
    told = [rule["expr"] for rule in (*rules(), *watched())]
    assert any("kube_" in query for query in told)
    assert without_job([*told, *asked()]) == []
    assert without_job(["sum(kube_pod_info)"]) == ["kube_pod_info"]


def test_costs_ask_for_what_somebody_exports() -> None:
    assert complaints("query-exported", alerts(*asked())) == []


def test_a_misspelt_metric_and_a_label_that_it_has_not_are_noticed() -> None:
    wrong = ("sum by (consumer) (model_server_ready)", "sum(model_server_redy)")
    assert len(complaints("query-exported", alerts(*wrong))) == 2


@EACH
def test_a_legend_names_labels_that_its_query_keeps(dashboard: Dashboard) -> None:
    for panel in dashboard.panels:
        for query in panel.queries:
            kept = re.findall(r"\bby \(([^)]*)\)", query.expr)
            for label in re.findall(r"\{\{(\w+)\}\}", query.legend):
                assert not kept or any(label in by for by in kept), f"{panel.title}: {label}"
