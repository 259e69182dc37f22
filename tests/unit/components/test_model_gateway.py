"""A model service at a Gateway: whose the weights are, who gets what, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from stanchion import ArgumentsError
from stanchion.operators import gateway_plugin
from unit.components.programs import model_service
from unit.components.test_model_service import ON_L4
from unit.components.world import World

GATEWAY = {
    "name": "public",
    "namespace": "gateways",
    "hostnames": ["wine.models.example.com"],
    "proxies_namespace": "envoy-gateway-system",
}
GOOGLES = {
    "name": "private",
    "namespace": "gateways",
    "hostnames": ["wine.models.example.com"],
    "gateway_class": "gke-l7-rilb",
    "proxy_cidrs": ["10.20.200.0/23"],
}
WEIGHED = {"strategy": "canary", "traffic": "gateway"}
SHADOW = {"version": "4", "digest": "sha256:" + "b" * 64}


def at_gateway(**changes: Any) -> World:
    """A monitored service whose canary is weighed at a Gateway."""
    return model_service(**{"gateway": GATEWAY, "rollout": WEIGHED, "monitoring": True, **changes})


def rule(world: World) -> Mapping[str, Any]:
    """The one rule of the one route."""
    (found,) = world.object("HTTPRoute")["spec"]["rules"]
    return dict(found)


def canary(world: World) -> Mapping[str, Any]:
    """How the Rollout takes over."""
    return dict(world.object("Rollout")["spec"]["strategy"]["canary"])


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether the labels have all of the selector's."""
    return selector.items() <= labels.items()


def test_all_requests_begin_at_the_version_before() -> None:
    backends = rule(at_gateway())["backendRefs"]
    assert [(each["name"], each["weight"]) for each in backends] == [
        ("wine", 100),
        ("wine-canary", 0),
    ]


def test_the_controller_finds_the_route_and_both_services() -> None:
    world = at_gateway()
    made, route = canary(world), world.object("HTTPRoute")["metadata"]["name"]
    plugin = made["trafficRouting"]["plugins"][gateway_plugin.NAME]
    assert (plugin["httpRoute"], plugin["namespace"]) == (route, "demo")
    assert (made["stableService"], made["canaryService"]) == ("wine", "wine-canary")
    rollout, registered = world.registered("Rollout", "wine"), world.registered("HTTPRoute", route)
    assert world.waits_for(rollout, registered)


def test_weights_and_selectors_are_left_to_the_controller() -> None:
    world = at_gateway()
    route = world.object("HTTPRoute")["metadata"]["name"]
    assert world.registered("HTTPRoute", route).ignores == ("spec.rules",)
    for service in ("wine", "wine-canary"):
        assert world.registered("Service", service).ignores == ("spec.selector",)
    assert world.registered("Service", "wine-replicas").ignores == ()


def test_a_new_version_changes_nothing_of_the_route() -> None:
    old, new = (
        at_gateway(model={"name": "wine", "version": version, "digest": "sha256:" + "c" * 64})
        for version in ("3", "4")
    )
    assert old.object("HTTPRoute") == new.object("HTTPRoute")


@pytest.mark.parametrize(
    "change",
    [{"shadow": SHADOW}, {"request_timeout_seconds": 90}, {"rollout": {"strategy": "rolling"}}],
    ids=["a mirror", "a timeout", "no weights"],
)
def test_another_rule_is_another_route_because_rules_are_left_alone(change: dict[str, Any]) -> None:
    before, after = at_gateway(), at_gateway(**change)
    names = [world.object("HTTPRoute")["metadata"]["name"] for world in (before, after)]
    assert names[0] != names[1]
    assert all(name.startswith("wine-") for name in names)


def test_another_host_is_the_same_route() -> None:
    moved = at_gateway(gateway={**GATEWAY, "hostnames": ["wine.example.com"]})
    assert moved.object("HTTPRoute")["metadata"] == at_gateway().object("HTTPRoute")["metadata"]


