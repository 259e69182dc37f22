"""What `ModelService` takes, checked."""

import re
from typing import NotRequired, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.google_backends import CLASS_PREFIX
from stanchion.monitoring import (
    DriftLimits,
    ServiceLevelObjectives,
    check_drift,
    check_objectives,
)
from stanchion.placement import Placement, check_gpus
from stanchion.pods import ContainerResources, check_resources
from stanchion.serving._served import check_judged, check_served
from stanchion.serving.autoscaling import (
    ModelAutoscaling,
    check_autoscaling,
    check_rest,
    rests,
)
from stanchion.serving.cold_start import (
    ColdStart,
    Estimate,
    Replicas,
    check_cold_start,
    served_model,
)
from stanchion.serving.gateway import (
    DEFAULT_SHADOW_REPLICAS,
    ModelGateway,
    ModelShadow,
    check_gateway,
    check_shadow,
    class_of,
)
from stanchion.serving.prediction_log import PredictionLog, check_prediction_log
from stanchion.serving.rollout import (
    ModelRollout,
    check_rollout,
    check_room,
    is_measured,
    weighs_at_gateway,
)

DEFAULT_RESOURCES: ContainerResources = {"cpu": "250m", "cpu_limit": "1", "memory": "512Mi"}
DEFAULT_LOAD_SECONDS = 120
DEFAULT_DRAIN_SECONDS = 10
DEFAULT_REQUEST_TIMEOUT_SECONDS = 30
DEFAULT_MAX_BODY_BYTES = 8 * 1024 * 1024
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_VERSION = re.compile(r"[1-9]\d*")
_MODEL_NAME = re.compile(r"[^/:.%\"'\x00-\x1f][^/:%\"'\x00-\x1f]*")


class ModelPin(TypedDict):
    """The one version of a model that a service runs."""

    name: str
    """Name in the registry."""
    version: str
    """Version number in the registry, as 3. Never an alias: that moves."""
    digest: str
    """Digest of the model's files that registration recorded, as sha256: and 64 hex digits."""
    attempt: NotRequired[int]
    """Which trial of the version a `ModelService` runs, at least 1. After one that was taken back,
    a higher number has it judged anew: Argo Rollouts goes back without a judgement to pods that it
    knows. Default: 1."""


class ModelRegistryAccess(TypedDict):
    """The MLflow server that holds the model, and who asks it."""

    url: pulumi.Input[str]
    """Its address inside the cluster."""
    namespace: pulumi.Input[str]
    """Namespace it runs in."""
    username: pulumi.Input[str]
    """A user that may read models."""
    password: pulumi.Input[str]
    """Its password; a secret, given to the server as a file."""
    pod_labels: NotRequired[dict[str, str]]
    """Labels of its pods. Default: those of an `MlflowServer` named mlflow."""
    port: NotRequired[int]
    """TCP port of its pods. Default: 5000."""


