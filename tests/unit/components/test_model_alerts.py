"""What watches a model service from the day it is declared, and which promises are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from stanchion import ArgumentsError
from stanchion.monitoring.objectives import LONGEST_WINDOW_DAYS, latency_bounds
from stanchion.operators.metrics_storage import DEFAULT_RETENTION_DAYS
from unit.components.programs import model_service
from unit.components.world import World

ROOT = Path(__file__).parents[3]
LATENCY = {"latency": {"milliseconds": 250, "percent": 99}}
BUDGETS = {"ModelServiceErrorBudgetBurn", "ModelServiceLatencyBudgetBurn"}
OTHERS = {
    "ModelServiceNoReadyReplica",
    "ModelServiceNotScraped",
    "ModelServiceModelNotLoaded",
    "ModelServiceReplicaCrashes",
    "ModelServiceReplicaNotReady",
    "ModelServiceAtMaximumReplicas",
    "ModelServicePredictionLogLosesRows",
    "ModelServiceFeatureDrift",
    "ModelServicePredictionDrift",
    "ModelServiceDataQuality",
}

RESTING = "ModelServiceNotWoken"
"""Only of a service that may have no replica."""
OF_MONITORS = {"ModelServiceQualityLost", "ModelServiceQualityUnknown", "ModelServiceLogDrift"}
"""Those that a `DriftMonitor` tells of the service; see test_drift_monitor.py."""


def watched(**changes: Any) -> World:
    return model_service(**{"monitoring": True, **changes})


def rules(world: World, kind: str) -> list[dict[str, Any]]:
    groups = world.object("PrometheusRule")["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def alerts(**changes: Any) -> list[dict[str, Any]]:
    return rules(watched(**changes), "alert")


def problem(**changes: Any) -> str:
    with pytest.raises(ArgumentsError) as raised:
        watched(**changes)
    (found,) = raised.value.problems
    return found


def test_a_service_is_observed_from_the_day_it_is_declared() -> None:
    world = watched()
    assert {alert["alert"] for alert in rules(world, "alert")} == (
        OTHERS | {"ModelServiceErrorBudgetBurn"}
    )
    recorded = {rule["record"]: rule["expr"] for rule in rules(world, "record")}
    assert recorded["model_service:slo_objective:ratio"] == "vector(0.995)"
    assert world.object("PrometheusRule")["metadata"]["namespace"] == "demo"


def test_without_monitoring_there_is_nothing_to_evaluate_rules() -> None:
    assert not [kind for kind, _ in model_service().objects if kind == "PrometheusRule"]


def test_a_promise_about_latency_is_watched_where_it_is_made() -> None:
    found = alerts(slo=LATENCY)
    assert {alert["alert"] for alert in found} == OTHERS | BUDGETS
    late = [a for a in found if a["alert"] == "ModelServiceLatencyBudgetBurn"]
    assert {alert["labels"]["severity"] for alert in late} == {"page", "ticket"}


def test_every_alert_says_whose_it_is_how_urgent_it_is_and_what_to_do() -> None:
    for alert in alerts(slo=LATENCY, owner="team-a", tenant="growth"):
        labels, notes = alert["labels"], alert["annotations"]
        assert labels["severity"] in {"page", "ticket"}
        about = {key: labels[key] for key in ("owner", "tenant", "service", "namespace")}
        assert about == {
            "owner": "team-a", "tenant": "growth", "service": "wine", "namespace": "demo",
        }  # fmt: skip
        assert notes["summary"].startswith("wine in demo ")
        assert notes["description"]
        assert (ROOT / notes["runbook_url"]).is_file(), notes["runbook_url"]


def test_a_summary_tells_the_value_where_there_is_one() -> None:
    for alert in alerts(slo=LATENCY):
        without = {
            "ModelServiceNoReadyReplica", "ModelServiceNotScraped", "ModelServiceReplicaNotReady",
        }  # fmt: skip
        assert ("$value" in alert["annotations"]["summary"]) is (alert["alert"] not in without)


def test_every_runbook_is_an_alerts() -> None:
    pages = {page.stem for page in (ROOT / "docs" / "runbooks").glob("Model*.md")}
    assert pages == OTHERS | BUDGETS | {RESTING} | OF_MONITORS


def test_runbooks_may_be_elsewhere() -> None:
    for alert in alerts(runbooks="https://wiki.example.com/runbooks/"):
        url = f"https://wiki.example.com/runbooks/{alert['alert']}.md"
        assert alert["annotations"]["runbook_url"] == url


def test_every_query_is_promql_and_so_is_every_one_in_a_text() -> None:
    world = watched(slo=LATENCY)
    for rule in (*rules(world, "record"), *rules(world, "alert")):
        promql_parser.parse(rule["expr"])
        for text in rule.get("annotations", {}).values():
            for query in re.findall(r"query `([^`]*)`", text):
                promql_parser.parse(query)


def test_every_group_has_a_name_of_its_own_in_the_cluster() -> None:
    spec = watched(slo=LATENCY).object("PrometheusRule")["spec"]
    names = [group["name"] for group in spec["groups"]]
    assert len(set(names)) == len(names)
    assert all(name.startswith("demo-wine-") for name in names)


def test_a_request_that_the_client_got_wrong_counts_in_no_objective() -> None:
    recorded = rules(watched(slo=LATENCY), "record")
    counted = [rule["expr"] for rule in recorded if rule["labels"].get("slo")]
    assert any('outcome!="client_error"' in expr for expr in counted)
    assert not any('outcome="client_error"' in expr for expr in counted)
    late = [
        rule["expr"]
        for rule in recorded
        if rule["labels"].get("slo") == "latency" and "model_server_" in rule["expr"]
    ]
    assert all('outcome="ok"' in expr for expr in late)


@pytest.mark.parametrize(
    ("autoscaling", "name"),
    [
        ({"min_replicas": 2, "max_replicas": 6}, '"wine"'),
        ({"min_replicas": 2, "max_replicas": 6, "in_flight_per_replica": 4}, '"keda-hpa-wine"'),
        ({"min_replicas": 2, "max_replicas": 2}, None),
    ],
    ids=["by CPU use", "by KEDA", "a fixed number"],
)
def test_an_autoscaler_that_can_add_no_more_is_the_services_own(
    autoscaling: Mapping[str, Any], name: str | None
) -> None:
    found = [
        alert["expr"]
        for alert in alerts(autoscaling=dict(autoscaling))
        if alert["alert"] == "ModelServiceAtMaximumReplicas"
    ]
    assert len(found) == (name is not None)
    assert all(f"horizontalpodautoscaler={name}" in expr for expr in found)


def test_the_bounds_of_latency_are_those_that_the_server_measures_by() -> None:
    for bound in latency_bounds():
        if bound < 30:
            expr = str(alerts_recorded(1000 * bound))
            assert f'le="{bound!r}"' in expr


def test_a_replica_may_load_and_drain_as_long_as_it_was_given() -> None:
    (found,) = (
        alert
        for alert in alerts(load_seconds=900, drain_seconds=20)
        if alert["alert"] == "ModelServiceReplicaNotReady"
    )
    assert int(found["for"].removesuffix("s")) > 900


def alerts_recorded(milliseconds: float) -> list[dict[str, Any]]:
    promise = {"latency": {"milliseconds": milliseconds, "percent": 99}}
    return rules(watched(slo=promise), "record")


@pytest.mark.parametrize(
    ("slo", "told"),
    [
        ({"availability": 94.9}, "slo.availability: 94.9 leaves so large an error budget"),
        ({"availability": 100}, "slo.availability: 100 leaves no error budget"),
        ({"window_days": 6}, "slo.window_days: 6 is out of range; write 7 to 30"),
        ({"window_days": 31}, "slo.window_days: 31 is out of range"),
        ({"min_failures": 0}, "slo.min_failures: 0 is out of range"),
        (
            {"latency": {"milliseconds": 250, "percent": 90}},
            "slo.latency.percent: 90 leaves so large",
        ),
        ({"latency": {"milliseconds": 300, "percent": 99}}, "write 250 or 500"),
        ({"latency": {"milliseconds": 0.1, "percent": 99}}, "write 0.5"),
        ({"latency": {"milliseconds": 60000, "percent": 99}}, "write 30000"),
        (
            {"latency": {"milliseconds": 30000, "percent": 99}},
            "30000 is not below request_timeout_seconds: 30",
        ),
        ({"latency": {"percent": 99}}, "slo.latency.milliseconds: is missing"),
        ({"latencies": {}}, "slo.latencies: is no argument; write latency"),
    ],
)
def test_what_cannot_be_kept_watch_over_is_refused(slo: dict[str, Any], told: str) -> None:
    assert told in problem(slo=slo)


def test_a_promise_that_nobody_would_watch_is_refused() -> None:
    assert "without monitoring nobody reads them" in problem(slo={}, monitoring=False)


def test_prometheus_keeps_what_the_longest_window_asks_for() -> None:
    assert DEFAULT_RETENTION_DAYS > LONGEST_WINDOW_DAYS


def test_the_manifest_is_plain_data() -> None:
    spec = watched(slo=LATENCY).object("PrometheusRule")["spec"]
    assert yaml.safe_load(yaml.safe_dump(dict(spec))) == spec
