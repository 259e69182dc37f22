from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
from stanchion import ArgumentsError
from unit.components.programs import mlflow
from unit.components.world import IMAGE, World


def _environment(container: Mapping[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["env"]}


def _server(world: World) -> Mapping[str, Any]:
    template = world.object("Deployment", "mlflow")["spec"]["template"]
    container: Mapping[str, Any] = template["spec"]["containers"][0]
    return container


def _secrets_of(world: World, workload: str) -> set[str]:
    (template,) = [t for name, t in world.pods().items() if name.startswith(workload)]
    (volume,) = [v for v in template["spec"]["volumes"] if v["name"] == "secrets"]
    return {source["secret"]["name"] for source in volume["projected"]["sources"]}


def _job_name(world: World) -> str:
    name: str = world.object("Job")["metadata"]["name"]
    return name


def test_the_server_starts_only_after_the_migration() -> None:
    world = mlflow()
    assert world.waits_for(
        world.registered("Deployment", "mlflow"), world.registered("Job", _job_name(world))
    )


def test_a_changed_migration_is_a_new_job_and_an_unchanged_one_stays() -> None:
    first = _job_name(mlflow())
    assert _job_name(mlflow()) == first
    assert _job_name(mlflow(allowed_hosts=["mlflow.example.com"])) == first
    assert _job_name(mlflow(image=f"{IMAGE}/mlflow:2.0")) != first
    assert _job_name(mlflow(owner="team-z")) != first


def test_a_finished_job_stays_so_that_a_second_up_has_nothing_to_do() -> None:
    spec = mlflow().object("Job")["spec"]
    assert "ttlSecondsAfterFinished" not in spec
    assert spec["backoffLimit"] > 0
    assert spec["activeDeadlineSeconds"] > 0


def test_only_the_migration_holds_the_databases_administrator() -> None:
    world = mlflow()
    assert "database-admin" in _secrets_of(world, "Job")
    assert _secrets_of(world, "Deployment") == {
        "mlflow-database-server",
        "mlflow-admin",
        "mlflow-session",
    }


def test_the_server_answers_to_each_of_its_names_with_and_without_port() -> None:
    hosts = _environment(_server(mlflow(allowed_hosts=["mlflow.example.com"])))["ALLOWED_HOSTS"]
    listed = hosts.split(",")
    for name in (
        "mlflow",
        "mlflow.tracking",
        "mlflow.tracking.svc",
        "mlflow.tracking.svc.cluster.local",
        "localhost",
    ):
        assert {name, f"{name}:5000"} <= set(listed)
    assert "mlflow.example.com" in listed
    assert "*" not in listed


def test_probes_pass_the_host_check() -> None:
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = _server(mlflow())[probe]["httpGet"]
        assert asked["httpHeaders"] == [{"name": "Host", "value": "localhost"}]


def test_the_server_is_ready_only_with_its_database() -> None:
    """`/ready` is the image's own path: MLflow's `/health` is content without a database."""
    container = _server(mlflow())
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health"


def test_only_tracking_clients_its_own_namespace_and_scrapers_get_in() -> None:
    clients, scrapers = mlflow().object("NetworkPolicy", "mlflow-server")["spec"]["ingress"]
    assert clients["from"] == [
        {"namespaceSelector": {"matchLabels": {"stanchion.dev/tracking-client": "true"}}},
        {"podSelector": {}},
    ]
    assert [port["port"] for port in clients["ports"]] == [5000]
    assert [port["port"] for port in scrapers["ports"]] == [9090]


def test_a_load_balancer_gets_in_only_where_it_is_told_of() -> None:
    def served(**changes: Any) -> Any:
        return mlflow(**changes).object("NetworkPolicy", "mlflow-server")["spec"]["ingress"]

    clients, scrapers = served(load_balancer_cidrs=["10.20.240.0/23"])
    assert clients["from"][2:] == [{"ipBlock": {"cidr": "10.20.240.0/23"}}]
    assert [port["port"] for port in clients["ports"]] == [5000]
    assert scrapers == served()[1], "metrics stay inside"


def test_a_pod_that_ends_answers_until_load_balancers_have_noticed() -> None:
    def sleep(**changes: Any) -> int:
        return int(_server(mlflow(**changes))["lifecycle"]["preStop"]["sleep"]["seconds"])

    spec = mlflow().object("Deployment")["spec"]["template"]["spec"]
    assert sleep() < sleep(load_balancer_cidrs=["10.20.240.0/23"]) == 20
    assert sleep(load_balancer_cidrs=["10.20.240.0/23"]) < spec["terminationGracePeriodSeconds"]


def test_nobody_reaches_the_migration() -> None:
    spec = mlflow().object("NetworkPolicy", "mlflow-migration")["spec"]
    assert "Ingress" in spec["policyTypes"]
    assert "ingress" not in spec


def test_the_way_out_is_dns_and_the_database() -> None:
    database = {
        "host": "db",
        "port": 6432,
        "admin_secret_name": "a",
        "pods": {"namespace": "tracking", "pod_labels": {"app": "db"}},
    }
    spec = mlflow(database=database).object("NetworkPolicy", "mlflow-server")["spec"]
    dns, there = spec["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert [port["port"] for port in there["ports"]] == [6432]
    assert there["to"][0]["podSelector"]["matchLabels"] == {"app": "db"}


def test_a_database_outside_the_cluster_is_reached_on_its_port_alone() -> None:
    _, there = mlflow().object("NetworkPolicy", "mlflow-server")["spec"]["egress"]
    assert there == {
        "to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}],
        "ports": [{"port": 5432, "protocol": "TCP"}],
    }


def test_a_managed_database_is_reached_among_its_networks_addresses_alone() -> None:
    database = {"host": "db", "port": 5432, "admin_secret_name": "a", "cidr": "10.20.0.0/16"}
    for part in ("server", "migration"):
        spec = mlflow(database=database).object("NetworkPolicy", f"mlflow-{part}")["spec"]
        _, there = spec["egress"]
        assert there == {
            "to": [{"ipBlock": {"cidr": "10.20.0.0/16"}}],
            "ports": [{"port": 5432, "protocol": "TCP"}],
        }


@pytest.mark.parametrize(("required", "mode"), [(True, "require"), (False, "prefer")])
def test_a_database_that_requires_tls_is_never_asked_without(required: bool, mode: str) -> None:
    database = {"host": "db", "port": 5432, "admin_secret_name": "a", "requires_tls": required}
    modes = {
        _environment(container)["DB_SSLMODE"]
        for _, container in mlflow(database=database).containers()
    }
    assert modes == {mode}


def test_the_server_alone_reaches_the_clouds_services_and_its_credentials() -> None:
    world = mlflow(cloud_access=True)
    migration = world.object("NetworkPolicy", "mlflow-migration")["spec"]["egress"]
    assert migration == mlflow().object("NetworkPolicy", "mlflow-migration")["spec"]["egress"]
    egress = world.object("NetworkPolicy", "mlflow-server")["spec"]["egress"]
    assert egress[:2] == migration
    reached = {
        rule["to"][0]["ipBlock"]["cidr"]: [port["port"] for port in rule["ports"]]
        for rule in egress[2:]
    }
    assert reached == {
        "169.254.170.23/32": [80],
        "169.254.169.254/32": [80, 8080],
        "0.0.0.0/0": [443],
    }
    assert egress[-1]["to"][0]["ipBlock"]["except"] == [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
    ]


def test_the_servers_identity_in_the_cloud_is_not_the_migrations() -> None:
    annotations = {"iam.gke.io/gcp-service-account": "mlflow@project.iam.gserviceaccount.com"}
    world = mlflow(
        cloud_access=True, service_account_annotations=pulumi.Output.from_input(annotations)
    )
    assert world.object("ServiceAccount", "mlflow")["metadata"]["annotations"] == annotations
    assert "annotations" not in world.object("ServiceAccount", "mlflow-migration")["metadata"]
    used = {
        name.split("/")[0]: pod["spec"]["serviceAccountName"] for name, pod in world.pods().items()
    }
    assert used == {"Deployment": "mlflow", "Job": "mlflow-migration"}


def test_replicas_have_a_disruption_budget_and_one_alone_has_none() -> None:
    assert "PodDisruptionBudget" not in {kind for kind, _ in mlflow().objects}
    budget = mlflow(replicas=2).object("PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_volume_of_one_node_is_handed_over_not_shared() -> None:
    spec = mlflow(artifacts_volume_claim_name="artifacts").object("Deployment")["spec"]
    assert spec["strategy"] == {"type": "Recreate"}
    mounts = spec["template"]["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "artifacts", "mountPath": "/var/lib/mlflow/artifacts"} in mounts


def test_without_a_volume_no_replica_is_missed_while_it_rolls() -> None:
    strategy = mlflow(replicas=2).object("Deployment")["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_the_images_commands_are_the_contract() -> None:
    world = mlflow()
    commands = {name.split("/")[0]: c["command"] for name, c in world.containers()}
    assert commands == {
        "Job": ["stanchion-mlflow", "migrate"],
        "Deployment": ["stanchion-mlflow", "serve"],
    }


def test_metrics_have_a_port_of_their_own_without_login() -> None:
    world = mlflow(monitoring=True)
    (endpoint,) = world.object("ServiceMonitor")["spec"]["endpoints"]
    ports = {p["name"]: p["port"] for p in world.object("Service")["spec"]["ports"]}
    assert ports[endpoint["port"]] == int(_environment(_server(world))["METRICS_PORT"])


def test_a_preview_knows_the_address() -> None:
    assert mlflow(preview=True).exports["url"] == ("http://mlflow.tracking.svc.cluster.local:5000")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"replicas": 2, "artifacts_volume_claim_name": "artifacts"},
            "replicas: 2 cannot share the volume of artifacts_volume_claim_name",
        ),
        ({"replicas": 0}, "replicas: 0 is out of range; write 1 to 10"),
        ({"workers": 17}, "workers: 17 is out of range"),
        ({"workers": "2"}, "workers: is str; write a whole number"),
        ({"workers": True}, "workers: is bool; write a whole number"),
        ({"image": "mlflow"}, "image: 'mlflow' names no version"),
        ({"load_balancer_cidrs": ["10.0.0.1/8"]}, "load_balancer_cidrs[0]: 10.0.0.1/8 has host"),
        ({"allowed_hosts": ["*"]}, "allowed_hosts[0]: '*' is no single host"),
        ({"allowed_hosts": "a,b"}, "allowed_hosts: is str; write a list"),
        ({"cors_allowed_origins": ["https://a,https://b"]}, "cors_allowed_origins[0]"),
        ({"database": {"host": "h"}}, "database.admin_secret_name: is missing"),
        (
            {"service_account_annotations": {"a": "b"}},
            "service_account_annotations: are given, but cloud_access is false",
        ),
        (
            {
                "database": {
                    "host": "h",
                    "port": 1,
                    "admin_secret_name": "s",
                    "cidr": "10.0.0.0/8",
                    "pods": {"namespace": "n"},
                }
            },
            "database.cidr: is given beside database.pods",
        ),
        ({"service_name": "ml flow"}, "service_name: 'ml flow' is no name"),
        ({"allowed_host": []}, "allowed_host: is no argument; write allowed_hosts"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError) as error:
        mlflow(**wrong)
    assert told in str(error.value)


def test_an_error_never_shows_a_password() -> None:
    database = {"host": 1, "port": "x", "admin_secret_name": 2, "admin_password": "hunter2"}
    with pytest.raises(ArgumentsError) as error:
        mlflow(database=database)
    assert "database.admin_password: is no argument" in str(error.value)
    assert "hunter2" not in str(error.value)
