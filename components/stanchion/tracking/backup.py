"""Scheduled backups of the tracking server's databases."""

import re
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from stanchion import monitoring, pods
from stanchion.checks import Checks
from stanchion.children import child_options, once_made
from stanchion.foundation.artifact_store.contract import mount_path
from stanchion.labels import metadata
from stanchion.monitoring.dashboards.mlflow import MLFLOW
from stanchion.monitoring.links import check_links
from stanchion.pods import ContainerResources, check_resources
from stanchion.tracking import _pods, _scheduled, _walls
from stanchion.tracking.arguments import MlflowDatabase, check_access

SCHEDULE = "17 2 * * *"
KEEP_DAYS = 30
BACKUPS = "backups"
"""Purpose of the `ArtifactStore` that backups are written to."""
_PART = "backup"
DEFAULT_RESOURCES: ContainerResources = {
    "cpu": "100m",
    "cpu_limit": "1",
    "memory": "1Gi",
    "ephemeral_storage": "4Gi",
}
_STORE = re.compile(r"(s3|gs)://[a-z0-9][a-z0-9._-]+(/\S*)?|file:///\S+")


class TrackingBackupArgs(TypedDict):
    """Arguments of `TrackingBackup`."""

    namespace: pulumi.Input[str]
    """Namespace of all its objects: the tracking server's own."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    image: str
    """The platform's MLflow image, with a tag or digest: the server's own."""
    database: MlflowDatabase
    """The database, as the server is given it."""
    destination: pulumi.Input[str]
    """Store of the backups: s3://BUCKET/PATH, gs://BUCKET/PATH or file:///PATH. Never the
    server's store of artifacts: its users could read the hashes of passwords there."""
    service_name: NotRequired[str]
    """The server's own `service_name`. Default: mlflow."""
    schedule: NotRequired[str]
    """When, in cron's five fields and UTC. Default: 17 2 * * *, daily at 02:17."""
    keep_days: NotRequired[int]
    """Days after which a backup is deleted, the newest aside: 1 to 3650. Default: 30."""
    volume_claim_name: NotRequired[pulumi.Input[str]]
    """Claim to mount at /var/lib/mlflow/backups, where the store is a volume. Default: none."""
    cloud_access: NotRequired[bool]
    """Whether it may fetch credentials of its service account from the node it runs on and
    reach the cloud's public services by HTTPS, as a bucket needs. Default: false."""
    service_account_annotations: NotRequired[pulumi.Input[dict[str, str]]]
    """Annotations that give its service account, SERVICE_NAME-backup, an identity in the cloud:
    `WorkloadIdentity`'s output `annotations`. Default: none."""
    resources: NotRequired[ContainerResources]
    """CPU, memory and disk; a table must fit onto the disk beside the whole backup. Default:
    100m up to 1 core, 1Gi, 4Gi of disk."""
    priority_class: NotRequired[str]
    """PriorityClass of its pods. Default: none."""
    monitoring: NotRequired[bool]
    """Whether Prometheus Operator is there: then there are alerts of backups that fail or are late.
    Default: false."""
    runbooks: NotRequired[str]
    """Folder of the repository, or address by HTTPS, that has the alerts' runbooks, one
    `<alert>.md` each. Default: docs/runbooks."""
    grafana_url: NotRequired[str]
    """Address of Grafana, by HTTPS, before the dashboard that an alert names. Default: none; then
    the alert has what follows it alone."""


