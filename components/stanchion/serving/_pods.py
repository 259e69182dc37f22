"""The replicas of a `ModelService`."""

import math

import pulumi_kubernetes as k8s

from stanchion import pods
from stanchion.folders import DATA
from stanchion.serving import _served, prediction_log
from stanchion.serving._gateway import PORT
from stanchion.serving.arguments import (
    DEFAULT_DRAIN_SECONDS,
    DEFAULT_LOAD_SECONDS,
    DEFAULT_MAX_BODY_BYTES,
    DEFAULT_REQUEST_TIMEOUT_SECONDS,
    DEFAULT_RESOURCES,
    ModelServiceArgs,
    cold_start_of,
)
from stanchion.serving.rollout import surge_of

_CORE = k8s.core.v1
_USER = 1000
_STARTUP_PERIOD_SECONDS = 2
_IMAGE_PULL_SECONDS = 300
_NODE_START_SECONDS = 600
"""For a node that a pool starts from nothing, with its drivers."""
_EXIT_MARGIN_SECONDS = 10
ATTEMPT = "stanchion.dev/attempt"
"""Annotation of pods: which trial of their version they are, after the first."""


def deployment_spec(
    service: str, args: ModelServiceArgs, labelled: dict[str, str], selected: dict[str, str]
) -> k8s.apps.v1.DeploymentSpecArgs:
    """Replicas, of which an autoscaler says the number."""
    return _served.deployment_spec(
        pod_template(service, args, labelled, selected),
        selected,
        replicas=first_replicas(args),
        surge=surge_of(args.get("rollout"), 0),
        deadline_seconds=replica_seconds(args),
    )


def first_replicas(args: ModelServiceArgs) -> int:
    """How many there are before an autoscaler has looked: one too where none is kept."""
    return max(1, args["autoscaling"]["min_replicas"])


def pod_template(
    service: str, args: ModelServiceArgs, labelled: dict[str, str], selected: dict[str, str]
) -> k8s.core.v1.PodTemplateSpecArgs:
    """One replica, whatever controller makes it."""
    attempt = args["model"].get("attempt", 1)
    again = {ATTEMPT: str(attempt)} if attempt > 1 else None
    return _CORE.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(labels=labelled, annotations=again),
        spec=_pod(service, args, selected),
    )


def replica_seconds(args: ModelServiceArgs) -> int:
    """Longest time until a new replica counts as ready, that of its node included."""
    node = _NODE_START_SECONDS if "placement" in args else 0
    load = args.get("load_seconds", DEFAULT_LOAD_SECONDS)
    longest = max(node + _IMAGE_PULL_SECONDS + load, cold_start_of(args).seconds)
    return longest + _served.READY_FOR_SECONDS


def settling_seconds(args: ModelServiceArgs) -> int:
    """Longest that a healthy replica may be unready: until it has loaded, and while it leaves."""
    load = args.get("load_seconds", DEFAULT_LOAD_SECONDS)
    drain = args.get("drain_seconds", DEFAULT_DRAIN_SECONDS)
    longest_request = args.get("request_timeout_seconds", DEFAULT_REQUEST_TIMEOUT_SECONDS)
    return max(load + _served.READY_FOR_SECONDS, drain + longest_request)


def _pod(service: str, args: ModelServiceArgs, selected: dict[str, str]) -> k8s.core.v1.PodSpecArgs:
    drain = args.get("drain_seconds", DEFAULT_DRAIN_SECONDS)
    longest_request = args.get("request_timeout_seconds", DEFAULT_REQUEST_TIMEOUT_SECONDS)
    at = args.get("placement")
    return _CORE.PodSpecArgs(
        node_selector=at["node_selector"] if at else None,
        tolerations=pods.tolerations(at) if at else None,
        service_account_name=service,
        automount_service_account_token=False,
        enable_service_links=False,
        priority_class_name=args.get("priority_class"),
        security_context=pods.pod_security(_USER),
        # The server drains by itself on SIGTERM, so there is no preStop hook to wait for.
        termination_grace_period_seconds=drain + longest_request + _EXIT_MARGIN_SECONDS,
        topology_spread_constraints=pods.spread(selected),
        containers=[_container(service, args)],
        volumes=_volumes(service, args),
    )


def _volumes(service: str, args: ModelServiceArgs) -> list[k8s.core.v1.VolumeArgs]:
    resources = args.get("resources", DEFAULT_RESOURCES)
    secrets: dict[str, tuple[str, tuple[str, ...]]] = {
        "registry": (f"{service}-registry", ("username", "password"))
    }
    log = args.get("prediction_log")
    if prediction_log.has_key(log):
        folder = prediction_log.KEY_FOLDER
        secrets[folder] = (f"{service}-{folder}", (prediction_log.KEY,))
    volumes = [
        pods.scratch_volume(pods.scratch_size(resources)),
        pods.secret_files(secrets),
    ]
    if log is not None and "volume_claim_name" in log:
        volumes.append(pods.claim_volume("data", log["volume_claim_name"]))
    return volumes


def _container(service: str, args: ModelServiceArgs) -> k8s.core.v1.ContainerArgs:
    load = args.get("load_seconds", DEFAULT_LOAD_SECONDS)
    longest_request = args.get("request_timeout_seconds", DEFAULT_REQUEST_TIMEOUT_SECONDS)
    at, gpus = args.get("placement"), args.get("gpus", 0)
    environment = {
        "MODEL_NAME": args["model"]["name"],
        "MODEL_VERSION": args["model"]["version"],
        "MODEL_DIGEST": args["model"]["digest"],
        "SERVICE_NAME": service,
        "MLFLOW_TRACKING_URI": args["registry"]["url"],
        "REGISTRY_CREDENTIALS_DIR": f"{pods.SECRETS_ROOT}/registry",
        "PORT": str(PORT),
        "MAX_BODY_BYTES": str(args.get("max_body_bytes", DEFAULT_MAX_BODY_BYTES)),
        "REQUEST_TIMEOUT_SECONDS": str(longest_request),
        "DRAIN_SECONDS": str(args.get("drain_seconds", DEFAULT_DRAIN_SECONDS)),
    }
    mounts = [pods.scratch_mount(), pods.secrets_mount()]
    if (log := args.get("prediction_log")) is not None:
        environment |= prediction_log.environment(log)
        if "volume_claim_name" in log:
            mounts.append(_CORE.VolumeMountArgs(name="data", mount_path=DATA))
    return _CORE.ContainerArgs(
        name="model-server",
        image=args["image"],
        image_pull_policy="IfNotPresent",
        env=pods.environment(environment),
        ports=[_CORE.ContainerPortArgs(name="http", container_port=PORT)],
        resources=pods.requirements(
            args.get("resources", DEFAULT_RESOURCES), {at["device"]: gpus} if at and gpus else None
        ),
        security_context=pods.container_security(),
        # Startup and liveness ask whether the process answers, readiness whether the model
        # does. A registry that is down must not have pods killed over and over: they wait
        # for it, unready, and recover without a restart's back-off.
        startup_probe=pods.http_probe(
            "/v2/health/live",
            "http",
            period=_STARTUP_PERIOD_SECONDS,
            timeout=2,
            failures=math.ceil(load / _STARTUP_PERIOD_SECONDS),
        ),
        readiness_probe=pods.http_probe(
            "/v2/health/ready", "http", period=2, timeout=2, failures=2
        ),
        liveness_probe=pods.http_probe("/v2/health/live", "http", period=10, timeout=5, failures=6),
        volume_mounts=mounts,
    )
