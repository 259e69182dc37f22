"""Jobs beside MLflow, made from those that its component has put into the cluster.

So they run the very image that runs there, with its settings, network reach and Secrets, and no
value of a Secret passes through this machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from stanchion_cli.deploy.api import Api, Ref
from stanchion_cli.errors import StanchionError

SECONDS = 3600
"""After which a Job is given up."""
_SECRETS = "secrets"
_OF_ITS_JOB = ("controller-uid", "job-name")
_MIGRATION = "app.kubernetes.io/component=migration"
_INSTANCE = "app.kubernetes.io/instance"


def of_backup(
    api: Api, tracking: Mapping[str, Any], suffix: str, command: Sequence[str]
) -> dict[str, Any]:
    """A Job as the scheduled backup's, that runs `command` instead.

    Raises:
        StanchionError: when the environment has no scheduled backup.
    """
    ref = Ref("batch/v1", "CronJob", tracking["namespace"], tracking["backupJob"])
    live = api.get(ref)
    if live is None:
        raise StanchionError(
            "does not exist yet", where=str(ref), fix="bring the platform up with `stanchion up`"
        )
    job = _job(ref, suffix, live["spec"]["jobTemplate"]["spec"]["template"])
    _container(job)["command"] = list(command)
    return job


def of_restore(
    api: Api, tracking: Mapping[str, Any], name: str, *, overwrite: bool
) -> dict[str, Any]:
    """A Job that restores one backup: the backup's, with the Secrets of the migration's.

    Raises:
        StanchionError: when there is no scheduled backup, or no migration has run.
    """
    job = of_backup(api, tracking, "restore", ("stanchion-mlflow", "restore"))
    told = {"BACKUP_NAME": name, "OVERWRITE": "true" if overwrite else "false"}
    _tell(job, told)
    migration = _live_migration(api, tracking)["spec"]["template"]["spec"]
    (secrets,) = [each for each in migration["volumes"] if each["name"] == _SECRETS]
    pod = job["spec"]["template"]["spec"]
    pod["volumes"] = [
        deepcopy(secrets) if each["name"] == _SECRETS else each for each in pod["volumes"]
    ]
    return job


def of_migration(api: Api, tracking: Mapping[str, Any]) -> dict[str, Any]:
    """The migration once more, under another name.

    Raises:
        StanchionError: when none has run.
    """
    live = _live_migration(api, tracking)
    ref = Ref("batch/v1", "Job", tracking["namespace"], tracking["service"])
    return _job(ref, "migration-of-restore", live["spec"]["template"])


def _live_migration(api: Api, tracking: Mapping[str, Any]) -> dict[str, Any]:
    """The newest: an update of the image leaves two for a while."""
    selector = f"{_MIGRATION},{_INSTANCE}={tracking['service']}"
    jobs = api.list("batch/v1", "Job", namespace=tracking["namespace"], selector=selector)
    made = [job for job in jobs if not job["metadata"]["name"].endswith("-of-restore")]
    if not made:
        raise StanchionError(
            "has no finished migration, so there are no databases to restore into",
            where=f"MLflow in {tracking['namespace']}",
            fix="bring the platform up with `stanchion up`",
        )
    return max(made, key=lambda job: str(job["metadata"]["creationTimestamp"]))


def _job(like: Ref, suffix: str, template: Mapping[str, Any]) -> dict[str, Any]:
    labels = {
        key: value
        for key, value in template["metadata"]["labels"].items()
        if key.rpartition("/")[2] not in _OF_ITS_JOB
    }
    metadata = {
        "labels": labels,
        "annotations": dict(template["metadata"].get("annotations") or {}),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{like.name}-{suffix}",
            "namespace": like.namespace,
            "labels": {**labels, "app.kubernetes.io/managed-by": "stanchion"},
        },
        "spec": {
            # A second try would find the first one's traces, or hide why it failed.
            "backoffLimit": 0,
            "activeDeadlineSeconds": SECONDS,
            "ttlSecondsAfterFinished": SECONDS,
            "template": {"metadata": metadata, "spec": deepcopy(template["spec"])},
        },
    }


def _tell(job: Mapping[str, Any], told: Mapping[str, str]) -> None:
    container = _container(job)
    others = [each for each in container.get("env") or [] if each["name"] not in told]
    container["env"] = [*others, *({"name": key, "value": told[key]} for key in told)]


def _container(job: Mapping[str, Any]) -> dict[str, Any]:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container
    return found
