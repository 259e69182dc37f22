"""What `BatchInference` takes, checked."""

from datetime import date
from typing import NotRequired, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.folders import check_folder, in_bucket
from stanchion.jobs._parts import check_queue
from stanchion.monitoring.links import check_links
from stanchion.owned import check_owned
from stanchion.placement import Placement, check_gpus
from stanchion.pods import ContainerResources, check_resources
from stanchion.schedules import is_schedule
from stanchion.serving.arguments import ModelPin, ModelRegistryAccess, check_model

DATE = "{date}"
"""What stands for the day in an address."""
DEFAULT_RESOURCES: ContainerResources = {"cpu": "500m", "cpu_limit": "1", "memory": "1Gi"}
DEFAULT_BATCH_ROWS = 8192
DEFAULT_DEADLINE_SECONDS = 6 * 60 * 60
MOST_INDEXES = 10_000
"""Pods of one Job, of all days and shards."""


class BatchDates(TypedDict):
    """Days to score, both ends included."""

    first: str
    """As 2026-11-01."""
    last: str
    """As 2026-11-07; the same as `first` for one day."""


class BatchInferenceArgs(TypedDict):
    """Arguments of `BatchInference`."""

    namespace: pulumi.Input[str]
    """Namespace of all its objects."""
    tenant: str
    """Tenant it belongs to; becomes a label."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    image: str
    """The platform's model-server image or one derived from it, with a tag or digest: the one
    that serves the model online."""
    model: ModelPin
    """The pinned model."""
    registry: ModelRegistryAccess
    """Where the model comes from."""
    input: str
    """Folder of Parquet files: s3://BUCKET/PATH, gs://BUCKET/PATH or file:///data/PATH. `{date}`
    in it stands for the day, as 2026-11-01."""
    output: str
    """Folder that the answers are written to, likewise; with `{date}` if the input has it."""
    service_name: NotRequired[str]
    """Name of its objects. Default: the resource's."""
    shards: NotRequired[int]
    """Parts that an input is cut into, of each day where there are days: 1 to 10000. Default: 1."""
    parallelism: NotRequired[int]
    """Most parts that are scored at once. Default: 1."""
    schedule: NotRequired[str]
    """When a CronJob scores, in cron's five fields and UTC. Default: never; a Job scores once."""
    days_back: NotRequired[int]
    """How many days before a scheduled run the day lies that it scores, 0 to 366. Default: 1."""
    dates: NotRequired[BatchDates]
    """Days that a Job scores, beside the schedule where there is one: a backfill. Default: none."""
    keep_columns: NotRequired[list[str]]
    """Columns of the input that stand beside the answers, as an id. Default: none."""
    batch_rows: NotRequired[int]
    """Most rows in one call of the model, 1 to 1000000. Default: 8192."""
    refused_share: NotRequired[float]
    """Share of a shard's rows that the model's signature may refuse, 0 to 1; they are written
    apart. Default: 0, the first one fails its shard."""
    queue: NotRequired[str]
    """Kueue's LocalQueue in the namespace that admits the pods. Default: none, they start at once.
    """
    queue_priority: NotRequired[str]
    """Kueue's WorkloadPriorityClass: what it is next to other jobs that wait, and whether it gives
    way to them; `JobQueues` makes training, batch and online. Goes with `queue`. Default: none."""
    deadline_seconds: NotRequired[int]
    """Longest time for all parts together, 60 to 1209600. Default: 21600."""
    resources: NotRequired[ContainerResources]
    """CPU and memory of a pod. Default: 500m up to 1 core, 1Gi."""
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
    """Whether Prometheus Operator is there: then there are alerts of runs that fail or are late.
    Default: false."""
    runbooks: NotRequired[str]
    """Folder of the repository, or address by HTTPS, that has the alerts' runbooks, one
    `<alert>.md` each. Default: docs/runbooks."""
    grafana_url: NotRequired[str]
    """Address of Grafana, by HTTPS, before the dashboard that an alert names. Default: none; then
    the alert has what follows it alone."""


