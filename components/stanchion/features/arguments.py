"""What `FeatureStore` takes, checked."""

import re
from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.folders import check_folder, in_bucket
from stanchion.monitoring.links import check_links
from stanchion.network import NetworkPeer
from stanchion.pods import ContainerResources, check_resources
from stanchion.schedules import is_schedule
from stanchion.tracking.arguments import MlflowDatabase, check_access

MATERIALIZE_SCHEDULE, CHECK_SCHEDULE = "7,37 * * * *", "52 * * * *"
OVERLAP_MINUTES, STEP_HOURS, STALE_MINUTES = 60, 168, 120
SAMPLE, TOLERANCE = 500, 1e-6
SERVER_RESOURCES: ContainerResources = {"cpu": "250m", "cpu_limit": "2", "memory": "1Gi"}
JOB_RESOURCES: ContainerResources = {"cpu": "250m", "cpu_limit": "2", "memory": "2Gi"}
_MODULE = re.compile(r"[a-z_][a-z0-9_]*\.py")
_MOST_BYTES = 900_000
"""Of a ConfigMap, which may have 1 MiB."""


class FeatureStoreArgs(TypedDict):
    """Arguments of `FeatureStore`."""

    namespace: pulumi.Input[str]
    """Namespace of all its objects, where the database's administrator is a Secret."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    image: str
    """The platform's feature store image, with a tag or digest."""
    database: MlflowDatabase
    """PostgreSQL, which gets a database `feature_store` for the registry and the online features;
    the administrator's Secret is used by the preparing container alone."""
    definitions: dict[str, str]
    """The feature repository: Python files with Feast's entities, feature views and feature
    services, by name, as customers.py; at most 900 kB in all."""
    sources: str
    """Folder that every Parquet source is in: s3://BUCKET/PATH, gs://BUCKET/PATH or
    file:///data/PATH. Definitions read it as FEATURE_SOURCES."""
    volume_claim_name: NotRequired[pulumi.Input[str]]
    """Claim with the sources, mounted at /data. Default: none, they are in a bucket."""
    service_account_annotations: NotRequired[pulumi.Input[dict[str, str]]]
    """Annotations that give the scheduled jobs' service account, SERVICE_NAME-jobs, the right to
    read the sources: `WorkloadIdentity`'s output `annotations`. Default: none."""
    service_name: NotRequired[str]
    """Name of its Service and prefix of its other objects. Default: features."""
    clients: NotRequired[list[NetworkPeer]]
    """Pods that may ask it for features. Default: those of its own namespace alone."""
    replicas: NotRequired[int]
    """Replicas of the server, 1 to 20. Default: 1."""
    resources: NotRequired[ContainerResources]
    """CPU and memory of a replica. Default: 250m up to 2 cores, 1Gi."""
    job_resources: NotRequired[ContainerResources]
    """CPU, memory and disk of each job, which reads a view's files into memory. Default: 250m up to
    2 cores, 2Gi."""
    materialize_schedule: NotRequired[str]
    """When new values are brought online: cron's five fields in UTC. Default: 7,37 * * * *."""
    check_schedule: NotRequired[str]
    """When online and offline values are compared: cron's five fields in UTC. Default:
    52 * * * *."""
    overlap_minutes: NotRequired[int]
    """How late a row may come and still be served: 1 to 10080. Default: 60."""
    step_hours: NotRequired[int]
    """Longest stretch of time that is materialised at once, longer than the overlap: 1 to 8760.
    Default: 168."""
    stale_minutes: NotRequired[int]
    """Minutes without new values, or twice as many without a check, after which there is an alert:
    5 to 43200. Default: 120."""
    sample: NotRequired[int]
    """Entities of each view that a check compares: 1 to 100000. Default: 500."""
    tolerance: NotRequired[float]
    """By how much numbers may differ, as a share of the larger one: from 0 to 0.5. Default:
    0.000001."""
    monitoring: NotRequired[bool]
    """Whether to create a ServiceMonitor and alerts, which need Prometheus Operator. Default:
    false."""
    monitoring_namespace: NotRequired[str]
    """Namespace that may scrape metrics. Default: monitoring."""
    runbooks: NotRequired[str]
    """Folder of the repository, or address by HTTPS, that has the alerts' runbooks, one
    `<alert>.md` each. Default: docs/runbooks."""
    priority_class: NotRequired[str]
    """PriorityClass of its pods. Default: none."""


def checked(name: str, args: FeatureStoreArgs) -> FeatureStoreArgs:
    """The arguments, held to their types and bounds.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("FeatureStore", name)
    args = check.arguments(FeatureStoreArgs, args)
    check.name("service_name", args.get("service_name", "features"))
    check.label("owner", args["owner"])
    check.label("cost_center", args["cost_center"])
    check.image("image", args["image"])
    check_links(check, args.get("runbooks"))
    check.between("replicas", args.get("replicas", 1), 1, 20)
    check.between("stale_minutes", args.get("stale_minutes", STALE_MINUTES), 5, 43_200)
    check.between("sample", args.get("sample", SAMPLE), 1, 100_000)
    check.between("tolerance", args.get("tolerance", TOLERANCE), 0, 0.5)
    check_resources(check, "resources", args.get("resources", SERVER_RESOURCES))
    check_resources(check, "job_resources", args.get("job_resources", JOB_RESOURCES))
    for field, schedule in (
        ("materialize_schedule", args.get("materialize_schedule", MATERIALIZE_SCHEDULE)),
        ("check_schedule", args.get("check_schedule", CHECK_SCHEDULE)),
    ):
        if not is_schedule(schedule):
            check.refuse(field, f"'{schedule}' is no schedule", "write five fields, as 17 2 * * *")
    _check_steps(check, args)
    _check_definitions(check, args["definitions"])
    check_folder(check, "sources", args["sources"], claimed="volume_claim_name" in args)
    check_access(
        check,
        args["database"],
        annotated="service_account_annotations" in args,
        cloud_access=in_bucket(args["sources"]),
    )
    check.done()
    return args


def _check_steps(check: Checks, args: FeatureStoreArgs) -> None:
    overlap = args.get("overlap_minutes", OVERLAP_MINUTES)
    step = args.get("step_hours", STEP_HOURS)
    check.between("overlap_minutes", overlap, 1, 10_080)
    check.between("step_hours", step, 1, 8_760)
    if step * 60 <= overlap:
        check.refuse(
            "step_hours",
            f"{step} is no longer than overlap_minutes, {overlap}: a run that is killed would "
            "leave older values than there were",
            f"write {overlap // 60 + 1} or more",
        )


def _check_definitions(check: Checks, definitions: Mapping[str, str]) -> None:
    if not definitions:
        check.refuse("definitions", "is empty", "give at least one Python file with a FeatureView")
    for name in definitions:
        if not _MODULE.fullmatch(name):
            check.refuse(
                f"definitions['{name}']",
                "is no name of a Python module",
                "write lower-case letters, digits and underscores, ending with .py",
            )
    size = sum(len(text.encode()) for text in definitions.values())
    if size > _MOST_BYTES:
        check.refuse(
            "definitions",
            f"has {size} bytes, more than {_MOST_BYTES}",
            "leave out what defines no features",
        )
