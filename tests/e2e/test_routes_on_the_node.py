"""Alerts on the real platform: from Prometheus to Alertmanager, by its operator's own routes.

Named to come late: it needs the platform that the chapters before it brought up.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
import yaml
from e2e.platform import Platform, eventually

pytestmark = [
    pytest.mark.node,
    pytest.mark.usefixtures("unbroken"),
    pytest.mark.full,
]

HOOK = "http://retraining.demo.svc:8080/alerts"
ROUTES: dict[str, Any] = {
    "receivers": [{"name": "hook", "webhook": {"url": HOOK}}],
    "routes": [{"page": "hook"}, {"team": "demo-team", "ticket": "hook"}],
    "heartbeat": "hook",
}
OF_A_TENANT: dict[str, Any] = {
    "apiVersion": "monitoring.coreos.com/v1alpha1",
    "kind": "AlertmanagerConfig",
    "metadata": {"name": "retraining", "namespace": "demo"},
    "spec": {
        "route": {
            "receiver": "retraining",
            "matchers": [{"name": "retrain", "value": "true", "matchType": "="}],
        },
        "receivers": [{"name": "retraining", "webhookConfigs": [{"url": HOOK}]}],
    },
}


def test_an_environments_routes_are_alertmanagers(platform: Platform) -> None:
    platform.enable(["kube-prometheus-stack"])
    route_alerts(platform, ROUTES)
    platform.stanchion("up", "local")
    eventually(
        lambda: bool(routes(platform, "monitoring")), seconds=120, what="the platform's routes"
    )
    (made,) = routes(platform, "monitoring")
    assert made["receiver"] == "monitoring/platform/nobody"
    assert made["continue"] is True
    told = {str(each.get("matchers")): each["receiver"] for each in made["routes"]}
    assert told["['alertname=\"Watchdog\"']"] == "monitoring/platform/hook"
    assert told["['owner=\"demo-team\"']"] == "monitoring/platform/hook"


def test_the_alert_that_always_fires_arrives(platform: Platform) -> None:
    def watchdog() -> bool:
        return any(
            alert["labels"]["alertname"] == "Watchdog"
            and {each["name"] for each in alert["receivers"]} >= {"monitoring/platform/hook"}
            for alert in asked(platform, "alertmanager-operated:web", "api/v2/alerts")
        )

    eventually(watchdog, seconds=180, what="Watchdog at Alertmanager")


def test_prometheus_and_alertmanager_are_watched_themselves(platform: Platform) -> None:
    def up() -> set[str]:
        answer = asked(platform, "prometheus-operated:web", "api/v1/query?query=up==1")
        return {series["metric"]["job"] for series in answer["data"]["result"]}

    jobs = {"prometheus-operated", "alertmanager-operated"}
    eventually(lambda: jobs <= up(), seconds=180, what="both among the targets")


def test_a_tenants_routes_see_the_alerts_of_its_namespace_alone(platform: Platform) -> None:
    file = platform.root / "retraining.json"
    file.write_text(json.dumps(OF_A_TENANT))
    platform.kubectl("apply", "-f", str(file))
    try:
        eventually(lambda: bool(routes(platform, "demo")), seconds=120, what="the tenant's route")
        (made,) = routes(platform, "demo")
        assert sorted(made["matchers"]) == ['namespace="demo"', 'retrain="true"']
        assert made["continue"] is True
    finally:
        platform.kubectl("delete", "-f", str(file))


def test_without_the_operator_nothing_of_it_is_left(platform: Platform) -> None:
    route_alerts(platform, None)
    platform.enable([])
    platform.stanchion("up", "local")
    assert "monitoring.coreos.com" not in platform.kubectl("api-versions")


def route_alerts(platform: Platform, monitoring: dict[str, Any] | None) -> None:
    path = platform.root / "stacks" / "Pulumi.local.yaml"
    content = yaml.safe_load(path.read_text())
    content["config"].pop("stanchion:monitoring", None)
    if monitoring is not None:
        content["config"]["stanchion:monitoring"] = monitoring
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def routes(platform: Platform, namespace: str) -> list[dict[str, Any]]:
    """What Alertmanager was given of a namespace's objects."""
    name = "alertmanager-platform-generated"
    kept = platform.get("secret", name, "-n", "monitoring")["data"]["alertmanager.yaml.gz"]
    config = yaml.safe_load(gzip.decompress(base64.b64decode(kept)))
    return [
        route
        for route in config["route"].get("routes", [])
        if route["receiver"].startswith(f"{namespace}/")
    ]


def asked(platform: Platform, service: str, path: str) -> Any:
    """The answer of a Service of monitoring, through the API server."""
    where = f"/api/v1/namespaces/monitoring/services/{service}/proxy/{path}"
    return json.loads(platform.kubectl("get", "--raw", where))
