"""A model service that rests at no replica: who holds its requests, and who wakes it."""

from __future__ import annotations

from typing import Any

import pytest
from stanchion import ArgumentsError
from stanchion.catalog.machines import load
from stanchion_activator.app import _MARGIN_SECONDS
from stanchion_activator.settings import Settings
from stanchion_model_server.settings import read
from unit.components.programs import model_service
from unit.components.test_model_gateway import GATEWAY, rule
from unit.components.test_operators import AWS, operators
from unit.components.test_operators_walls import walls
from unit.components.world import World

BUDGET = 300
FRONT = {
    "app.kubernetes.io/name": "model-server",
    "app.kubernetes.io/instance": "wine",
    "app.kubernetes.io/component": "activator",
}
SERVERS = {**FRONT, "app.kubernetes.io/component": "server"}


def resting(**changes: Any) -> World:
    autoscaling = {"min_replicas": 0, "max_replicas": 3, **changes.pop("autoscaling", {})}
    declared = {"cold_start": {"budget_seconds": BUDGET}, "autoscaling": autoscaling}
    return model_service(**{**declared, **changes})


def asked(world: World) -> dict[str, dict[str, str]]:
    """What KEDA asks activators for, by the metric."""
    found = [each for each in _triggers(world) if each["type"] == "metrics-api"]
    assert {each["metricType"] for each in found} == {"AverageValue"}
    return {each["metadata"]["valueLocation"]: each["metadata"] for each in found}


def settings_of(world: World) -> Settings:
    """What the activator reads from its environment."""
    pod = world.object("Deployment", "wine-activator")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return read({each["name"]: each["value"] for each in container["env"]}, Settings)


def test_a_first_replica_shows_that_it_serves_before_there_may_be_none() -> None:
    world = resting()
    assert world.object("Deployment", "wine")["spec"]["replicas"] == 1
    after = world.registered("ScaledObject", "wine").dependencies
    assert world.registered("Deployment", "wine").urn in after


def test_the_address_leads_to_the_activator_and_another_to_the_replicas() -> None:
    world = resting()
    address, behind = (world.object("Service", name) for name in ("wine", "wine-replicas"))
    assert address["spec"]["selector"] == FRONT
    assert behind["spec"]["selector"] == SERVERS
    pod = world.object("Deployment", "wine-activator")["spec"]["template"]
    assert FRONT.items() <= pod["metadata"]["labels"].items()
    server = world.object("Deployment", "wine")["spec"]["template"]
    assert SERVERS.items() <= server["metadata"]["labels"].items()


def test_the_activator_takes_the_environment_that_it_is_given() -> None:
    world = resting(request_timeout_seconds=40, drain_seconds=7)
    pod = world.object("Deployment", "wine-activator")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    settings = settings_of(world)
    assert settings.hold_seconds == BUDGET
    assert settings.replicas_host == "wine-replicas"
    assert (settings.request_timeout_seconds, settings.drain_seconds) == (40, 7)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": settings.port, "metrics": settings.metrics_port}
    assert container["command"] == ["stanchion-activator"]
    assert pod["terminationGracePeriodSeconds"] > BUDGET + 40 + 7


def test_a_gateway_waits_for_all_that_the_activator_waits_for() -> None:
    world = resting(gateway=GATEWAY, request_timeout_seconds=40)
    settings = settings_of(world)
    longest = settings.hold_seconds + settings.request_timeout_seconds + _MARGIN_SECONDS
    assert int(rule(world)["timeouts"]["request"].removesuffix("s")) > longest
    kept = resting(gateway=GATEWAY, autoscaling={"min_replicas": 1})
    assert rule(kept)["timeouts"] == {"request": "35s"}


def test_one_activator_may_go_without_the_address_going() -> None:
    world = resting()
    assert world.object("Deployment", "wine-activator")["spec"]["replicas"] == 2
    budget = world.object("PodDisruptionBudget", "wine-activator")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"] == FRONT


def test_a_change_of_the_model_does_not_replace_the_activator() -> None:
    def template(version: str) -> Any:
        pin = {"name": "wine", "version": version, "digest": "sha256:" + version * 64}
        return resting(model=pin).object("Deployment", "wine-activator")["spec"]["template"]

    assert template("3") == template("4")


