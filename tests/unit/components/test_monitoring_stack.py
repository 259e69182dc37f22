"""What `MonitoringStack` makes of receivers and routes, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import promql_parser
import pytest
import stanchion
from stanchion.monitoring.platform_alerts import WatchedMonitoring, platform_rules
from stanchion.monitoring.routing import inhibitions
from stanchion_cli.preview import typecheck
from unit.components.world import World, deploy

ROOT = Path(__file__).parents[3]
KEPT = {"external_name": "prod-aws/alerts/slack"}
CHAT = {"name": "chat", "slack": {"channel": "#ml", "webhook_url": KEPT}}
HOOK = {"name": "hook", "webhook": {"url": "http://hook.demo.svc:8080/alerts"}}
ARGS: dict[str, Any] = {
    "owner": "platform",
    "cost_center": "cc-1",
    "receivers": [CHAT, HOOK],
    "routes": [{"page": "hook", "ticket": "chat"}],
}


def stack(*, preview: bool = False, **changes: Any) -> World:
    args: Any = {**ARGS, **changes}

    def program() -> dict[str, Any]:
        made = stanchion.MonitoringStack("monitoring", args)
        return {"alertmanager": made.alertmanager_url, "prometheus": made.prometheus_url}

    return deploy(program, preview=preview)


def problems(**changes: Any) -> str:
    with pytest.raises(stanchion.ArgumentsError) as raised:
        stack(**changes)
    return str(raised.value)


@pytest.mark.parametrize("preview", [True, False])
def test_every_input_is_one_that_the_provider_has(preview: bool) -> None:
    world = stack(preview=preview)
    component, *children = world.resources
    assert component.type == "stanchion:index:MonitoringStack"
    assert {child.parent for child in children} == {component.urn}
    assert not typecheck.check([{"urn": r.urn, "type": r.type, "inputs": r.wire} for r in children])


def test_where_it_is_asked_is_known_before_it_is_there() -> None:
    assert stack(preview=True).exports == {
        "alertmanager": "http://alertmanager-operated.monitoring.svc:9093",
        "prometheus": "http://prometheus-operated.monitoring.svc:9090",
    }


def test_there_is_no_second_prometheus_and_no_second_alertmanager() -> None:
    kinds = {kind for kind, _ in stack().objects}
    assert kinds == {"AlertmanagerConfig", "ExternalSecret", "PrometheusRule", "ServiceMonitor"}


def test_routes_are_where_alertmanager_applies_them_to_every_namespace() -> None:
    made = stack().object("AlertmanagerConfig")
    assert made["apiVersion"] == "monitoring.coreos.com/v1alpha1"
    assert made["metadata"]["namespace"] == "monitoring"


def test_a_secret_is_only_named_and_is_there_before_the_receiver() -> None:
    world = stack()
    (slack,) = next(
        receiver["slackConfigs"]
        for receiver in world.object("AlertmanagerConfig")["spec"]["receivers"]
        if receiver["name"] == "chat"
    )
    fetched = world.object("ExternalSecret")
    assert slack["apiURL"] == {"name": fetched["metadata"]["name"], "key": "url"}
    assert fetched["metadata"]["namespace"] == "monitoring"
    (field,) = fetched["spec"]["data"]
    assert field == {
        "secretKey": "url",
        "remoteRef": {"key": "prod-aws/alerts/slack", "property": "url"},
    }
    routes = world.registered("AlertmanagerConfig", "platform")
    assert world.waits_for(routes, world.registered("ExternalSecret", fetched["metadata"]["name"]))


def test_a_secret_of_the_cluster_is_used_as_it_is() -> None:
    own = {"secret_name": "slack-hook", "key": "address"}
    world = stack(receivers=[{"name": "chat", "slack": {"channel": "ml", "webhook_url": own}}],
                  routes=[{"page": "chat"}])  # fmt: skip
    receivers = world.object("AlertmanagerConfig")["spec"]["receivers"]
    assert receivers[1]["slackConfigs"][0]["apiURL"] == {"name": "slack-hook", "key": "address"}
    assert not [kind for kind, _ in world.objects if kind == "ExternalSecret"]


def test_prometheus_and_alertmanager_are_scraped_by_the_labels_of_their_services() -> None:
    found = {
        name: item["spec"]["selector"]["matchLabels"]
        for (kind, name), item in stack().objects.items()
        if kind == "ServiceMonitor"
    }
    assert found == {
        "platform-prometheus": {"operated-prometheus": "true"},
        "platform-alertmanager": {"operated-alertmanager": "true"},
    }


def test_every_alert_says_whose_it_is_how_urgent_it_is_and_what_to_do() -> None:
    groups = stack(replicas=2).object("PrometheusRule")["spec"]["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        promql_parser.parse(rule["expr"])
        assert rule["labels"]["owner"] == "platform"
        assert rule["labels"]["severity"] in {"page", "ticket", "none"}
        assert (ROOT / rule["annotations"]["runbook_url"]).is_file()
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


def test_nobody_is_to_act_on_the_one_that_always_fires() -> None:
    (group,) = platform_rules(WatchedMonitoring("platform"))
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in group.manifest()["rules"]}
    assert [name for name, severity in severities.items() if severity == "none"] == ["Watchdog"]


def test_an_alert_about_one_thing_silences_nothing_about_another() -> None:
    """But for the one that says that Prometheus sees nothing at all."""
    everywhere = [rule for rule in inhibitions() if not rule.get("equal")]
    (cause,) = (rule["sourceMatch"] for rule in everywhere)
    assert cause == [{"name": "alertname", "value": "MonitoringTargetsDown", "matchType": "="}]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"receivers": [CHAT, CHAT]}, "receivers: 'chat' is there twice; remove one"),
        ({"receivers": [{"name": "chat"}], "routes": []}, "receivers[0]: tells nobody"),
        ({"routes": [{"page": "pager"}]}, "routes[0].page: 'pager' is no receiver"),
        ({"routes": [{"page": "hook"}, {"ticket": "chat"}]}, "routes: 2 are of no team"),
        ({"routes": [], "paged_teams": ["team-a"]}, "routes: pages of team-a reach nobody"),
        (
            {"routes": [{"team": "b", "page": "hook"}], "paged_teams": ["b", "c"]},
            "routes: pages of c reach nobody",
        ),
        ({"heartbeat": "pulse"}, "heartbeat: 'pulse' is no receiver"),
        ({"replicas": 0}, "replicas: 0 is out of range"),
        ({"owner": "a team"}, "owner: 'a team' cannot be a label"),
        ({"reciever": []}, "reciever: is no argument; write receivers"),
    ],
)
def test_bad_arguments_are_refused_with_path_and_fix(
    changes: dict[str, Any], expected: str
) -> None:
    assert expected in problems(**changes)


@pytest.mark.parametrize("field", ["secret_name", "external_name"])
@pytest.mark.parametrize(
    "value",
    [
        "https://hooks.example.com/services/T0/B0/hidden",
        "deadbeefdeadbeefdeadbeefdeadbeef",
        "xoxb-1234-hidden",
    ],
)
def test_a_value_in_place_of_its_name_is_refused_and_not_shown(field: str, value: str) -> None:
    secret = {field: value}
    chat = {"name": "chat", "slack": {"channel": "#ml", "webhook_url": secret}}
    found = problems(receivers=[chat, HOOK])
    assert f"receivers[0].slack.webhook_url.{field}: is to name where the value is kept" in found
    assert value not in found
