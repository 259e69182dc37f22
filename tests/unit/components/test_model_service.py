from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pulumi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stanchion import ArgumentsError
from stanchion.foundation.gpu_pool import GpuPool, GpuPoolArgs
from stanchion_model_server.settings import Settings, from_environment
from unit.components.programs import model_service
from unit.components.test_gpu_pool import arguments, pool
from unit.components.world import DIGEST, World, deploy

ON_L4: dict[str, Any] = {
    "pool": "l4",
    "node_selector": {"stanchion.dev/pool": "l4"},
    "tolerations": [
        {
            "key": "nvidia.com/gpu",
            "operator": "Equal",
            "value": "present",
            "effect": "NoSchedule",
        }
    ],
    "device": "nvidia.com/gpu",
    "devices_per_node": 4,
    "devices_per_container": 4,
    "max_devices": 16,
}
ON_CPUS: dict[str, Any] = {
    **ON_L4,
    "pool": "cpu",
    "node_selector": {"stanchion.dev/pool": "cpu"},
    "tolerations": [],
    "device": "",
    "devices_per_node": 0,
    "devices_per_container": 0,
    "max_devices": 0,
}


def _pod(world: World) -> Mapping[str, Any]:
    pod: Mapping[str, Any] = world.object("Deployment")["spec"]["template"]["spec"]
    return pod


def _container(world: World) -> Mapping[str, Any]:
    (container,) = _pod(world)["containers"]
    return dict(container)


def _environment(world: World) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in _container(world)["env"]}


def test_a_deployment_begins_with_its_fewest_replicas_and_leaves_them_to_the_autoscaler() -> None:
    world = model_service()
    scaler = world.object("HorizontalPodAutoscaler")["spec"]
    assert world.object("Deployment")["spec"]["replicas"] == scaler["minReplicas"]
    assert world.registered("Deployment", "wine").ignores == ("spec.replicas",)
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


@pytest.mark.parametrize("kind", ["Deployment", "Rollout"])
def test_another_attempt_at_a_version_is_another_pod_and_the_first_says_nothing(kind: str) -> None:
    pin = {"name": "wine cultivar", "version": "3", "digest": DIGEST}
    strategy = "rolling" if kind == "Deployment" else "canary"

    def template(**attempt: int) -> dict[str, Any]:
        world = model_service(
            model={**pin, **attempt}, rollout={"strategy": strategy}, monitoring=True
        )
        found: dict[str, Any] = world.object(kind)["spec"]["template"]
        return found

    first, second = template(), template(attempt=2)
    assert template(attempt=1) == first
    assert "annotations" not in first["metadata"]
    assert second["metadata"].pop("annotations") == {"stanchion.dev/attempt": "2"}
    assert second == first


def test_an_attempt_that_is_no_number_of_one_is_refused() -> None:
    with pytest.raises(ArgumentsError, match=r"model\.attempt: 0 is out of range"):
        model_service(model={"name": "m", "version": "3", "digest": DIGEST, "attempt": 0})


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


def test_a_pool_gives_its_services_selector_tolerations_and_devices() -> None:
    world = model_service(placement=ON_L4, gpus=2)
    assert _pod(world)["nodeSelector"] == ON_L4["node_selector"]
    assert _pod(world)["tolerations"] == ON_L4["tolerations"]
    resources = _container(world)["resources"]
    assert resources["limits"]["nvidia.com/gpu"] == "2"
    assert resources["requests"]["nvidia.com/gpu"] == "2"


def test_a_pool_of_cpus_needs_no_gpus() -> None:
    world = model_service(placement=ON_CPUS)
    assert _pod(world)["nodeSelector"] == {"stanchion.dev/pool": "cpu"}
    assert not _pod(world).get("tolerations")
    resources = _container(world)["resources"]
    assert set(resources["limits"]) == {"cpu", "memory", "ephemeral-storage"}


def test_without_a_pool_it_goes_anywhere() -> None:
    pod = _pod(model_service())
    assert "nodeSelector" not in pod
    assert "tolerations" not in pod


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_what_a_pool_publishes_is_what_a_service_takes(cloud: str) -> None:
    placement = pool(cloud).exports
    world = model_service(placement=placement, gpus=1)
    assert _pod(world)["nodeSelector"] == placement["node_selector"]
    assert _pod(world)["tolerations"] == placement["tolerations"]


def test_the_placement_is_known_while_the_pool_is_still_a_plan() -> None:
    def program() -> Any:
        cpu = {"accelerator": None, "machine_type": "e2-standard-4", "capacity": ["on_demand"]}
        made = GpuPool("cpu", cast("GpuPoolArgs", arguments("gcp", **cpu)))
        assert made.placement["node_selector"] == {"stanchion.dev/pool": "cpu"}
        return made.placement

    assert deploy(program, preview=True).exports["pool"] == "cpu"


@pytest.mark.parametrize(("gpus", "most"), [(1, 15), (2, 7), (3, 3), (4, 3)])
def test_a_pool_holds_every_replica_and_the_one_more_of_a_rollout(gpus: int, most: int) -> None:
    def service(replicas: int) -> World:
        scaling = {"min_replicas": 1, "max_replicas": replicas}
        return model_service(placement=ON_L4, gpus=gpus, autoscaling=scaling)

    strategy = service(most).object("Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxUnavailable": 0, "maxSurge": 1}
    with pytest.raises(ArgumentsError, match=f"hold {most + 1}; lower it to {most}, or raise max"):
        service(most + 1)


def test_a_rollout_waits_for_nodes_and_for_every_replica_in_turn() -> None:
    def times(**changes: Any) -> tuple[int, int]:
        world = model_service(load_seconds=100, **changes)
        deadline = world.object("Deployment")["spec"]["progressDeadlineSeconds"]
        patience = world.registered("Deployment", "wine").timeouts
        assert patience["create"] == patience["update"]
        return deadline, int(patience["update"].removesuffix("s"))

    deadline, patience = times()
    assert deadline >= 100 + 300
    assert patience >= deadline * 6
    placed, _ = times(placement=ON_L4, gpus=1)
    assert placed - deadline >= 600


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
        ({"gpus": 1}, "gpus: is 1, but without placement no node is known to have any; add"),
        ({"placement": ON_L4}, "gpus: is 0, but pool 'l4' is of GPU nodes"),
        ({"placement": ON_L4, "gpus": -1}, "gpus: is -1; write how many"),
        (
            {"placement": ON_L4, "gpus": 8},
            "gpus: 8 is more than the 4 that a container may have of the 4 GPUs or slices on a "
            "node of pool 'l4'; write at most 4",
        ),
        (
            {"placement": {**ON_L4, "devices_per_container": 1}, "gpus": 2},
            "gpus: 2 is more than the 1 that a container may have of the 4",
        ),
        ({"placement": ON_CPUS, "gpus": 1}, "gpus: is 1, and nodes of pool 'cpu' have no GPU"),
        (
            {"placement": {**ON_L4, "max_devices": 4}, "gpus": 4},
            "autoscaling.max_replicas: 6 and the 1 more that a rollout needs are 7 replicas with "
            "gpus: 4, and the 4 GPUs or slices of pool 'l4' at its largest hold 1; "
            "raise max_nodes",
        ),
        ({"placement": {"pool": "l4"}}, "placement.device: is missing"),
        ({"placement": "l4"}, "placement: is str; write a mapping"),
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
