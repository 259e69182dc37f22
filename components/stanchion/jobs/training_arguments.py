"""What `TrainingJob` takes, checked."""

import re
from typing import NotRequired, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.folders import check_folder, in_bucket
from stanchion.jobs._parts import check_queue
from stanchion.jobs.ray_arguments import RayCluster, check_ray
from stanchion.monitoring.links import check_links
from stanchion.owned import check_owned
from stanchion.placement import Placement, check_gpus, check_together
from stanchion.pods import ContainerResources, check_resources
from stanchion.schedules import is_schedule
from stanchion.tracking.access import TrackingAccess

DEFAULT_RESOURCES: ContainerResources = {"cpu": "1", "cpu_limit": "2", "memory": "4Gi"}
DEFAULT_RETRIES = 3
DEFAULT_DEADLINE_SECONDS = 24 * 60 * 60
DEFAULT_KEPT_RUNS = 3
CODE = "/opt/training"
"""Where the files of `code` are, and the folder that the command starts in."""
_MOST_CODE = 900 * 1024
"""Bytes of all files: a ConfigMap has room for 1 MiB."""
_LONGEST_NAME_OF_MANY = 22
"""A node's host name holds the name twice, and is a label too: 63 characters."""
_CODE_FILE = re.compile(r"[A-Za-z0-9_][-A-Za-z0-9_.]*")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class TrainingData(TypedDict):
    """The data set, a folder."""

    location: str
    """s3://BUCKET/PATH, gs://BUCKET/PATH or file:///data/PATH. Buckets are copied to the pod's
    temporary files before the training begins."""
    digest: NotRequired[str]
    """sha256: and 64 hexadecimal digits; other data are refused before anything is trained.
    Default: whatever is there is trained on, and its digest is logged."""
    version: NotRequired[str]
    """What people call this state of it, as 2026-11. Default: nothing."""


class TrainingJobArgs(TypedDict):
    """Arguments of `TrainingJob`."""

    namespace: pulumi.Input[str]
    """Namespace of all its objects."""
    tenant: str
    """Tenant it belongs to; becomes a label."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    image: str
    """The platform's model-server image or one derived from it, with a tag or digest: models are
    trained with the packages that serve them."""
    command: list[str]
    """What a pod runs, as [python, train.py]. `$(NAME)` stands for an environment variable."""
    model_name: str
    """The registered model that it makes versions of; also names the MLflow experiment."""
    code_version: str
    """Git commit or tree of the training code, 7 to 64 hexadecimal digits; becomes a label."""
    data: TrainingData
    """What it trains on."""
    tracking: TrackingAccess
    """Where runs and versions go."""
    service_name: NotRequired[str]
    """Name of its objects. Default: the resource's."""
    code: NotRequired[dict[str, str]]
    """Text files by name, 900 KiB in all, that the command finds in /opt/training, where it
    starts. Default: none, the code is in the image."""
    seed: NotRequired[int]
    """Where every random number begins, 0 to 4294967295. Default: 0."""
    schedule: NotRequired[str]
    """When a CronJob trains, in cron's five fields and UTC. Default: never; a Job trains once."""
    on_demand: NotRequired[bool]
    """Whether there is a CronJob without `schedule` too, which trains when it is asked: by a
    `RetrainingTrigger` or `kubectl create job --from`. Default: false."""
    kept_runs: NotRequired[int]
    """Runs of a CronJob that are over and can be looked at, of those that went well and of those
    that failed, 1 to 100. Default: 3."""
    checkpoints: NotRequired[str]
    """Folder for checkpoints, as `data.location`, apart from the data. Default: none, an
    interrupted training begins anew."""
    retries: NotRequired[int]
    """How often a training that fails is tried again, 0 to 100; an eviction or a lost node is no
    failure. Default: 3."""
    queue: NotRequired[str]
    """Kueue's LocalQueue in the namespace that admits the pods. Default: none, they start at once.
    """
    queue_priority: NotRequired[str]
    """Kueue's WorkloadPriorityClass: what it is next to other jobs that wait, and whether it gives
    way to them; `JobQueues` makes training, batch and online. Goes with `queue`. Default: none."""
    deadline_seconds: NotRequired[int]
    """Longest time with all tries, 60 to 2592000; of each try where there are several nodes, or
    Ray. Default: 86400."""
    ray: NotRequired[RayCluster]
    """A cluster of Ray in which the command trains, for data that outgrow one pod: a RayJob, whose
    controller KubeRay must be in the cluster. Default: none."""
    nodes: NotRequired[int]
    """Pods that train together, 1 to 512. More than one are a JobSet, whose controller must be
    in the cluster, and have NODES, NODE_RANK and MASTER_ADDR. Default: 1."""
    resources: NotRequired[ContainerResources]
    """CPU and memory of a pod, of each worker where there is `ray`. Default: 1 to 2 cores, 4Gi."""
    placement: NotRequired[Placement]
    """Pool of nodes it runs on: the output `placement` of `GpuPool`. Default: nodes of no pool."""
    gpus: NotRequired[int]
    """GPUs of a pod, or slices of them where the pool shares them; needs `placement`. Default: 0.
    """
    volume_claim_name: NotRequired[pulumi.Input[str]]
    """PersistentVolumeClaim of the namespace, mounted at /data. Default: none."""
    service_account_annotations: NotRequired[pulumi.Input[dict[str, str]]]
    """Annotations that give its service account an identity in the cloud: `WorkloadIdentity`'s
    output `annotations`. Default: none."""
    priority_class: NotRequired[str]
    """PriorityClass of its pods. Default: none."""
    monitoring: NotRequired[bool]
    """Whether Prometheus Operator is there: then there are alerts of runs that fail or are late,
    those with `ray` excepted. Default: false."""
    runbooks: NotRequired[str]
    """Folder of the repository, or address by HTTPS, that has the alerts' runbooks, one
    `<alert>.md` each. Default: docs/runbooks."""
    grafana_url: NotRequired[str]
    """Address of Grafana, by HTTPS, before the dashboard that an alert names. Default: none; then
    the alert has what follows it alone."""