class ModelServiceArgs(TypedDict):
    """Arguments of `ModelService`."""

    namespace: pulumi.Input[str]
    """Namespace of all its objects."""
    tenant: str
    """Tenant it belongs to; becomes a label."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    image: str
    """The platform's model-server image or one derived from it, with a tag or digest."""
    model: ModelPin
    """The pinned model."""
    registry: ModelRegistryAccess
    """Where the model comes from."""
    autoscaling: ModelAutoscaling
    """How many replicas."""
    rollout: NotRequired[ModelRollout]
    """How a new version takes over. Default: rolling."""
    gateway: NotRequired[ModelGateway]
    """A Gateway that it can be called through too. Default: none."""
    shadow: NotRequired[ModelShadow]
    """A candidate that the Gateway mirrors requests to; needs `gateway`. Default: none."""
    service_name: NotRequired[str]
    """Name of its Service and other objects, and of the model in URLs. Default: the resource's."""
    resources: NotRequired[ContainerResources]
    """CPU and memory of a replica. Default: 250m up to 1 core, 512Mi."""
    placement: NotRequired[Placement]
    """Pool of nodes it runs on: the output `placement` of `GpuPool`. Default: nodes of no pool."""
    gpus: NotRequired[int]
    """GPUs of a replica, or slices of them where the pool shares them; needs `placement`.
    Default: 0."""
    load_seconds: NotRequired[int]
    """Longest time to fetch, verify, load and warm up the model, 5 to 7200. Default: 120."""
    cold_start: NotRequired[ColdStart]
    """How long a replica that demand asks for may take, and with `min_replicas` 0 how long
    requests wait for the first. Default: as long as it takes."""
    request_timeout_seconds: NotRequired[int]
    """Longest time a request may take, 1 to 600. Default: 30."""
    drain_seconds: NotRequired[int]
    """How long a leaving replica still accepts requests while clients learn, 1 to 600. Default: 10.
    """
    max_body_bytes: NotRequired[int]
    """Largest request body, 1024 to 1073741824. Default: 8388608."""
    allow_from: NotRequired[list[str]]
    """Namespaces besides its own whose pods may call it. Default: none."""
    monitoring: NotRequired[bool]
    """Whether to create a ServiceMonitor and a PrometheusRule, which need Prometheus Operator.
    Default: false."""
    monitoring_namespace: NotRequired[str]
    """Namespace that may scrape metrics. Default: monitoring."""
    slo: NotRequired[ServiceLevelObjectives]
    """What it promises its callers; needs `monitoring`. Default: 99.5 percent of requests do not
    fail, over 28 days."""
    drift: NotRequired[DriftLimits]
    """From where on a difference of its traffic to its model's training is an alert; needs
    `monitoring`. Default: a population stability index of 0.2 over 24 hours."""
    runbooks: NotRequired[str]
    """Folder of the repository, or address by HTTPS, that has the alerts' runbooks, one
    `<alert>.md` each. Default: docs/runbooks."""
    grafana_url: NotRequired[str]
    """Address of Grafana, by HTTPS, before the dashboard that an alert names. Default: none; then
    the alert has what follows it alone."""
    prediction_log: NotRequired[PredictionLog]
    """Where a sample of requests and answers is written, and without what. Default: nowhere."""
    service_account_annotations: NotRequired[pulumi.Input[dict[str, str]]]
    """Annotations that give its service account an identity in the cloud: `WorkloadIdentity`'s
    output `annotations`; a `prediction_log` in a bucket needs one. Default: none."""
    priority_class: NotRequired[str]
    """PriorityClass of its pods. Default: none."""


