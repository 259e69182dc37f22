"""What `DriftMonitor` takes, checked."""

import math
from enum import StrEnum
from typing import NotRequired, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.folders import check_folder, in_bucket
from stanchion.jobs._parts import check_queue
from stanchion.monitoring.drift_limits import DEFAULT_PROBLEM_RATIO, DEFAULT_PSI
from stanchion.monitoring.links import check_links
from stanchion.owned import check_owned
from stanchion.placement import Placement
from stanchion.pods import ContainerResources, check_resources
from stanchion.schedules import is_schedule
from stanchion.tracking.access import TrackingAccess

DEFAULT_RESOURCES: ContainerResources = {"cpu": "500m", "cpu_limit": "1", "memory": "2Gi"}
EXPORTER_RESOURCES: ContainerResources = {"cpu": "20m", "memory": "384Mi"}
DEFAULT_WINDOW_DAYS = 1
DEFAULT_DAYS_BACK = 1
DEFAULT_MIN_ROWS = 1000
DEFAULT_LABEL_DAYS = 30
DEFAULT_LABELLED_ROWS = 200
DEFAULT_DEADLINE_SECONDS = 2 * 60 * 60


class LabelledTask(StrEnum):
    """What a model predicts."""

    CLASSIFICATION = "classification"
    """One of several classes."""
    REGRESSION = "regression"
    """A number."""


class QualityMetric(StrEnum):
    """What is held to a limit."""

    ACCURACY = "accuracy"
    """Share of answers that are right; of a classification."""
    LOG_LOSS = "logLoss"
    """How surprised the probabilities are by the truth, less is better; of a classification whose
    model answers a probability for each class."""
    MAE = "mae"
    """Mean distance from the truth, less is better; of a regression."""


_OF_TASK = {
    LabelledTask.CLASSIFICATION: (QualityMetric.ACCURACY, QualityMetric.LOG_LOSS),
    LabelledTask.REGRESSION: (QualityMetric.MAE,),
}


class LateLabels(TypedDict):
    """The truth, which comes later, and how wrong a model may be."""

    location: str
    """Folder of Parquet files with the columns `request_id`, `row` (without it, 0) and the label:
    s3://BUCKET/PATH, gs://BUCKET/PATH or file:///data/PATH."""
    column: str
    """Their column with the truth."""
    task: LabelledTask
    """classification or regression."""
    metric: QualityMetric
    """accuracy or logLoss of a classification, mae of a regression."""
    max_drop: NotRequired[float]
    """By how much the metric may be worse than in the evaluation that promotion recorded of the
    version, 0 or more; chance is granted besides. Default: any; then `limit` is needed."""
    limit: NotRequired[float]
    """Worst value of the metric. Default: any; then `max_drop` is needed."""
    output: NotRequired[str]
    """The logged output that is compared with the label. Default: the only one."""
    probabilities: NotRequired[dict[str, str]]
    """Logged output of each class's probability, by class; needed by logLoss. Default: none."""
    days: NotRequired[int]
    """Days of the log, up to the window's last, for which labels are looked for, 1 to 366.
    Default: 30."""
    min_rows: NotRequired[int]
    """Fewest labelled rows, 20 to 10000000; with fewer nothing is judged. Default: 200."""
    slices: NotRequired[list[str]]
    """Logged inputs whose values make groups, each of which may be worse than all rows by no more
    than `max_drop`. Default: none."""


