"""What users deleted from the tracking server, gone for good after a while."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, network, pods
from stanchion.checks import Checks
from stanchion.children import once_made
from stanchion.names import service_host
from stanchion.pods import ContainerResources, check_resources
from stanchion.tracking import _pods, _scheduled, _walls
from stanchion.tracking.arguments import MlflowDatabase, check_access

SCHEDULE = "47 3 * * *"
DELETED_DAYS = 30
DEFAULT_RESOURCES: ContainerResources = {"cpu": "100m", "cpu_limit": "1", "memory": "1Gi"}


class TrackingGarbageCollectionArgs(TypedDict):
    """Arguments of `TrackingGarbageCollection`."""

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
    service_name: NotRequired[str]
    """The server's own `service_name`. Default: mlflow."""
    schedule: NotRequired[str]
    """When, in cron's five fields and UTC. Default: 47 3 * * *, daily at 03:47."""
    deleted_days: NotRequired[int]
    """Days for which what was deleted can be restored: 1 to 3650. Default: 30."""
    resources: NotRequired[ContainerResources]
    """CPU, memory and disk. Default: 100m up to 1 core, 1Gi."""
    priority_class: NotRequired[str]
    """PriorityClass of its pods. Default: none."""


class TrackingGarbageCollection(pulumi.ComponentResource):
    """A CronJob that takes what was deleted in an `MlflowServer` long ago, with its artifacts.

    Runs, models and experiments that users deleted are only marked, and can be restored for as
    long as `deleted_days` says. A run or model that a version in the registry comes from stays,
    and so does its experiment. Rows go by the rights that the server's role has in the database;
    artifacts go through the server, as its administrator: the job itself has no right to the
    store and no identity in the cloud.

    It deliberately deletes no registered models, no old versions in a bucket, which have a
    lifetime there, and nothing that no user has deleted.
    """

    cron_job_name: pulumi.Output[str]
    """Name of the CronJob, for a collection out of turn."""
    namespace: pulumi.Output[str]
    """Namespace of its objects."""

    def __init__(
        self,
        name: str,
        args: TrackingGarbageCollectionArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        args = checked(name, args)
        super().__init__("stanchion:index:TrackingGarbageCollection", name, {}, opts)
        service = _scheduled.server_of(args)
        server = network.peer(args["namespace"], labels.selector("mlflow", service, "server"))
        resources = args.get("resources", DEFAULT_RESOURCES)
        job = _scheduled.cron_job(
            self,
            name,
            "gc",
            args,
            opts,
            container=_container(service, args, resources),
            volumes=[
                pods.scratch_volume(pods.scratch_size(resources)),
                pods.secret_files(
                    {
                        "database-server": (f"{service}-{_pods.DATABASE_SERVER}", ("password",)),
                        "mlflow-admin": (f"{service}-{_pods.ADMIN}", _pods.LOGIN),
                    }
                ),
            ],
            allow=[*_walls.way_out(args["database"]), network.egress([server], _pods.PORT)],
            schedule=args.get("schedule", SCHEDULE),
            priority_class=args.get("priority_class"),
        )
        self.cron_job_name = once_made(f"{service}-gc", job)
        self.namespace = pulumi.Output.from_input(args["namespace"])
        self.register_outputs({"cronJobName": self.cron_job_name, "namespace": self.namespace})


def checked(name: str, args: TrackingGarbageCollectionArgs) -> TrackingGarbageCollectionArgs:
    """The arguments, held to their types and bounds.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("TrackingGarbageCollection", name)
    args = check.arguments(TrackingGarbageCollectionArgs, args)
    _scheduled.check_common(check, args)
    check.between("deleted_days", args.get("deleted_days", DELETED_DAYS), 1, 3650)
    check_resources(check, "resources", args.get("resources", DEFAULT_RESOURCES))
    check_access(check, args["database"], annotated=False, cloud_access=False)
    _scheduled.check_schedule(check, args.get("schedule", SCHEDULE))
    check.done()
    return args


def _container(
    service: str, args: TrackingGarbageCollectionArgs, resources: ContainerResources
) -> k8s.core.v1.ContainerArgs:
    address = pulumi.Output.from_input(args["namespace"]).apply(
        lambda inside: f"http://{service_host(service, inside)}:{_pods.PORT}"
    )
    return k8s.core.v1.ContainerArgs(
        name="gc",
        image=args["image"],
        image_pull_policy="IfNotPresent",
        command=["stanchion-mlflow", "gc"],
        env=pods.environment(
            {
                **_pods.database_environment(args["database"]),
                "TRACKING_URI": address,
                "DELETED_DAYS": str(args.get("deleted_days", DELETED_DAYS)),
            }
        ),
        resources=pods.requirements(resources),
        security_context=pods.container_security(),
        volume_mounts=[pods.scratch_mount(), pods.secrets_mount()],
    )