def checked(name: str, args: ModelServiceArgs) -> ModelServiceArgs:
    """The arguments, held to their types and bounds.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("ModelService", name)
    args = check.arguments(ModelServiceArgs, args)
    check_served(check, name, args)
    check_model(check, args["model"])
    check_resources(check, "resources", args.get("resources", DEFAULT_RESOURCES))
    timeout = args.get("request_timeout_seconds", DEFAULT_REQUEST_TIMEOUT_SECONDS)
    check_autoscaling(
        check,
        args["autoscaling"],
        monitored=args.get("monitoring", False),
        request_timeout_seconds=timeout,
    )
    check_rest(
        check,
        args["autoscaling"],
        budgeted="cold_start" in args,
        measured=is_measured(args.get("rollout")),
    )
    _check_placement(check, args)
    if "rollout" in args:
        check_rollout(check, args["rollout"], args["autoscaling"]["min_replicas"])
    _check_gateway(check, args)
    if is_measured(args.get("rollout")) and not args.get("monitoring", False):
        check.refuse(
            "rollout.strategy",
            "judges by metrics, and without monitoring nobody reads them",
            "set monitoring, or write strategy: rolling",
        )
    if "slo" in args:
        check_objectives(check, args["slo"], request_timeout_seconds=timeout)
    if "drift" in args:
        check_drift(check, args["drift"])
    for field in ("slo", "drift"):
        if field in args:
            check_judged(check, field, monitored=args.get("monitoring", False))
    for field, value, low, high in (
        ("load_seconds", args.get("load_seconds", DEFAULT_LOAD_SECONDS), 5, 7200),
        ("request_timeout_seconds", timeout, 1, 600),
        ("drain_seconds", args.get("drain_seconds", DEFAULT_DRAIN_SECONDS), 1, 600),
        ("max_body_bytes", args.get("max_body_bytes", DEFAULT_MAX_BODY_BYTES), 1024, 1024**3),
    ):
        check.between(field, value, low, high)
    if "prediction_log" in args:
        check_prediction_log(check, args["prediction_log"])
    check_cold_start(check, args.get("cold_start"), _replicas(args), cold_start_of(args))
    check.done()
    return args


def cold_start_of(args: ModelServiceArgs) -> Estimate:
    """How long a replica takes until it answers."""
    return served_model(args.get("cold_start"), _replicas(args))


def _replicas(args: ModelServiceArgs) -> Replicas:
    scaling = args["autoscaling"]
    return Replicas(
        image=args["image"],
        gpus=args.get("gpus", 0),
        least=scaling["min_replicas"],
        most=scaling["max_replicas"],
        load_seconds=args.get("load_seconds", DEFAULT_LOAD_SECONDS),
        at=args.get("placement"),
    )


def check_model(check: Checks, model: ModelPin, *, at: str = "model") -> None:
    """Note a pin that names no one version; `at` is where it is written."""
    if not _MODEL_NAME.fullmatch(model["name"]):
        check.refuse(f"{at}.name", f"'{model['name']}' is no model name", "copy the registry's")
    if not _VERSION.fullmatch(model["version"]):
        check.refuse(
            f"{at}.version",
            f"'{model['version']}' is no version number",
            "write a number as 3; an alias such as champion moves under a running service",
        )
    if not _DIGEST.fullmatch(model["digest"]):
        check.refuse(
            f"{at}.digest",
            f"'{model['digest']}' is no digest",
            "write sha256: and the 64 hexadecimal digits that registration recorded",
        )
    if model.get("attempt", 1) < 1:
        check.refuse(f"{at}.attempt", f"{model['attempt']} is out of range", "write 1 or more")


def _check_gateway(check: Checks, args: ModelServiceArgs) -> None:
    gateway, shadow = args.get("gateway"), args.get("shadow")
    if gateway is not None:
        check_gateway(check, gateway)
        if rests(args["autoscaling"]) and class_of(gateway).startswith(CLASS_PREFIX):
            check.refuse(
                "autoscaling.min_replicas",
                f"is 0, and the health checks of gateway.gateway_class {class_of(gateway)} are "
                "requests that no service sleeps through",
                "write 1, or remove gateway",
            )
    if shadow is not None:
        pin: ModelPin = {
            "name": args["model"]["name"],
            "version": shadow["version"],
            "digest": shadow["digest"],
        }
        check_model(check, pin, at="shadow")
    if shadow is not None and gateway is not None:
        check_shadow(check, shadow, args["model"]["version"], gateway)
    for field, needs in (
        ("rollout.traffic", weighs_at_gateway(args.get("rollout"))),
        ("shadow", shadow is not None),
    ):
        if needs and gateway is None:
            check.refuse(
                field,
                "needs gateway: without one nobody weighs or mirrors requests",
                f"add gateway, or remove {field}",
            )


def _check_placement(check: Checks, args: ModelServiceArgs) -> None:
    gpus, at = args.get("gpus", 0), args.get("placement")
    if check_gpus(check, gpus, at) and at is not None:
        most, rollout = args["autoscaling"]["max_replicas"], args.get("rollout")
        check_room(check, rollout, most, gpus, at, beside=shadow_replicas(args.get("shadow")))


def shadow_replicas(shadow: ModelShadow | None) -> int:
    """Replicas of a shadow at the most, the one more that its own update takes included."""
    return shadow.get("replicas", DEFAULT_SHADOW_REPLICAS) + 1 if shadow else 0
