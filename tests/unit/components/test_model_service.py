from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stanchion import ArgumentsError
from stanchion_model_server.settings import Settings, from_environment
from unit.components.programs import model_service
from unit.components.world import DIGEST, World


def _pod(world: World) -> Mapping[str, Any]:
    pod: Mapping[str, Any] = world.object("Deployment")["spec"]["template"]["spec"]
    return pod


def _container(world: World) -> Mapping[str, Any]:
    (container,) = _pod(world)["containers"]
    return dict(container)


def _environment(world: World) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in _container(world)["env"]}


def test_deployment_leaves_replicas_to_the_autoscaler() -> None:
    world = model_service()
    assert "replicas" not in world.object("Deployment")["spec"]
    scaler = world.object("HorizontalPodAutoscaler")["spec"]
    assert scaler["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": world.object("Deployment")["metadata"]["name"],
    }
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)


def test_a_new_pin_is_a_new_pod() -> None:
    first = model_service()
    environment = _environment(first)
    assert environment["MODEL_NAME"] == "wine cultivar"
    assert environment["MODEL_VERSION"] == "3"
    assert environment["MODEL_DIGEST"] == DIGEST
    second = model_service(model={"name": "wine cultivar", "version": "4", "digest": DIGEST})
    assert _environment(second)["MODEL_VERSION"] == "4"
    selector = first.object("Deployment")["spec"]["selector"]
    assert second.object("Deployment")["spec"]["selector"] == selector


def test_an_old_replica_stays_until_a_new_one_is_ready() -> None:
    spec = model_service().object("Deployment")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert spec["minReadySeconds"] > 0


@settings(deadline=None, max_examples=25)
@given(load=st.integers(5, 7200), drain=st.integers(1, 600), request_timeout=st.integers(1, 600))
def test_times_leave_room_for_what_they_wait_for(
    load: int, drain: int, request_timeout: int
) -> None:
    world = model_service(
        load_seconds=load, drain_seconds=drain, request_timeout_seconds=request_timeout
    )
    startup = _container(world)["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= load
    assert world.object("Deployment")["spec"]["progressDeadlineSeconds"] > load
    # The server itself gives up 5 s after the longest request it may still hold.
    assert _pod(world)["terminationGracePeriodSeconds"] > drain + request_timeout + 5


def test_a_registry_that_is_down_gets_no_pod_killed() -> None:
    container = _container(model_service())
    assert container["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] == "/v2/health/live"


def test_the_server_is_told_its_limits() -> None:
    environment = _environment(
        model_service(max_body_bytes=4096, request_timeout_seconds=7, drain_seconds=3)
    )
    assert environment["MAX_BODY_BYTES"] == "4096"
    assert environment["REQUEST_TIMEOUT_SECONDS"] == "7"
    assert environment["DRAIN_SECONDS"] == "3"


def test_the_server_understands_every_setting_it_is_given() -> None:
    environment = _environment(model_service())
    assert {name.lower() for name in environment} <= set(Settings.model_fields)
    settings = from_environment(environment)
    assert settings.model_version == "3"
    assert settings.name == "wine"


def test_credentials_are_files_in_the_folder_the_server_reads() -> None:
    world = model_service()
    (volume,) = [v for v in _pod(world)["volumes"] if v["name"] == "secrets"]
    (source,) = volume["projected"]["sources"]
    paths = {item["path"] for item in source["secret"]["items"]}
    folder = _environment(world)["REGISTRY_CREDENTIALS_DIR"]
    assert {f"/run/secrets/stanchion/{path}" for path in paths} == {
        f"{folder}/username",
        f"{folder}/password",
    }


def test_callers_are_its_own_namespace_and_those_named() -> None:
    spec = model_service(allow_from=["frontend"]).object("NetworkPolicy")["spec"]
    (rule,) = spec["ingress"]
    assert rule["from"] == [
        {"podSelector": {}},
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "frontend"}},
        },
    ]
    assert [port["port"] for port in rule["ports"]] == [8080]