def test_weights_need_not_be_replicas() -> None:
    steps = [{"weight": 1}, {"weight": 7}]
    made = canary(at_gateway(rollout={**WEIGHED, "steps": steps}))
    assert [step["setWeight"] for step in made["steps"] if "setWeight" in step] == [1, 7]


def test_every_pod_is_scraped_once_under_the_services_name() -> None:
    world = at_gateway()
    monitor = world.object("ServiceMonitor", "wine")["spec"]
    scraped = [
        name
        for (kind, name), found in world.objects.items()
        if kind == "Service"
        and selects(monitor["selector"]["matchLabels"], found["metadata"]["labels"])
    ]
    assert scraped == ["wine-replicas"]
    assert monitor["endpoints"][0]["relabelings"] == [
        {"targetLabel": "service", "replacement": "wine"}
    ]


def test_the_gateways_proxies_come_in_and_nobody_more() -> None:
    (allowed,) = at_gateway().object("NetworkPolicy", "wine")["spec"]["ingress"]
    names = [
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for peer in allowed["from"]
        if "namespaceSelector" in peer
    ]
    assert names == ["envoy-gateway-system", "monitoring"]
    (allowed,) = at_gateway(gateway=GOOGLES).object("NetworkPolicy", "wine")["spec"]["ingress"]
    assert {"ipBlock": {"cidr": "10.20.200.0/23"}} in allowed["from"]


def test_a_service_that_rolls_can_have_a_route_without_weights() -> None:
    world = at_gateway(rollout={"strategy": "rolling"})
    assert rule(world)["backendRefs"] == [{"name": "wine", "port": 80}]
    route = world.object("HTTPRoute")["metadata"]["name"]
    assert world.registered("HTTPRoute", route).ignores == ()


def test_googles_balancers_are_told_of_health_and_timeouts() -> None:
    world = at_gateway(gateway=GOOGLES, shadow=SHADOW)
    for service in ("wine", "wine-canary", "wine-shadow"):
        health = world.object("HealthCheckPolicy", service)["spec"]
        assert health["targetRef"] == {"group": "", "kind": "Service", "name": service}
        checked = health["default"]["config"]["httpHealthCheck"]
        assert (checked["port"], checked["requestPath"]) == (8080, "/v2/health/ready")
        timeout = world.object("GCPBackendPolicy", service)["spec"]["default"]["timeoutSec"]
        assert timeout == 35
    assert "timeouts" not in rule(world)
    assert not [kind for kind, _ in at_gateway().objects if kind == "HealthCheckPolicy"]


def test_a_shadow_is_mirrored_to_and_answers_nobody() -> None:
    world = at_gateway(shadow={**SHADOW, "percent": 20})
    (mirror,) = rule(world)["filters"]
    assert mirror["requestMirror"] == {
        "backendRef": {"name": "wine-shadow", "port": 80},
        "percent": 20,
    }
    assert "wine-shadow" not in [each["name"] for each in rule(world)["backendRefs"]]
    assert "percent" not in rule(at_gateway(shadow=SHADOW))["filters"][0]["requestMirror"]


def test_nothing_of_the_live_service_selects_a_shadow() -> None:
    world = at_gateway(shadow=SHADOW)
    labels = world.object("Deployment", "wine-shadow")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        world.object("Service", name)["spec"]["selector"]
        for name in ("wine", "wine-canary", "wine-replicas")
    ]
    selectors += [
        world.object("Rollout")["spec"]["selector"]["matchLabels"],
        world.object("PodDisruptionBudget", "wine")["spec"]["selector"]["matchLabels"],
        world.object("NetworkPolicy", "wine")["spec"]["podSelector"]["matchLabels"],
    ]
    assert not any(selects(selector, labels) for selector in selectors)
    assert selects(world.object("Service", "wine-shadow")["spec"]["selector"], labels)