def test_keda_asks_every_activator_for_a_metric_that_it_exports() -> None:
    world = resting()
    catalogue = load("metrics.yaml")["images"]["activator"]
    for metric, found in asked(world).items():
        assert found["url"] == f"http://wine.demo.svc:{catalogue['port']}{catalogue['path']}"
        assert catalogue["metrics"][metric]["type"] == "gauge"
        assert catalogue["metrics"][metric]["labels"] == []
        assert found["aggregateFromKubeServiceEndpoints"] == "true"
        assert found["aggregationType"] == "sum"
        assert found["activationTargetValue"] == "0"
    ports = {each["name"]: each for each in world.object("Service", "wine")["spec"]["ports"]}
    assert ports["metrics"]["port"] == catalogue["port"]


def test_keda_reaches_the_activators_metrics_through_both_walls() -> None:
    admitted = resting().object("NetworkPolicy", "wine-activator")["spec"]["ingress"]
    keda = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}
    assert [rule["ports"] for rule in admitted if keda in rule["from"]] == [
        [{"port": 8081, "protocol": "TCP"}]
    ]
    allowed = walls(operators(AWS), "operator")["keda"]["egress"]
    (rule,) = [r for r in allowed if any(p.get("port") == 8081 for p in r.get("ports", []))]
    (peer,) = rule["to"]
    assert peer["podSelector"]["matchLabels"].items() <= FRONT.items()


def test_keda_elsewhere_is_admitted_from_there() -> None:
    world = resting(autoscaling={"keda_namespace": "scaling"})
    admitted = world.object("NetworkPolicy", "wine-activator")["spec"]["ingress"]
    names = [
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in admitted
        for peer in rule["from"]
        if "namespaceSelector" in peer
    ]
    assert names == ["scaling"]


def test_the_activator_calls_the_replicas_alone() -> None:
    _, replicas = resting().object("NetworkPolicy", "wine-activator")["spec"]["egress"]
    assert replicas["to"] == [{"podSelector": {"matchLabels": SERVERS}}]
    assert [each["port"] for each in replicas["ports"]] == [8080]


def test_requests_in_flight_are_those_that_the_activator_counts_without_prometheus() -> None:
    world = resting(autoscaling={"in_flight_per_replica": 4})
    assert asked(world)["activator_in_flight"]["targetValue"] == "4"
    assert {each["type"] for each in _triggers(world)} == {"cpu", "metrics-api"}


def test_latency_is_the_replicas_own_and_prometheus_tells_it() -> None:
    world = resting(monitoring=True, autoscaling={"target_latency_ms": 500})
    assert {each["type"] for each in _triggers(world)} == {"cpu", "metrics-api", "prometheus"}
    with pytest.raises(ArgumentsError, match="target_latency_ms: is measured by Prometheus"):
        resting(monitoring=False, autoscaling={"target_latency_ms": 500})


def test_that_somebody_asked_lately_wakes_it_and_asks_for_no_second_replica() -> None:
    assert set(asked(resting())) == {"activator_active"}
    assert int(asked(resting())["activator_active"]["targetValue"]) > 2


def test_it_rests_after_the_time_that_demand_must_be_low() -> None:
    spec = resting(autoscaling={"scale_down_seconds": 90}).object("ScaledObject")["spec"]
    assert (spec["minReplicaCount"], spec["cooldownPeriod"]) == (0, 90)


def test_whoever_scales_it_next_finds_a_replica() -> None:
    rests = resting().object("ScaledObject")["spec"]["advanced"]
    assert rests["restoreToOriginalReplicaCount"] is True
    kept = resting(autoscaling={"min_replicas": 1, "schedules": [_MORNING]})
    assert "restoreToOriginalReplicaCount" not in kept.object("ScaledObject")["spec"]["advanced"]