class DriftMonitorArgs(TypedDict):
    """Arguments of `DriftMonitor`."""

    namespace: pulumi.Input[str]
    """Namespace of all its objects: the model service's own."""
    tenant: str
    """Tenant it belongs to; becomes a label."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    image: str
    """The platform's model-server image, with a tag or digest."""
    model_service: str
    """Name of the `ModelService` whose prediction log is read."""
    model_name: str
    """The registered model that it serves."""
    prediction_log: str
    """Folder of the log, as the service's `prediction_log.location`."""
    reports: str
    """Folder that reports are written to, likewise; apart from the log."""
    tracking: TrackingAccess
    """The MLflow that has the model and keeps the reports' runs."""
    schedule: str
    """When a window is judged, in cron's five fields and UTC: some time after the window's end."""
    service_name: NotRequired[str]
    """Name of its objects. Default: the resource's."""
    window_days: NotRequired[int]
    """Days that are compared together, 1 to 92. Default: 1."""
    days_back: NotRequired[int]
    """How many days before a run its window ends, 1 to 366. Default: 1, the day before."""
    psi: NotRequired[float]
    """Stability index of a field beyond chance, 0.05 to 5, as the service's `drift.psi`. Default:
    0.2."""
    problem_ratio: NotRequired[float]
    """Share of a feature's values that may have a problem beyond training's, 0.001 to 1, as the
    service's `drift.problem_ratio`. Default: 0.05."""
    min_rows: NotRequired[int]
    """Fewest logged rows in the window, 200 to 10000000; with fewer nothing is judged. Default:
    1000."""
    labels: NotRequired[LateLabels]
    """Labels that come late. Default: none do."""
    overdue_hours: NotRequired[int]
    """How old the end of the newest judged window may be, 25 to 17520. Default: a day more than
    `days_back` and `window_days` together."""
    deadline_seconds: NotRequired[int]
    """Longest time of a run with all tries, 60 to 1209600. Default: 7200."""
    queue: NotRequired[str]
    """Kueue's LocalQueue in the namespace that admits the job's pods. Default: none."""
    queue_priority: NotRequired[str]
    """Kueue's WorkloadPriorityClass: what it is next to other jobs that wait, and whether it gives
    way to them; `JobQueues` makes training, batch and online. Goes with `queue`. Default: none."""
    resources: NotRequired[ContainerResources]
    """CPU and memory of the job's pod; its temporary files hold the model. Default: 500m up to 1
    core, 2Gi."""
    monitoring: NotRequired[bool]
    """Whether Prometheus Operator is there: then an exporter tells the newest report, and there
    are alerts. Default: false."""
    replicas: NotRequired[int]
    """Pods of the exporter, 1 to 5. Default: 1."""
    monitoring_namespace: NotRequired[str]
    """Namespace of Prometheus. Default: monitoring."""
    runbooks: NotRequired[str]
    """Folder of the repository, or address by HTTPS, that has the alerts' runbooks, one
    `<alert>.md` each. Default: docs/runbooks."""
    grafana_url: NotRequired[str]
    """Address of Grafana, by HTTPS, before the dashboard that an alert names. Default: none; then
    the alert has what follows it alone."""
    placement: NotRequired[Placement]
    """Pool of nodes it runs on. Default: nodes of no pool."""
    volume_claim_name: NotRequired[pulumi.Input[str]]
    """PersistentVolumeClaim of the namespace, mounted at /data. Default: none."""
    service_account_annotations: NotRequired[pulumi.Input[dict[str, str]]]
    """Annotations that give its service account an identity in the cloud: `WorkloadIdentity`'s
    output `annotations`. Default: none."""
    priority_class: NotRequired[str]
    """PriorityClass of its pods. Default: none."""


