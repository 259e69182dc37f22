"""Every query of the platform asks for what is known by its name and labels.

Of queries of others the policy `query-exported` lets names pass that begin as those of exporters
whose whole table it has not. None of ours may lean on that: a misspelt one would pass as well.
"""

from __future__ import annotations

import pytest
from e2e import (
    test_drift_monitor_alerts,
    test_feature_store_alerts,
    test_platform_alerts,
    test_retraining_alerts,
)
from policies.cases.scaling import alerts
from policies.in_process import judged, linked, seen
from policies.own_environment import registered
from policies.test_service_alerts import complaints, counters, rules, watched
from stanchion.monitoring.dashboards import DASHBOARDS, queries
from stanchion_policies import RULES, facts
from unit.costs.test_live import asked

OF_PROMETHEUS = ("ALERTS", "up", "scrape_duration_seconds", "scrape_samples_scraped")
"""Its own: they have the labels of alerts and targets, whatever these are."""


@pytest.fixture(autouse=True)
def nothing_passes_by_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(facts._read("exporters")["open"], "names", OF_PROMETHEUS)


def test_what_only_begins_well_is_noticed() -> None:
    misspelt = "container_cpu_usage_second_total"
    other_label = "sum by (pod_name) (container_cpu_usage_seconds_total)"
    assert len(complaints("query-exported", alerts(misspelt, other_label))) == 2


def test_dashboards_and_costs_ask_for_what_is_known() -> None:
    shown = [query for dashboard in DASHBOARDS for query in queries(dashboard)]
    recorded = [rule for rule in rules() if "record" in rule]
    assert complaints("query-exported", alerts(*recorded, *shown, *asked())) == []


def test_rules_ask_for_what_is_known() -> None:
    groups = [
        *test_platform_alerts.RULES,
        *test_drift_monitor_alerts.GROUPS,
        *test_feature_store_alerts.GROUPS,
        *test_retraining_alerts.GROUPS,
    ]
    told = [rule for group in groups for rule in group["rules"]]
    every = alerts(*rules(), *watched(), *told)
    assert complaints("query-exported", every, counters()) == []


@pytest.mark.parametrize("environment", ["prod-aws", "prod-gcp"])
def test_autoscalers_analyses_and_rules_of_prod_ask_for_what_is_known(environment: str) -> None:
    (rule,) = (each for each in RULES if each.name == "query-exported")
    resources = linked(map(seen, registered(environment)), registered(environment))
    said, _ = judged(rule, {}, resources)
    assert said == []