def test_a_shadows_metrics_are_its_own_so_that_no_alert_counts_them() -> None:
    world, plain = at_gateway(shadow=SHADOW), at_gateway()
    monitor = world.object("ServiceMonitor", "wine-shadow")["spec"]
    assert "relabelings" not in monitor["endpoints"][0]
    scraped = [
        name
        for (kind, name), found in world.objects.items()
        if kind == "Service"
        and selects(monitor["selector"]["matchLabels"], found["metadata"]["labels"])
    ]
    assert scraped == ["wine-shadow"]
    assert world.object("PrometheusRule") == plain.object("PrometheusRule")


def test_a_shadow_runs_its_own_version_and_logs_no_predictions() -> None:
    log = {"location": "s3://logs/wine", "retention_days": 7}
    world = at_gateway(shadow=SHADOW, prediction_log=log)
    spec = world.object("Deployment", "wine-shadow")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    told = {each["name"]: each.get("value") for each in container["env"]}
    assert "4" in told.values()
    assert SHADOW["digest"] in told.values()
    assert not [name for name in told if name.startswith("PREDICTION_LOG")]
    assert spec["replicas"] == 1


def test_a_shadow_that_does_not_start_holds_nothing_up() -> None:
    metadata = at_gateway(shadow=SHADOW).object("Deployment", "wine-shadow")["metadata"]
    assert metadata["annotations"]["pulumi.com/skipAwait"] == "true"


def test_only_proxies_and_prometheus_reach_a_shadow() -> None:
    world = at_gateway(shadow=SHADOW, allow_from=["shop"])
    (allowed,) = world.object("NetworkPolicy", "wine-shadow")["spec"]["ingress"]
    names = [
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for peer in allowed["from"]
    ]
    assert names == ["envoy-gateway-system", "monitoring"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"gateway": None},
            "rollout.traffic: needs gateway: without one nobody weighs or mirrors requests",
        ),
        ({"gateway": None, "rollout": None, "shadow": SHADOW}, "shadow: needs gateway"),
        (
            {"shadow": {**SHADOW, "version": "3"}},
            "shadow.version: 3 is the version that answers, and a comparison with itself always",
        ),
        ({"shadow": {**SHADOW, "digest": "b"}}, "shadow.digest: 'b' is no digest"),
        ({"shadow": {**SHADOW, "percent": 0}}, "shadow.percent: 0 is out of range"),
        ({"gateway": {**GATEWAY, "hostnames": []}}, "gateway.hostnames: has 0 hosts"),
        (
            {"gateway": {**GATEWAY, "hostnames": ["Wine"]}},
            "gateway.hostnames[0]: 'Wine' is no host",
        ),
        (
            {"gateway": {**GATEWAY, "gateway_class": "gke-l7-gxlb"}},
            "gateway.gateway_class: gke-l7-gxlb is the classic load balancer, which has neither",
        ),
        (
            {"gateway": {**GATEWAY, "gateway_class": "gke-l7-rilb-mc"}},
            "gateway.gateway_class: gke-l7-rilb-mc leads to ServiceImports of many clusters",
        ),
        (
            {"gateway": GOOGLES, "shadow": {**SHADOW, "percent": 20}},
            "shadow.percent: 20 is not known to be heeded by gke-l7-rilb",
        ),
        ({"rollout": {**WEIGHED, "surge": 2}}, "rollout.surge: says nothing with rollout.traffic"),
        (
            {"rollout": {"strategy": "blueGreen", "traffic": "gateway"}},
            "rollout.traffic: says nothing with strategy blueGreen",
        ),
        (
            {
                "placement": ON_L4,
                "gpus": 1,
                "autoscaling": {"min_replicas": 2, "max_replicas": 7},
                "shadow": {**SHADOW, "replicas": 2},
            },
            "autoscaling.max_replicas: 7 and the 7 more that a rollout needs and 3 of the shadow "
            "are 17 replicas with gpus: 1, and the 16 GPUs or slices of pool 'l4' at its largest "
            "hold 16; lower it to 6",
        ),
    ],
)
def test_refused_with_path_reason_and_fix(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ArgumentsError) as refused:
        at_gateway(**changes)
    assert any(complaint in problem for problem in refused.value.problems), refused.value.problems