def checked(name: str, args: BatchInferenceArgs) -> BatchInferenceArgs:
    """The arguments, held to their types and bounds.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("BatchInference", name)
    args = check.arguments(BatchInferenceArgs, args)
    check_links(check, args.get("runbooks"), args.get("grafana_url"))
    check_owned(check, name, args)
    check_model(check, args["model"])
    check_resources(check, "resources", args.get("resources", DEFAULT_RESOURCES))
    check_gpus(check, args.get("gpus", 0), args.get("placement"))
    _check_places(check, args)
    _check_days(check, args)
    for field, value, low, high in (
        ("shards", args.get("shards", 1), 1, MOST_INDEXES),
        ("parallelism", args.get("parallelism", 1), 1, MOST_INDEXES),
        ("days_back", args.get("days_back", 1), 0, 366),
        ("batch_rows", args.get("batch_rows", DEFAULT_BATCH_ROWS), 1, 1_000_000),
        ("deadline_seconds", deadline_seconds(args), 60, 14 * 24 * 60 * 60),
    ):
        check.between(field, value, low, high)
    if not 0 <= args.get("refused_share", 0.0) <= 1:
        check.refuse("refused_share", f"is {args.get('refused_share')}", "write 0 to 1")
    _check_columns(check, args.get("keep_columns", []))
    check_queue(check, args.get("queue"), args.get("queue_priority"))
    check.done()
    return args


def deadline_seconds(args: BatchInferenceArgs) -> int:
    """Longest time for all parts together."""
    return args.get("deadline_seconds", DEFAULT_DEADLINE_SECONDS)


def days(args: BatchInferenceArgs) -> int:
    """How many days its Job scores."""
    if "dates" not in args:
        return 1
    first, last = (date.fromisoformat(args["dates"][end]) for end in ("first", "last"))
    return (last - first).days + 1


def needs_cloud(args: BatchInferenceArgs) -> bool:
    """Whether it reads or writes a bucket."""
    return in_bucket(args["input"]) or in_bucket(args["output"])


def _check_places(check: Checks, args: BatchInferenceArgs) -> None:
    for field in ("input", "output"):
        claimed = "volume_claim_name" in args
        check_folder(check, field, args[field], claimed=claimed, whole_bucket=False)
    if args["input"].rstrip("/") == args["output"].rstrip("/"):
        check.refuse("output", "is the input's folder", "write to another one")
    if (DATE in args["input"]) != (DATE in args["output"]):
        without, other = ("input", "output") if DATE in args["output"] else ("output", "input")
        check.refuse(
            without,
            f"has no {DATE}, and {other} has: every day would take the same place",
            f"write {DATE} in both or in neither",
        )


def _check_days(check: Checks, args: BatchInferenceArgs) -> None:
    dated = DATE in args["input"] or DATE in args["output"]
    schedule = args.get("schedule")
    if schedule is not None and not is_schedule(schedule):
        check.refuse("schedule", f"'{schedule}' is no schedule", "write five fields, as 17 2 * * *")
    if "dates" not in args:
        if dated and schedule is None:
            check.refuse(
                "dates", f"is missing, and input has {DATE}", "write first and last, or a schedule"
            )
        return
    if not dated:
        check.refuse(
            "dates", f"is given, and input has no {DATE}", f"write {DATE} where the day stands"
        )
    try:
        count = days(args)
    except ValueError as error:
        check.refuse("dates", f"holds no day: {error}", "write days as 2026-11-01")
        return
    if count < 1:
        check.refuse("dates.last", "is before dates.first", "write the later day last")
    elif count * args.get("shards", 1) > MOST_INDEXES:
        check.refuse(
            "dates",
            f"are {count} days of {args.get('shards', 1)} shards, and a Job has {MOST_INDEXES} at "
            "most",
            "write fewer days or shards",
        )


def _check_columns(check: Checks, columns: list[str]) -> None:
    check.unique("keep_columns", columns)
    for at, column in enumerate(columns):
        if not column or "," in column:
            check.refuse(
                f"keep_columns[{at}]", f"'{column}' cannot be kept", "name columns without commas"
            )