def checked(name: str, args: DriftMonitorArgs) -> DriftMonitorArgs:
    """The arguments, held to their types and bounds.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("DriftMonitor", name)
    args = check.arguments(DriftMonitorArgs, args)
    check_owned(check, name, args)
    check_links(check, args.get("runbooks"), args.get("grafana_url"))
    check_resources(check, "resources", args.get("resources", DEFAULT_RESOURCES))
    for field, value in (
        ("model_service", args["model_service"]),
        ("tracking.secret_name", args["tracking"]["secret_name"]),
    ):
        check.name(field, value)
    for field, number, low, high in (
        ("window_days", args.get("window_days", DEFAULT_WINDOW_DAYS), 1, 92),
        ("days_back", args.get("days_back", DEFAULT_DAYS_BACK), 1, 366),
        ("psi", args.get("psi", DEFAULT_PSI), 0.05, 5),
        ("problem_ratio", args.get("problem_ratio", DEFAULT_PROBLEM_RATIO), 0.001, 1),
        ("min_rows", args.get("min_rows", DEFAULT_MIN_ROWS), 200, 10_000_000),
        ("overdue_hours", overdue_hours(args), 25, 17_520),
        ("replicas", args.get("replicas", 1), 1, 5),
        ("deadline_seconds", deadline_seconds(args), 60, 14 * 24 * 60 * 60),
    ):
        check.between(field, number, low, high)
    if not args["model_name"].strip():
        check.refuse("model_name", "is empty", "write the registered model's name")
    if not is_schedule(args["schedule"]):
        check.refuse(
            "schedule", f"'{args['schedule']}' is no schedule", "write five fields, as 30 2 * * *"
        )
    check_queue(check, args.get("queue"), args.get("queue_priority"))
    _check_places(check, args)
    if "labels" in args:
        _check_labels(check, args["labels"])
    check.done()
    return args


def deadline_seconds(args: DriftMonitorArgs) -> int:
    """Longest time that a run may take."""
    return args.get("deadline_seconds", DEFAULT_DEADLINE_SECONDS)


def overdue_hours(args: DriftMonitorArgs) -> int:
    """How old the end of the newest judged window may be."""
    days = args.get("days_back", DEFAULT_DAYS_BACK) + args.get("window_days", DEFAULT_WINDOW_DAYS)
    return args.get("overdue_hours", (days + 1) * 24)


def folders(args: DriftMonitorArgs) -> dict[str, str]:
    """Every folder that it reads or writes, by where it is named."""
    named = {"prediction_log": args["prediction_log"], "reports": args["reports"]}
    return {**named, "labels.location": args["labels"]["location"]} if "labels" in args else named


def needs_cloud(args: DriftMonitorArgs) -> bool:
    """Whether it reads or writes a bucket."""
    return any(in_bucket(each) for each in folders(args).values())


def _check_places(check: Checks, args: DriftMonitorArgs) -> None:
    for field, place in folders(args).items():
        check_folder(check, field, place, claimed="volume_claim_name" in args)
    log, reports = (args[each].rstrip("/") for each in ("prediction_log", "reports"))
    if f"{reports}/".startswith(f"{log}/"):
        check.refuse(
            "reports",
            "is within prediction_log, whose services delete what is old",
            "write another folder",
        )


def _check_labels(check: Checks, labels: LateLabels) -> None:
    metric, task = labels["metric"], labels["task"]
    if metric not in _OF_TASK[task]:
        check.refuse(
            "labels.metric",
            f"{metric} is none of a {task}",
            f"write {' or '.join(_OF_TASK[task])}",
        )
    if metric == QualityMetric.LOG_LOSS and not labels.get("probabilities"):
        check.refuse(
            "labels.probabilities",
            "is missing, and labels.metric is logLoss",
            "name the output of each class's probability",
        )
    if "max_drop" not in labels and "limit" not in labels:
        check.refuse(
            "labels",
            "judges nothing: it has neither max_drop nor limit",
            "write max_drop, limit or both",
        )
    most = 1 if metric == QualityMetric.ACCURACY else math.inf
    for field, bound in (("max_drop", labels.get("max_drop")), ("limit", labels.get("limit"))):
        if bound is not None and not 0 <= bound <= most:
            check.refuse(
                f"labels.{field}",
                f"{bound:g} is beyond what {metric} can be",
                "write 0 to 1" if most == 1 else "write 0 or more",
            )
    if labels.get("slices") and "max_drop" not in labels:
        check.refuse(
            "labels.slices", "need labels.max_drop to be judged by", "write max_drop, or no slices"
        )
    check.unique("labels.slices", labels.get("slices", []))
    check.between("labels.days", labels.get("days", DEFAULT_LABEL_DAYS), 1, 366)
    check.between("labels.min_rows", labels.get("min_rows", DEFAULT_LABELLED_ROWS), 20, 10_000_000)