def test_the_address_moves_to_an_activator_that_answers_and_then_it_may_rest() -> None:
    world = resting()
    made = {resource.name: resource for resource in world.resources}
    assert world.waits_for(made["wine-service"], made["wine-activator-deployment"])
    assert world.waits_for(made["wine-activator-deployment"], made["wine-replicas"])
    assert world.waits_for(made["wine-autoscaler"], made["wine-service"])


def test_the_first_answer_of_a_service_at_rest_takes_until_somebody_is_asked() -> None:
    with pytest.raises(ArgumentsError) as refused:
        resting(cold_start={"budget_seconds": 60})
    (problem,) = refused.value.problems
    assert problem.startswith("cold_start.budget_seconds: 60 is less than demand 5 (asked for so")
    assert "= 135 s" in problem


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"rollout": {"strategy": "canary"}, "monitoring": True},
            "autoscaling.min_replicas: 0 leaves a new version no replica to be judged by, nor one "
            "to compare it with; write 1 or more, or rollout strategy: rolling",
        ),
        (
            {"rollout": {"strategy": "blueGreen"}, "monitoring": True},
            "autoscaling.min_replicas: 0 leaves a new version no replica to be judged by",
        ),
    ],
)
def test_a_release_that_is_measured_keeps_a_replica(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError) as refused:
        resting(**changes)
    (problem,) = refused.value.problems
    assert problem.startswith(told)


def test_metrics_of_replicas_are_known_by_the_services_name() -> None:
    world = resting(monitoring=True)
    (endpoint,) = world.object("ServiceMonitor", "wine")["spec"]["endpoints"]
    assert endpoint["relabelings"] == [{"targetLabel": "service", "replacement": "wine"}]
    monitors = [name for kind, name in world.objects if kind == "ServiceMonitor"]
    assert sorted(monitors) == ["wine", "wine-activator"]
    for monitor, service in (("wine", "wine-replicas"), ("wine-activator", "wine")):
        selected = world.object("ServiceMonitor", monitor)["spec"]["selector"]["matchLabels"]
        matching = [
            item["metadata"]["name"]
            for item in world.manifests
            if item["kind"] == "Service" and selected.items() <= item["metadata"]["labels"].items()
        ]
        assert matching == [service]


def test_rest_is_no_alarm_and_a_request_that_waited_in_vain_is_one() -> None:
    def alerts(world: World) -> dict[str, str]:
        groups = world.object("PrometheusRule")["spec"]["groups"]
        return {
            rule["alert"]: rule["expr"]
            for group in groups
            for rule in group["rules"]
            if "alert" in rule
        }

    found, kept = alerts(resting(monitoring=True)), alerts(model_service(monitoring=True))
    assert found["ModelServiceNotScraped"].startswith("absent(activator_in_flight")
    assert kept["ModelServiceNotScraped"].startswith("absent(model_server_ready")
    assert "activator_refused_total" in found["ModelServiceNotWoken"]
    assert "ModelServiceNotWoken" not in kept


def test_availability_counts_what_callers_were_answered() -> None:
    def counted(world: World) -> str:
        return str(world.object("PrometheusRule")["spec"]["groups"])

    assert "activator_requests_total{" in counted(resting(monitoring=True))
    assert "model_server_requests_total{" not in counted(resting(monitoring=True))
    assert "activator_requests_total{" not in counted(model_service(monitoring=True))


_MORNING = {"start": "0 7 * * *", "end": "0 9 * * *", "timezone": "UTC", "replicas": 2}


def test_a_known_peak_keeps_replicas_of_a_service_that_rests_otherwise() -> None:
    kinds = {each["type"] for each in _triggers(resting(autoscaling={"schedules": [_MORNING]}))}
    assert kinds == {"cpu", "metrics-api", "cron"}
    alone = resting(autoscaling={"schedules": [{**_MORNING, "replicas": 1}]})
    assert {each["type"] for each in _triggers(alone)} == {"cpu", "metrics-api", "cron"}


def test_a_service_that_keeps_a_replica_has_no_activator() -> None:
    names = [name for _, name in model_service(monitoring=True).objects]
    assert not [name for name in names if "activator" in name or name == "wine-replicas"]


def _triggers(world: World) -> list[dict[str, Any]]:
    return list(world.object("ScaledObject")["spec"]["triggers"])