def test_the_way_out_is_dns_and_the_registry() -> None:
    dns, registry = model_service().object("NetworkPolicy")["spec"]["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert [port["port"] for port in registry["ports"]] == [5000]
    (peer,) = registry["to"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "mlflow"


def test_monitoring_opens_the_port_to_scrapers_and_asks_for_them() -> None:
    world = model_service(monitoring=True, monitoring_namespace="observability")
    monitor = world.object("ServiceMonitor")["spec"]
    assert monitor["endpoints"][0]["path"] == "/metrics"
    labels = world.object("Service")["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    (rule,) = world.object("NetworkPolicy")["spec"]["ingress"]
    names = [
        p["namespaceSelector"]["matchLabels"] for p in rule["from"] if "namespaceSelector" in p
    ]
    assert names == [{"kubernetes.io/metadata.name": "observability"}]


def test_an_eviction_is_always_possible_one_at_a_time() -> None:
    budget = model_service().object("PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert "minAvailable" not in budget
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_replicas_are_spread_over_zones_and_nodes() -> None:
    keys = {c["topologyKey"] for c in _pod(model_service())["topologySpreadConstraints"]}
    assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_scaling_is_fast_up_and_slow_down() -> None:
    behavior = model_service().object("HorizontalPodAutoscaler")["spec"]["behavior"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 300


def test_tenant_and_model_are_labels_of_the_pods() -> None:
    labels = model_service().object("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert labels["stanchion.dev/tenant"] == "demo"
    assert labels["stanchion.dev/model"].startswith("wine-cultivar-")
    assert labels["app.kubernetes.io/version"] == "3"


def test_the_address_and_name_are_outputs() -> None:
    exports = model_service(service_name="vintner").exports
    assert exports["url"] == "http://vintner.demo.svc.cluster.local"
    assert exports["name"] == "vintner"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"autoscaling": {"min_replicas": 5, "max_replicas": 3}},
            "autoscaling.min_replicas: 5 is above autoscaling.max_replicas, 3",
        ),
        ({"autoscaling": {"min_replicas": 0, "max_replicas": 3}}, "autoscaling.min_replicas: 0"),
        ({"autoscaling": {"min_replicas": 1}}, "autoscaling.max_replicas: is missing"),
        (
            {"autoscaling": {"min_replicas": 1, "max_replicas": 2, "target_cpu_utilization": 5}},
            "autoscaling.target_cpu_utilization: 5 is out of range; write 10 to 100",
        ),
        (
            {"model": {"name": "m", "version": "champion", "digest": DIGEST}},
            "model.version: 'champion' is no version number",
        ),
        ({"model": {"name": "m", "version": 3, "digest": DIGEST}}, "model.version: is int"),
        (
            {"model": {"name": "m", "version": "3", "digest": "sha256:short"}},
            "model.digest: 'sha256:short' is no digest",
        ),
        ({"model": {"name": "a/b", "version": "3", "digest": DIGEST}}, "model.name: 'a/b'"),
        ({"image": "x/model-server:latest"}, "names no version"),
        ({"load_seconds": 1}, "load_seconds: 1 is out of range; write 5 to 7200"),
        ({"drain_seconds": 0}, "drain_seconds: 0 is out of range"),
        ({"max_body_bytes": 10}, "max_body_bytes: 10 is out of range"),
        ({"allow_from": ["a", "a"]}, "allow_from: 'a' is there twice"),
        ({"allow_from": ["A b"]}, "allow_from[0]: 'A b' is no name"),
        ({"tenant": "a b"}, "tenant: 'a b' cannot be a label"),
        ({"resources": {"cpu": "much", "memory": "1Gi"}}, "resources.cpu: 'much' is no amount"),
        ({"replicas": 3}, "replicas: is no argument"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError) as error:
        model_service(**wrong)
    assert told in str(error.value)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ArgumentsError) as error:
        model_service(drain_seconds=0, load_seconds=0, owner="a b")
    assert len(error.value.problems) == 3


def test_nothing_is_made_when_an_argument_is_wrong() -> None:
    made = World()
    with pytest.raises(ArgumentsError):
        model_service(drain_seconds=0, into=made)
    assert made.resources == []


def test_a_wrong_argument_ends_a_program_without_a_stack_trace() -> None:
    assert issubclass(ArgumentsError, pulumi.RunError)
