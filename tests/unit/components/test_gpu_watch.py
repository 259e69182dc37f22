"""Alerts about GPUs ask for counters that somebody exports, on either cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import promql_parser
import pytest
import stanchion
from stanchion.catalog.machines import load
from stanchion.monitoring.dashboards import DASHBOARDS, queries
from stanchion.monitoring.gpu_alerts import gpu_rules
from stanchion.monitoring.gpu_counters import GpuMetrics, asked, counters_file, exported
from stanchion.monitoring.platform_alerts import WatchedMonitoring
from stanchion_cli.preview import typecheck
from unit.components.test_monitoring_stack import stack
from unit.components.test_operators import AWS, GCP, operators, values
from unit.costs.test_live import asked as asked_by_costs

ROOT = Path(__file__).parents[3]
SOURCES = pytest.mark.parametrize("source", list(GpuMetrics))


def alerts(source: GpuMetrics) -> list[dict[str, Any]]:
    groups = gpu_rules(WatchedMonitoring("platform"), source)
    return [rule for group in groups for rule in group.manifest()["rules"]]


def counters(texts: Any) -> set[str]:
    return {counter for text in texts for counter in asked(text)}


@SOURCES
def test_no_alert_asks_for_a_counter_that_its_cloud_does_not_export(source: GpuMetrics) -> None:
    assert counters(rule["expr"] for rule in alerts(source)) <= exported(source)


def test_the_exporter_reads_just_what_alerts_dashboards_and_costs_ask_for() -> None:
    used = counters(rule["expr"] for rule in alerts(GpuMetrics.GPU_OPERATOR))
    used |= counters(query for dashboard in DASHBOARDS for query in queries(dashboard))
    used |= counters(asked_by_costs())
    assert used == exported(GpuMetrics.GPU_OPERATOR)


def test_every_alert_is_there_where_we_choose_the_counters_and_four_where_gke_does() -> None:
    everywhere = {"GpuHot", "GpuIdle", "GpuMemoryNearlyFull", "GpuNotReporting"}
    ours = {rule["alert"] for rule in alerts(GpuMetrics.GPU_OPERATOR)}
    assert {rule["alert"] for rule in alerts(GpuMetrics.GKE)} == everywhere
    assert ours - everywhere == {
        *("GpuFailed", "GpuLinkErrors", "GpuMemoryFaulty", "GpuProgramErrors", "GpuSlowed"),
    }


@SOURCES
def test_every_alert_about_gpus_says_whose_it_is_and_what_to_do(source: GpuMetrics) -> None:
    for rule in alerts(source):
        promql_parser.parse(rule["expr"])
        assert rule["labels"]["owner"] == "platform"
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert "$value" in rule["annotations"]["summary"]
        assert (ROOT / rule["annotations"]["runbook_url"]).is_file()
        assert rule["annotations"]["dashboard"].startswith("/d/stanchion-gpu-fleet")


def test_the_list_is_one_that_the_exporter_can_read() -> None:
    lines = [line.split(", ") for line in counters_file().splitlines()]
    assert {len(line) for line in lines} == {3}
    assert {line[1] for line in lines} == {"gauge", "counter"}
    known = load("exporters.yaml")["exporters"]["dcgm"]
    assert {line[0] for line in lines} <= {*known["metrics"], *known["disabled"]}


def test_the_gpu_operator_reads_our_counters_and_names_the_node() -> None:
    world = operators(AWS)
    made = world.object("ConfigMap")
    exporter = values(world, "gpu-operator")["dcgmExporter"]
    assert exporter["config"] == {"name": made["metadata"]["name"]}
    assert made["metadata"]["namespace"] == "kube-system"
    assert made["data"] == {"dcgm-metrics.csv": counters_file()}
    (relabeling,) = exporter["serviceMonitor"]["relabelings"]
    assert relabeling["targetLabel"] == "node"
    release = next(r for r in world.resources if r.inputs.get("chart", "").endswith("gpu-operator"))
    assert world.waits_for(release, world.registered("ConfigMap", made["metadata"]["name"]))


def test_gke_brings_its_own_exporter_and_no_list_of_ours() -> None:
    assert not [kind for kind, _ in operators(GCP).objects if kind == "ConfigMap"]


def test_gkes_exporter_is_scraped_by_our_prometheus_and_the_gpu_operators_by_its_own_monitor() -> (
    None
):
    monitor = stack(gpu_metrics="gke").object("PodMonitor")
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": ["gke-managed-system"]}
    labels = {"app.kubernetes.io/name": "gke-managed-dcgm-exporter"}
    assert monitor["spec"]["selector"] == {"matchLabels": labels}
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == "metrics"
    assert not [
        kind for kind, _ in stack(gpu_metrics="gpu-operator").objects if kind == "PodMonitor"
    ]


@SOURCES
def test_inputs_of_the_watch_over_gpus_are_those_of_the_provider(source: GpuMetrics) -> None:
    world = stack(gpu_metrics=str(source))
    assert "platform-gpus" in {name for kind, name in world.objects if kind == "PrometheusRule"}
    children = [r for r in world.resources if r.type != "stanchion:index:MonitoringStack"]
    assert not typecheck.check([{"urn": r.urn, "type": r.type, "inputs": r.wire} for r in children])


def test_without_a_source_there_are_no_alerts_about_gpus() -> None:
    assert {name for kind, name in stack().objects if kind == "PrometheusRule"} == {"platform"}


def test_a_source_that_is_none_is_refused() -> None:
    with pytest.raises(stanchion.ArgumentsError, match="gpu_metrics"):
        stack(gpu_metrics="nvidia")