class TrackingBackup(pulumi.ComponentResource):
    """A CronJob that writes both databases of an `MlflowServer` to a store of backups.

    It reads as the server does and never as the administrator. A backup is independent of
    PostgreSQL's release and of the cloud: one file, restored by the image's `restore` into
    databases that its migration has made. It stands beside a managed database's own backups,
    which go with their account and restore nowhere else. With `monitoring` its owner hears of
    backups that fail or are late.

    It deliberately copies no artifacts, whose store keeps versions, and restores nothing.
    """

    cron_job_name: pulumi.Output[str]
    """Name of the CronJob, for a backup out of turn."""
    namespace: pulumi.Output[str]
    """Namespace of its objects."""

    def __init__(
        self, name: str, args: TrackingBackupArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = checked(name, args)
        super().__init__("stanchion:index:TrackingBackup", name, {}, opts)
        service = _scheduled.server_of(args)
        called = f"{service}-{_PART}"
        container, volumes = _container(service, args)
        job = _scheduled.cron_job(
            self,
            name,
            _PART,
            args,
            opts,
            container=container,
            volumes=volumes,
            allow=_walls.way_out(args["database"], cloud_access=args.get("cloud_access", False)),
            schedule=args.get("schedule", SCHEDULE),
            annotations=args.get("service_account_annotations"),
            priority_class=args.get("priority_class"),
        )
        if args.get("monitoring", False):
            _watch(name, called, args, child_options(self, opts))
        self.cron_job_name = once_made(called, job)
        self.namespace = pulumi.Output.from_input(args["namespace"])
        self.register_outputs({"cronJobName": self.cron_job_name, "namespace": self.namespace})


def checked(name: str, args: TrackingBackupArgs) -> TrackingBackupArgs:
    """The arguments, held to their types and bounds.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("TrackingBackup", name)
    args = check.arguments(TrackingBackupArgs, args)
    check_links(check, args.get("runbooks"), args.get("grafana_url"))
    _scheduled.check_common(check, args)
    check.between("keep_days", args.get("keep_days", KEEP_DAYS), 1, 3650)
    check_resources(check, "resources", args.get("resources", DEFAULT_RESOURCES))
    check_access(
        check,
        args["database"],
        annotated="service_account_annotations" in args,
        cloud_access=args.get("cloud_access", False),
    )
    _scheduled.check_schedule(check, args.get("schedule", SCHEDULE))
    destination = args["destination"]
    if isinstance(destination, str):
        if not _STORE.fullmatch(destination):
            check.refuse(
                "destination",
                f"'{destination}' is no store",
                "write s3://BUCKET/PATH, gs://BUCKET/PATH or file:///PATH",
            )
        elif destination.startswith("file:") and "volume_claim_name" not in args:
            check.refuse(
                "destination",
                "is a folder, but there is no volume_claim_name, so backups would go with the pod",
                "name a claim, or write a bucket",
            )
    check.done()
    return args


def _container(
    service: str, args: TrackingBackupArgs
) -> tuple[k8s.core.v1.ContainerArgs, list[k8s.core.v1.VolumeArgs]]:
    """What runs, and what it mounts."""
    resources = args.get("resources", DEFAULT_RESOURCES)
    volumes = [
        pods.scratch_volume(pods.scratch_size(resources)),
        pods.secret_files(
            {"database-server": (f"{service}-{_pods.DATABASE_SERVER}", ("password",))}
        ),
    ]
    mounts = [pods.scratch_mount(), pods.secrets_mount()]
    if "volume_claim_name" in args:
        volumes.append(pods.claim_volume("backups", args["volume_claim_name"]))
        mounts.append(k8s.core.v1.VolumeMountArgs(name="backups", mount_path=mount_path(BACKUPS)))
    container = k8s.core.v1.ContainerArgs(
        name="backup",
        image=args["image"],
        image_pull_policy="IfNotPresent",
        command=["stanchion-mlflow", "backup"],
        env=pods.environment(
            {
                **_pods.database_environment(args["database"]),
                "BACKUP_DESTINATION": args["destination"],
                "BACKUP_DAYS": str(args.get("keep_days", KEEP_DAYS)),
            }
        ),
        resources=pods.requirements(resources),
        security_context=pods.container_security(),
        volume_mounts=mounts,
    )
    return container, volumes


def _watch(name: str, called: str, args: TrackingBackupArgs, opts: pulumi.ResourceOptions) -> None:
    monitoring.prometheus_rule(
        f"{name}-rules",
        metadata(called, args["namespace"], _scheduled.labels_of(args, _PART)),
        lambda inside: monitoring.backup_rules(
            monitoring.Watched(
                called,
                inside,
                tenant="",
                owner=args["owner"],
                runbooks=args.get("runbooks", monitoring.RUNBOOKS),
                grafana=args.get("grafana_url", ""),
                dashboard=MLFLOW.path(),
            ),
            args.get("schedule", SCHEDULE),
            _scheduled.RUN_SECONDS,
        ),
        args["namespace"],
        opts,
    )
