"""A restore: its Jobs as they are rendered, and the server's stop and start around them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from stanchion_cli import preview
from stanchion_cli.deploy import readiness
from stanchion_cli.deploy.api import Api, Ref
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.render import objects
from stanchion_cli.tracking import Backup, back_up, choose, jobs, listed, restore, server

ROOT = Path(__file__).parents[3]
REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
"""How Kubernetes notes who declares them."""
SERVER = Ref("apps/v1", "Deployment", "tracking", "mlflow")
NAMES = [f"tracking-2026112{day}T021700Z.tar.gz" for day in range(3)]
FOUND = [Backup.of({"name": name, "bytes": 1000}) for name in NAMES]


@pytest.fixture(scope="module")
def local() -> preview.Preview:
    return preview.run("local", root=ROOT, policies=False)


@pytest.fixture(scope="module")
def where(local: preview.Preview) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", local.outputs["tracking"])


class Cluster:
    """A cluster in memory with what `local` declares, where Jobs end as they are told to."""

    def __init__(self, local: preview.Preview) -> None:
        self.objects = {
            Ref.of(each.manifest): deepcopy(dict(each.manifest)) for each in objects(local)
        }
        self.happened: list[str] = []
        self.ran: dict[str, dict[str, Any]] = {}
        self.fails: dict[str, str] = {}
        for ref, found in self.objects.items():
            found["metadata"]["creationTimestamp"] = "2026-11-20T00:00:00Z"
            if ref.kind == "Job":
                ids = {"batch.kubernetes.io/controller-uid": "x", "job-name": ref.name}
                found["spec"]["template"]["metadata"]["labels"] |= ids
        self.server["metadata"]["generation"] = 1
        self.server["metadata"]["managedFields"] = [{"manager": "pulumi", "fieldsV1": REPLICAS}]

    @property
    def server(self) -> dict[str, Any]:
        return self.objects[SERVER]

    @property
    def replicas(self) -> int:
        return int(self.server["spec"]["replicas"])

    def get(self, ref: Ref) -> dict[str, Any] | None:
        found = self.objects.get(ref)
        if found is not None and ref == SERVER:
            counts = dict.fromkeys(
                ("replicas", "updatedReplicas", "availableReplicas"), self.replicas
            )
            found["status"] = {"observedGeneration": 1, **counts}
        return found

    def list(
        self, _: str, kind: str, *, namespace: str = "", selector: str = ""
    ) -> Iterator[dict[str, Any]]:
        wanted = dict(each.split("=") for each in selector.split(","))
        if kind == "Pod":
            name = wanted.get("batch.kubernetes.io/job-name")
            ended = {"metadata": {"name": f"{name}-pod"}, "status": {"phase": "Succeeded"}}
            yield from [ended] if name else [{}] * self.replicas
            return
        for ref, found in self.objects.items():
            labels = found["metadata"].get("labels", {}).items()
            if (ref.kind, ref.namespace) == (kind, namespace) and wanted.items() <= labels:
                yield found

    def apply(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        kubernetes_validate.validate(manifest, "1.36", strict=True)
        ref, made = Ref.of(manifest), deepcopy(dict(manifest))
        failure = self.fails.get(ref.name)
        kind, message = ("Failed", failure) if failure else ("Complete", "")
        made["status"] = {"conditions": [{"type": kind, "status": "True", "message": message}]}
        self.objects[ref] = self.ran[ref.name] = made
        self.happened.append(f"{ref.name} beside {self.replicas}")
        return made

    def patch(self, ref: Ref, change: Mapping[str, Any], *, manager: str) -> None:
        assert ref == SERVER
        metadata = self.server["metadata"]
        if "spec" in change:
            self.server["spec"].update(change["spec"])
            self.happened.append(f"{self.replicas} replicas")
            metadata["managedFields"] = [
                {"manager": "pulumi"},
                {"manager": manager, "fieldsV1": REPLICAS},
            ]
            metadata.setdefault("annotations", {}).update(change["metadata"]["annotations"])
        else:
            metadata.update(change["metadata"])

    def delete(self, ref: Ref) -> None:
        self.objects.pop(ref, None)

    def logs(self, _: str, pod: str, container: str, **__: Any) -> str:
        assert container == ("migrate" if "migration" in pod else "backup")
        found = [{"name": name, "bytes": 1000} for name in NAMES]
        return "a line of the log\n" + json.dumps({"backups": found})

    def environment(self, job: str) -> dict[str, str]:
        (container,) = self.ran[job]["spec"]["template"]["spec"]["containers"]
        return {each["name"]: each["value"] for each in container["env"]}

    def pod(self, job: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ran[job]["spec"]["template"]["spec"]
        return found


@pytest.fixture
def cluster(local: preview.Preview, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(readiness, "diagnosis", lambda *_: "")
    return Cluster(local)


def put_back(cluster: Cluster, where: Mapping[str, Any], **changes: bool) -> None:
    options = {"stop_server": True, "overwrite": False, **changes}
    restore(cast("Api", cluster), where, FOUND[1], **options)


def test_the_server_is_stopped_before_and_started_after(
    cluster: Cluster, where: Mapping[str, Any]
) -> None:
    put_back(cluster, where)
    assert cluster.happened == [
        "0 replicas",
        "mlflow-backup-restore beside 0",
        "mlflow-migration-of-restore beside 0",
        "1 replicas",
    ]


def test_a_server_that_runs_is_not_stopped_unasked(
    cluster: Cluster, where: Mapping[str, Any]
) -> None:
    with pytest.raises(StanchionError, match=r"runs with 1 replicas.*--stop-server"):
        put_back(cluster, where, stop_server=False)
    assert cluster.happened == []
    cluster.server["spec"]["replicas"] = 0
    put_back(cluster, where, stop_server=False)
    assert cluster.replicas == 0, "one that nobody runs is not started"


def test_a_server_comes_back_from_a_restore_that_fails(
    cluster: Cluster, where: Mapping[str, Any]
) -> None:
    cluster.fails["mlflow-backup-restore"] = "it is damaged"
    with pytest.raises(StanchionError, match="it is damaged"):
        put_back(cluster, where)
    assert cluster.happened[-2:] == ["mlflow-backup-restore beside 0", "1 replicas"]


def test_an_interrupted_restore_is_made_good_by_the_next(
    cluster: Cluster, where: Mapping[str, Any]
) -> None:
    cluster.server["spec"]["replicas"] = 0
    cluster.server["metadata"]["annotations"] = {server.REPLICAS: "2"}
    put_back(cluster, where, stop_server=False)
    assert cluster.replicas == 2
    assert cluster.server["metadata"]["annotations"][server.REPLICAS] is None


def test_the_replicas_are_left_to_who_declares_them(
    cluster: Cluster, where: Mapping[str, Any]
) -> None:
    put_back(cluster, where)
    owners = cluster.server["metadata"]["managedFields"]
    assert owners == [{"manager": "pulumi", "fieldsV1": REPLICAS}]


def test_a_restore_is_the_backups_pod_with_the_migrations_secrets(
    cluster: Cluster, where: Mapping[str, Any]
) -> None:
    put_back(cluster, where)
    (container,) = cluster.pod("mlflow-backup-restore")["containers"]
    assert container["command"] == ["stanchion-mlflow", "restore"]
    (volume,) = [
        v for v in cluster.pod("mlflow-backup-restore")["volumes"] if v["name"] == "secrets"
    ]
    files = {i["path"] for s in volume["projected"]["sources"] for i in s["secret"]["items"]}
    assert {"database-admin/username", "database-admin/password"} <= files
    told = cluster.environment("mlflow-backup-restore")
    assert told["BACKUP_NAME"] == NAMES[1]
    assert told["BACKUP_DESTINATION"] == "file:///var/lib/mlflow/backups"
    assert told["OVERWRITE"] == "false"
    assert not any("PASSWORD" in name for name in told)


def test_only_the_consent_given_lets_go_of_runs(cluster: Cluster, where: Mapping[str, Any]) -> None:
    put_back(cluster, where, overwrite=True)
    assert cluster.environment("mlflow-backup-restore")["OVERWRITE"] == "true"
    cluster.fails["mlflow-backup-restore"] = "the database holds runs; OVERWRITE=true lets go"
    with pytest.raises(StanchionError, match=r"nothing changed.*then add --overwrite"):
        put_back(cluster, where)


def test_a_migration_that_fails_tells_what_is_restored(
    cluster: Cluster, where: Mapping[str, Any]
) -> None:
    cluster.fails["mlflow-migration-of-restore"] = "no connection"
    with pytest.raises(StanchionError, match="is restored, but users have the passwords"):
        put_back(cluster, where)
    assert cluster.replicas == 1


def test_jobs_are_under_the_policies_of_their_originals(
    cluster: Cluster, where: Mapping[str, Any]
) -> None:
    put_back(cluster, where)
    policies = [
        o["spec"]["podSelector"] for r, o in cluster.objects.items() if r.kind == "NetworkPolicy"
    ]
    for name, job in cluster.ran.items():
        carried = job["spec"]["template"]["metadata"]["labels"]
        assert not any(key.endswith(("controller-uid", "job-name")) for key in carried)
        chosen = [p["matchLabels"] for p in policies if p.get("matchLabels")]
        assert any(labels.items() <= carried.items() for labels in chosen), name


def test_nothing_is_left_behind(cluster: Cluster, where: Mapping[str, Any]) -> None:
    before = set(cluster.objects)
    listed(cast("Api", cluster), where)
    back_up(cast("Api", cluster), where)
    put_back(cluster, where)
    assert set(cluster.objects) == before
    assert len(cluster.ran) == 4


def test_backups_are_listed_by_the_image(cluster: Cluster, where: Mapping[str, Any]) -> None:
    assert listed(cast("Api", cluster), where) == FOUND
    (container,) = cluster.pod("mlflow-backup-list")["containers"]
    assert container["command"] == ["stanchion-mlflow", "backups"]


def test_without_a_scheduled_backup_there_is_nothing_to_restore(
    cluster: Cluster, where: Mapping[str, Any]
) -> None:
    cluster.delete(Ref("batch/v1", "CronJob", "tracking", where["backupJob"]))
    with pytest.raises(StanchionError, match="does not exist yet; bring the platform up"):
        jobs.of_restore(cast("Api", cluster), where, NAMES[0], overwrite=False)


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ({}, 2),
        ({"name": NAMES[0]}, 0),
        ({"at": "2026-11-21T02:17:00"}, 1),
        ({"at": "2026-11-22T02:16:59Z"}, 1),
        ({"at": "2026-11-22T04:17+02:00"}, 2),
        ({"at": "2027-01-01"}, 2),
    ],
)
def test_the_backup_that_is_meant_is_chosen(asked: dict[str, str], chosen: int) -> None:
    assert choose(FOUND, **asked) == FOUND[chosen]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"name": "x"}, f"--backup: there is no backup x; the newest are: {NAMES[0]}"),
        ({"at": "2026-11-20T02:16"}, "--at: no backup is as old as 2026-11-20 02:16:00 UTC"),
        ({"at": "yesterday"}, "--at: 'yesterday' is no time; write it as"),
        ({"at": "2027-01-01", "name": NAMES[0]}, "--at and --backup: exclude each other"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(asked: dict[str, str], told: str) -> None:
    with pytest.raises(InputError) as error:
        choose(FOUND, **asked)
    assert told in str(error.value)


def test_an_empty_store_is_told_as_such() -> None:
    for asked in ({}, {"at": "2027-01-01"}):
        with pytest.raises(InputError, match="none"):
            choose([], **asked)
