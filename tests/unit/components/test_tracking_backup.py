"""Scheduled backups of the tracking server's databases; the image's own are tested with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import kubernetes_validate  # type: ignore[import-untyped]
import pulumi
import pytest
import stanchion
from stanchion import ArgumentsError
from unit.components.programs import OWNED
from unit.components.world import IMAGE, World, deploy

DATABASE = {
    "host": "database.tracking.svc.cluster.local",
    "port": 5432,
    "admin_secret_name": "database-admin",
    "requires_tls": True,
    "cidr": "10.20.0.0/16",
}


def backup(*, preview: bool = False, **changes: Any) -> World:
    """A backup of the server mlflow to a bucket."""
    args = {
        "namespace": "tracking",
        **OWNED,
        "image": f"{IMAGE}/mlflow:1.0",
        "database": DATABASE,
        "destination": "s3://backups/tracking",
        **changes,
    }

    def program() -> Any:
        made = stanchion.TrackingBackup("backup", cast("stanchion.TrackingBackupArgs", args))
        return {"job": made.cron_job_name, "namespace": made.namespace}

    return deploy(program, preview=preview)


def pod(world: World) -> Mapping[str, Any]:
    """The pod that writes a backup."""
    job = world.object("CronJob")["spec"]["jobTemplate"]["spec"]
    found: Mapping[str, Any] = job["template"]
    return found


def environment(world: World) -> dict[str, str]:
    (container,) = pod(world)["spec"]["containers"]
    return {variable["name"]: variable["value"] for variable in container["env"]}


def test_its_objects_are_what_kubernetes_takes() -> None:
    for manifest in backup(volume_claim_name="backups").manifests:
        kubernetes_validate.validate(manifest, "1.36", strict=True)


def test_the_images_command_is_the_contract() -> None:
    world = backup(keep_days=7)
    (container,) = pod(world)["spec"]["containers"]
    assert container["command"] == ["stanchion-mlflow", "backup"]
    told = environment(world)
    assert told["BACKUP_DESTINATION"] == "s3://backups/tracking"
    assert told["BACKUP_DAYS"] == "7"
    assert told["DB_HOST"] == "database.tracking.svc.cluster.local"
    assert told["DB_SSLMODE"] == "require"


def test_it_reads_as_the_server_does_and_never_as_the_administrator() -> None:
    (volume,) = [v for v in pod(backup())["spec"]["volumes"] if v["name"] == "secrets"]
    (source,) = volume["projected"]["sources"]
    assert source["secret"]["name"] == "mlflow-database-server"
    assert [item["path"] for item in source["secret"]["items"]] == ["database-server/password"]


def test_its_identity_in_the_cloud_is_its_own() -> None:
    annotations = {"iam.gke.io/gcp-service-account": "backup@project.iam.gserviceaccount.com"}
    world = backup(
        cloud_access=True, service_account_annotations=pulumi.Output.from_input(annotations)
    )
    account = world.object("ServiceAccount")
    assert account["metadata"]["name"] == pod(world)["spec"]["serviceAccountName"]
    assert account["metadata"]["name"] == "mlflow-backup"
    assert account["metadata"]["annotations"] == annotations


def test_a_databases_policy_for_mlflow_admits_it() -> None:
    carried = pod(backup())["metadata"]["labels"]
    assert stanchion.mlflow_pod_labels().items() <= carried.items()
    assert carried["app.kubernetes.io/component"] == "backup"


def test_nobody_reaches_it_and_it_reaches_little() -> None:
    spec = backup().object("NetworkPolicy")["spec"]
    assert "Ingress" in spec["policyTypes"]
    assert "ingress" not in spec
    _, there = spec["egress"]
    assert there["to"] == [{"ipBlock": {"cidr": "10.20.0.0/16"}}]
    assert len(backup(cloud_access=True).object("NetworkPolicy")["spec"]["egress"]) == 5
    assert spec["podSelector"]["matchLabels"].items() <= pod(backup())["metadata"]["labels"].items()


def test_one_backup_at_a_time_and_a_missed_one_is_made_up_for() -> None:
    spec = backup().object("CronJob")["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["startingDeadlineSeconds"] == 21600
    assert (spec["schedule"], spec["timeZone"]) == ("17 2 * * *", "Etc/UTC")
    job = spec["jobTemplate"]["spec"]
    assert job["activeDeadlineSeconds"] == 7200
    assert pod(backup())["spec"]["restartPolicy"] == "Never"


def test_its_pod_is_restricted() -> None:
    spec = pod(backup())["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["automountServiceAccountToken"] is False
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_a_store_that_is_a_volume_is_mounted() -> None:
    world = backup(destination="file:///var/lib/mlflow/backups", volume_claim_name="backups")
    (container,) = pod(world)["spec"]["containers"]
    assert {"name": "backups", "mountPath": "/var/lib/mlflow/backups"} in container["volumeMounts"]


def test_a_preview_knows_its_name() -> None:
    assert backup(preview=True).exports == {"job": "mlflow-backup", "namespace": "tracking"}


@pytest.mark.parametrize("schedule", ["*/15 * * * *", "0 3 * * MON-FRI", "@daily", "5 4 1,15 * *"])
def test_a_schedule_of_cron_is_taken(schedule: str) -> None:
    assert backup(schedule=schedule).object("CronJob")["spec"]["schedule"] == schedule


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"destination": "backups"}, "destination: 'backups' is no store; write s3://BUCKET/PATH"),
        ({"destination": "file:///x"}, "destination: is a folder, but there is no volume_claim"),
        ({"schedule": "daily"}, "schedule: 'daily' is no schedule; write five fields"),
        ({"schedule": "0 3 * *"}, "schedule: '0 3 * *' is no schedule"),
        ({"keep_days": 0}, "keep_days: 0 is out of range; write 1 to 3650"),
        ({"image": "mlflow:latest"}, "image: 'mlflow:latest' names no version"),
        ({"service_account_annotations": {"a": "b"}}, "but cloud_access is false"),
        ({"database": {**DATABASE, "pods": {"namespace": "n"}}}, "database.cidr: is given beside"),
        ({"resources": {"cpu": "1", "memory": "much"}}, "resources.memory: 'much' is no amount"),
        ({"keep": 3}, "keep: is no argument; write keep_days"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError) as error:
        backup(**wrong)
    assert told in str(error.value)