def checked(name: str, args: TrainingJobArgs) -> TrainingJobArgs:
    """The arguments, held to their types and bounds.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("TrainingJob", name)
    args = check.arguments(TrainingJobArgs, args)
    check_links(check, args.get("runbooks"), args.get("grafana_url"))
    check_owned(check, name, args)
    check_resources(check, "resources", args.get("resources", DEFAULT_RESOURCES))
    fits = check_gpus(check, args.get("gpus", 0), args.get("placement"))
    for field, number, low, high in (
        ("seed", args.get("seed", 0), 0, 2**32 - 1),
        ("retries", args.get("retries", DEFAULT_RETRIES), 0, 100),
        ("deadline_seconds", deadline_seconds(args), 60, 30 * 24 * 60 * 60),
        ("nodes", args.get("nodes", 1), 1, 512),
        ("kept_runs", args.get("kept_runs", DEFAULT_KEPT_RUNS), 1, 100),
    ):
        check.between(field, number, low, high)
    check.name("tracking.secret_name", args["tracking"]["secret_name"])
    check_queue(check, args.get("queue"), args.get("queue_priority"))
    if not args["model_name"].strip():
        check.refuse("model_name", "is empty", "write the registered model's name")
    schedule = args.get("schedule")
    if schedule is not None and not is_schedule(schedule):
        check.refuse("schedule", f"'{schedule}' is no schedule", "write five fields, as 17 2 * * *")
    _check_code(check, args)
    _check_places(check, args)
    service = args.get("service_name", name)
    _check_nodes(check, service, args)
    if "ray" in args:
        check_ray(check, service, args["ray"])
    if fits:
        _check_room(check, args)
    check.done()
    return args


def deadline_seconds(args: TrainingJobArgs) -> int:
    """Longest time that it may take."""
    return args.get("deadline_seconds", DEFAULT_DEADLINE_SECONDS)


def repeats(args: TrainingJobArgs) -> bool:
    """Whether a CronJob trains, and no Job or JobSet of its own."""
    return "schedule" in args or args.get("on_demand", False)


def needs_cloud(args: TrainingJobArgs) -> bool:
    """Whether it reads or writes a bucket."""
    return any(map(in_bucket, _places(args).values()))


def _places(args: TrainingJobArgs) -> dict[str, str]:
    places = {"data.location": args["data"]["location"]}
    return {**places, "checkpoints": args["checkpoints"]} if "checkpoints" in args else places


def _check_code(check: Checks, args: TrainingJobArgs) -> None:
    if not args["command"]:
        check.refuse("command", "is empty", "write what to run, as [python, train.py]")
    if not _COMMIT.fullmatch(args["code_version"]):
        check.refuse(
            "code_version",
            f"'{args['code_version']}' is no git commit",
            "write 7 to 64 hexadecimal digits, as `git rev-parse HEAD` prints",
        )
    files = args.get("code", {})
    for file in files:
        if not _CODE_FILE.fullmatch(file):
            check.refuse(
                "code", f"'{file}' is no name of a file", "write letters, digits, '-', '_' and '.'"
            )
    size = sum(len(text.encode()) for text in files.values())
    if size > _MOST_CODE:
        check.refuse(
            "code",
            f"is {size} bytes, and there is room for {_MOST_CODE}",
            "put the code into an image derived from the platform's",
        )


def _check_places(check: Checks, args: TrainingJobArgs) -> None:
    for field, place in _places(args).items():
        check_folder(check, field, place, claimed="volume_claim_name" in args)
    location = args["data"]["location"].rstrip("/")
    if f"{args.get('checkpoints', '').rstrip('/')}/".startswith(f"{location}/"):
        check.refuse(
            "checkpoints",
            "is within data.location, whose digest every checkpoint would change",
            "write another folder",
        )
    digest = args["data"].get("digest")
    if digest is not None and not _DIGEST.fullmatch(digest):
        check.refuse(
            "data.digest", f"'{digest}' is no digest", "write sha256: and 64 hexadecimal digits"
        )


def _check_room(check: Checks, args: TrainingJobArgs) -> None:
    """Of GPUs that go with their pool."""
    field, pods = "nodes", args.get("nodes", 1)
    if "ray" in args:
        field, pods = "ray.workers", args["ray"]["workers"]
    check_together(check, field, pods, args["gpus"], args["placement"])


def _check_nodes(check: Checks, service: str, args: TrainingJobArgs) -> None:
    nodes = args.get("nodes", 1)
    many = "nodes" if nodes > 1 else "ray" if "ray" in args else None
    if many is not None and repeats(args):
        why = "there is a schedule" if "schedule" in args else "on_demand is set"
        told = f"is {nodes}" if many == "nodes" else "is there"
        check.refuse(
            many,
            f"{told}, and {why}: a CronJob makes Jobs and nothing else",
            "remove one of the two",
        )
    if nodes > 1 and "ray" in args:
        check.refuse(
            "nodes",
            f"is {nodes}, and there is ray, which has workers instead",
            "remove one of the two",
        )
    if nodes > 1 and len(service) > _LONGEST_NAME_OF_MANY:
        check.refuse(
            "service_name",
            f"'{service}' makes host names of {nodes} nodes that are too long",
            f"write at most {_LONGEST_NAME_OF_MANY} characters",
        )
