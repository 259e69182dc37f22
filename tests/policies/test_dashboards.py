"""What dashboards and `stanchion costs --live` ask for, before our own policy on queries."""

from __future__ import annotations

import re
from typing import Any

import pytest
from policies.cases.scaling import alerts
from policies.test_service_alerts import complaints, rules
from stanchion.monitoring.dashboards import DASHBOARDS, Dashboard, queries
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
