"""Garbage collection of the tracking server; the image's own command is tested with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import stanchion
from stanchion import ArgumentsError
from unit.components.programs import OWNED, mlflow
from unit.components.world import IMAGE, World, deploy

DATABASE = {
    "host": "database.tracking.svc.cluster.local",
    "port": 5432,
    "admin_secret_name": "database-admin",
    "pods": {"namespace": "tracking"},
}


def garbage(*, preview: bool = False, **changes: Any) -> World:
    """The collection of the server mlflow."""
    args = {
        "namespace": "tracking",
        **OWNED,
        "image": f"{IMAGE}/mlflow:1.0",
        "database": DATABASE,
        **changes,
    }

    def program() -> Any:
        made = stanchion.TrackingGarbageCollection(
            "garbage", cast("stanchion.TrackingGarbageCollectionArgs", args)
        )
        return {"job": made.cron_job_name, "namespace": made.namespace}

    return deploy(program, preview=preview)


def pod(world: World) -> Mapping[str, Any]:
    """The pod that collects."""
    found: Mapping[str, Any] = world.object("CronJob")["spec"]["jobTemplate"]["spec"]["template"]
    return found


def container(world: World) -> Mapping[str, Any]:
    (found,) = pod(world)["spec"]["containers"]
    return cast("Mapping[str, Any]", found)


def test_its_objects_are_what_kubernetes_takes() -> None:
    for manifest in garbage().manifests:
        kubernetes_validate.validate(manifest, "1.36", strict=True)


def test_the_images_command_is_the_contract() -> None:
    world = garbage(deleted_days=7)
    assert container(world)["command"] == ["stanchion-mlflow", "gc"]
    told = {variable["name"]: variable["value"] for variable in container(world)["env"]}
    assert told["DELETED_DAYS"] == "7"
    assert told["DB_HOST"] == "database.tracking.svc.cluster.local"
    server = mlflow().exports["url"]
    assert told["TRACKING_URI"] == server, "the name that the server answers to"


def test_passwords_are_files_and_the_databases_administrators_is_not_among_them() -> None:
    (volume,) = [v for v in pod(garbage())["spec"]["volumes"] if v["name"] == "secrets"]
    sources = {source["secret"]["name"] for source in volume["projected"]["sources"]}
    assert sources == {"mlflow-database-server", "mlflow-admin"}
    assert {"name": "secrets", "mountPath": "/run/secrets/stanchion", "readOnly": True} in (
        container(garbage())["volumeMounts"]
    )


def test_it_has_an_account_of_its_own_without_rights_in_the_cloud() -> None:
    world = garbage()
    account = world.object("ServiceAccount")["metadata"]
    assert account["name"] == pod(world)["spec"]["serviceAccountName"] == "mlflow-gc"
    assert "annotations" not in account


def test_it_reaches_the_database_and_the_server_alone_and_nobody_reaches_it() -> None:
    world = garbage()
    spec = world.object("NetworkPolicy")["spec"]
    assert "ingress" not in spec
    dns, database, server = spec["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert [port["port"] for port in database["ports"]] == [5432]
    assert [port["port"] for port in server["ports"]] == [5000]
    (peer,) = server["to"]
    served = mlflow().object("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert peer["podSelector"]["matchLabels"].items() <= served.items()
    assert spec["podSelector"]["matchLabels"].items() <= pod(world)["metadata"]["labels"].items()


def test_a_databases_policy_for_mlflow_admits_it() -> None:
    assert stanchion.mlflow_pod_labels().items() <= pod(garbage())["metadata"]["labels"].items()


def test_it_runs_once_a_day_and_one_at_a_time() -> None:
    spec = garbage().object("CronJob")["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("47 3 * * *", "Etc/UTC")
    assert spec["concurrencyPolicy"] == "Forbid"


def test_a_preview_knows_its_name() -> None:
    assert garbage(preview=True).exports == {"job": "mlflow-gc", "namespace": "tracking"}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"deleted_days": 0}, "deleted_days: 0 is out of range; write 1 to 3650"),
        ({"schedule": "daily"}, "schedule: 'daily' is no schedule; write five fields"),
        ({"image": "mlflow:latest"}, "image: 'mlflow:latest' names no version"),
        ({"database": {**DATABASE, "cidr": "10.0.0.0/8"}}, "database.cidr: is given beside"),
        ({"keep_days": 3}, "keep_days: is no argument"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError) as error:
        garbage(**wrong)
    assert told in str(error.value)
