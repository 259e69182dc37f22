"""What `RetrainingTrigger` takes, checked."""

from enum import StrEnum
from typing import NotRequired, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.folders import in_bucket, is_folder
from stanchion.monitoring.links import check_links
from stanchion.owned import check_owned
from stanchion.placement import Placement
from stanchion.pods import ContainerResources, check_resources

DEFAULT_RESOURCES: ContainerResources = {"cpu": "50m", "memory": "384Mi"}
DEFAULT_COOLDOWN_HOURS = 24
DEFAULT_MAX_RUNS = 8
DEFAULT_POLL_MINUTES = 5
DEFAULT_SETTLE_MINUTES = 10


class RetrainingReason(StrEnum):
    """What starts a training."""

    DRIFT = "drift"
    """An alert that the model is asked, or answers, otherwise than in its training."""
    DATA_QUALITY = "data-quality"
    """An alert that values are missing, out of training's range or of no category that it had."""
    QUALITY = "quality"
    """An alert that labels which came late say that the model is worse than it may be."""
    NEW_DATA = "new-data"
    """A file of the data set that is newer than the last training."""


ALERTS = {
    "ModelServiceFeatureDrift": RetrainingReason.DRIFT,
    "ModelServicePredictionDrift": RetrainingReason.DRIFT,
    "ModelServiceDataQuality": RetrainingReason.DATA_QUALITY,
    "ModelServiceQualityLost": RetrainingReason.QUALITY,
}
"""The alerts about a `ModelService`, its own and its `DriftMonitor`'s, that are a reason."""


class RetrainingTriggerArgs(TypedDict):
    """Arguments of `RetrainingTrigger`."""

    namespace: pulumi.Input[str]
    """Namespace of all its objects: the training's and the model service's own."""
    tenant: str
    """Tenant it belongs to; becomes a label."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    image: str
    """The platform's model-server image, with a tag or digest."""
    training: str
    """Name of the CronJob that is started: a `TrainingJob` with `on_demand`, whose `kept_runs` are
    no fewer than `max_runs`, for what has run is read from its Jobs."""
    reasons: list[RetrainingReason]
    """drift, data-quality, quality, new-data: one or more. quality needs a `DriftMonitor` with
    labels."""
    model_service: NotRequired[str]
    """Name of the `ModelService` whose alerts count; needed by drift, data-quality and
    quality. Default: none."""
    served_version: NotRequired[str]
    """The version that it serves; alerts about another one start nothing. Default: any."""
    data: NotRequired[str]
    """Folder of the data set, as the training has it; needed by new-data. Default: none."""
    cooldown_hours: NotRequired[int]
    """Least hours from the beginning of a training, a scheduled one too, to that of the next, 1 to
    8760. Default: 24."""
    max_runs: NotRequired[int]
    """Most trainings in 30 days, scheduled ones counted and never held back, 1 to 100. Default: 8.
    """
    poll_minutes: NotRequired[int]
    """How often the data and the Jobs are looked at, 1 to 1440. Default: 5."""
    settle_minutes: NotRequired[int]
    """How long the newest file must have been at rest, 1 to 1440: longer than an upload pauses.
    Default: 10."""
    replicas: NotRequired[int]
    """Pods that judge side by side, and start no more together than one would, 1 to 5. Default: 1.
    """
    service_name: NotRequired[str]
    """Name of its objects. Default: the resource's."""
    monitoring: NotRequired[bool]
    """Whether Prometheus Operator is there: for alerts to come from, and to watch the trigger
    itself. Needed by drift, data-quality and quality. Default: false."""
    monitoring_namespace: NotRequired[str]
    """Namespace of Prometheus and Alertmanager. Default: monitoring."""
    runbooks: NotRequired[str]
    """Folder of the repository, or address by HTTPS, that has the alerts' runbooks, one
    `<alert>.md` each. Default: docs/runbooks."""
    grafana_url: NotRequired[str]
    """Address of Grafana, by HTTPS, before the dashboard that an alert names. Default: none; then
    the alert has what follows it alone."""
    volume_claim_name: NotRequired[pulumi.Input[str]]
    """PersistentVolumeClaim with the data, mounted read-only at /data. Default: none."""
    service_account_annotations: NotRequired[pulumi.Input[dict[str, str]]]
    """Annotations that give its service account an identity in the cloud which may list the data.
    Default: none."""
    resources: NotRequired[ContainerResources]
    """CPU and memory. Default: 50m, 384Mi."""
    placement: NotRequired[Placement]
    """Pool of nodes it runs on. Default: nodes of no pool."""
    priority_class: NotRequired[str]
    """PriorityClass of its pods. Default: none."""


def checked(name: str, args: RetrainingTriggerArgs) -> RetrainingTriggerArgs:
    """The arguments, held to their types and bounds.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("RetrainingTrigger", name)
    args = check.arguments(RetrainingTriggerArgs, args)
    check_owned(check, name, args)
    check_links(check, args.get("runbooks"), args.get("grafana_url"))
    check.name("training", args["training"])
    check_resources(check, "resources", args.get("resources", DEFAULT_RESOURCES))
    for field, number, low, high in (
        ("cooldown_hours", args.get("cooldown_hours", DEFAULT_COOLDOWN_HOURS), 1, 8760),
        ("max_runs", args.get("max_runs", DEFAULT_MAX_RUNS), 1, 100),
        ("poll_minutes", args.get("poll_minutes", DEFAULT_POLL_MINUTES), 1, 1440),
        ("replicas", args.get("replicas", 1), 1, 5),
        ("settle_minutes", args.get("settle_minutes", DEFAULT_SETTLE_MINUTES), 1, 1440),
    ):
        check.between(field, number, low, high)
    _check_reasons(check, args)
    check.done()
    return args


def alerts_of(args: RetrainingTriggerArgs) -> dict[str, RetrainingReason]:
    """The alerts that start the training, and as which reason."""
    return {alert: reason for alert, reason in ALERTS.items() if reason in args["reasons"]}


def watches_data(args: RetrainingTriggerArgs) -> bool:
    """Whether new data start the training."""
    return RetrainingReason.NEW_DATA in args["reasons"]


def _check_reasons(check: Checks, args: RetrainingTriggerArgs) -> None:
    reasons = args["reasons"]
    if not reasons:
        check.refuse("reasons", "is empty", f"write one of {', '.join(RetrainingReason)}")
    check.unique("reasons", [str(reason) for reason in reasons])
    by_alert = ", ".join(reason for reason in reasons if reason in ALERTS.values())
    if by_alert and "model_service" not in args:
        check.refuse("model_service", f"is missing, and reasons has {by_alert}", "name the service")
    if by_alert and not args.get("monitoring", False):
        check.refuse(
            "monitoring",
            f"is false, and reasons has {by_alert}, which are alerts of Prometheus",
            f"write true where Prometheus Operator is, or remove {by_alert}",
        )
    if not watches_data(args):
        return
    if "data" not in args:
        check.refuse("data", "is missing, and reasons has new-data", "write the data set's folder")
    elif not is_folder(args["data"]):
        check.refuse(
            "data",
            f"'{args['data']}' is no folder that can be watched",
            "write s3://BUCKET/PATH, gs://BUCKET/PATH or file:///data/PATH",
        )
    elif not in_bucket(args["data"]) and "volume_claim_name" not in args:
        check.refuse(
            "volume_claim_name",
            f"is missing, and data is {args['data']}",
            "name the claim that holds the data",
        )
