from __future__ import annotations

from typing import Any

import pytest
from stanchion import ArgumentsError
from unit.components.programs import artifact_store, database
from unit.components.world import generated


def test_only_named_clients_reach_the_database_and_it_reaches_nobody() -> None:
    spec = database().object("NetworkPolicy", "database")["spec"]
    (rule,) = spec["ingress"]
    assert [port["port"] for port in rule["ports"]] == [5432]
    (client,) = rule["from"]
    assert client["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "tracking"}
    assert client["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "mlflow"
    assert "Egress" in spec["policyTypes"]
    assert "egress" not in spec


def test_the_administrators_login_is_a_secret_read_as_files() -> None:
    world = database()
    login = world.object("Secret", "database-admin")["stringData"]
    assert login == {"username": "postgres", "password": generated("database-admin-password")}
    (container,) = [c for _, c in world.containers()]
    assert "env" not in container
    assert {"name": "secrets", "mountPath": "/run/secrets/stanchion", "readOnly": True} in (
        container["volumeMounts"]
    )


def test_data_outlive_the_stateful_set() -> None:
    spec = database().object("StatefulSet")["spec"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {
        "whenDeleted": "Retain",
        "whenScaled": "Retain",
    }


def test_a_new_owner_leaves_the_claim_template_as_it_is_because_it_cannot_change() -> None:
    def template(**args: str) -> object:
        return database(**args).object("StatefulSet")["spec"]["volumeClaimTemplates"]

    assert template(owner="a", cost_center="b") == template(owner="c", cost_center="d")


def test_the_governing_service_is_headless_and_clients_use_a_stable_address() -> None:
    world = database()
    governing = world.object("StatefulSet")["spec"]["serviceName"]
    assert world.object("Service", governing)["spec"]["clusterIP"] == "None"
    assert "clusterIP" not in world.object("Service", "database")["spec"]
    assert world.exports["host"] == "database.tracking.svc.cluster.local"


def test_a_single_replica_has_no_disruption_budget() -> None:
    world = database()
    assert world.object("StatefulSet")["spec"]["replicas"] == 1
    assert "PodDisruptionBudget" not in {kind for kind, _ in world.objects}


def test_a_recovering_database_is_unready_but_not_killed() -> None:
    (container,) = [c for _, c in database().containers()]
    assert container["readinessProbe"]["exec"]["command"][0] == "pg_isready"
    assert "tcpSocket" in container["livenessProbe"]


@pytest.mark.parametrize("keep", [True, False])
def test_kept_data_are_protected_and_retained(keep: bool) -> None:
    world = database(keep=keep)
    holding = [
        r
        for r in world.resources
        if r.type.endswith((":StatefulSet", ":Secret", ":RandomPassword"))
    ]
    assert len(holding) == 3
    assert all(r.protect is keep and r.retain is keep for r in holding)
    (claim,) = [
        r for r in artifact_store(keep=keep).resources if r.type.endswith("PersistentVolumeClaim")
    ]
    assert claim.protect is keep
    assert claim.retain is keep


def test_the_storage_class_is_the_clusters_own_unless_named() -> None:
    (claim,) = database().object("StatefulSet")["spec"]["volumeClaimTemplates"]
    assert "storageClassName" not in claim["spec"]
    named = database(storage_class="fast").object("StatefulSet")["spec"]["volumeClaimTemplates"]
    assert named[0]["spec"]["storageClassName"] == "fast"


def test_the_local_store_is_a_volume_for_the_tracking_server_to_mount() -> None:
    world = artifact_store(storage="7Gi")
    assert world.exports == {
        "destination": "file:///var/lib/mlflow/artifacts",
        "claim": "artifacts",
    }
    claim = world.object("PersistentVolumeClaim", "artifacts")
    assert claim["spec"]["resources"]["requests"] == {"storage": "7Gi"}


def test_nobody_waits_for_a_claim_that_binds_when_it_is_used() -> None:
    annotations = artifact_store().object("PersistentVolumeClaim")["metadata"]["annotations"]
    assert annotations == {"pulumi.com/skipAwait": "true"}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"cloud": "azure"}, "cloud: 'azure' is unknown; write one of aws, gcp, local"),
        ({"image": "postgres"}, "image: 'postgres' names no version"),
        ({"image": "postgres:latest"}, "image: 'postgres:latest' names no version"),
        ({"image": None}, "image: is missing, and cloud: local runs PostgreSQL itself"),
        ({"clients": []}, "clients: is empty"),
        ({"clients": [{"pod_labels": {}}]}, "clients[0].namespace: is missing"),
        ({"storage": "10 GB"}, "storage: '10 GB' is no amount"),
        ({"resources": {"cpu": "1", "memory": "x"}}, "resources.memory: 'x' is no amount"),
        ({"storge": "1Gi"}, "storge: is no argument; write storage"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError) as error:
        database(**wrong)
    assert told in str(error.value)
