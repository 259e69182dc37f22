"""The replicas of an `LlmGateway`, who reaches them and whom they reach."""

from collections.abc import Iterator

import pulumi
import pulumi_kubernetes as k8s

from stanchion import network, pods
from stanchion.foundation.network.contract import PRIVATE_RANGES
from stanchion.serving import _served
from stanchion.serving._llm_gateway_file import (
    CONSUMERS,
    FILE,
    LEDGER,
    TRACKING,
    backend_folder,
)
from stanchion.serving.llm_gateway_arguments import (
    DEFAULT_BACKEND_PORT,
    DEFAULT_DRAIN_SECONDS,
    DEFAULT_LEDGER_PORT,
    DEFAULT_RESOURCES,
    DEFAULT_STREAM_SECONDS,
    LlmGatewayArgs,
    LlmGatewaySecret,
)
from stanchion.serving.rollout import DEFAULT_SURGE
from stanchion.tracking.access import way_to_mlflow

_CORE = k8s.core.v1
PORT = 8080
METRICS_PORT = 9090
CONFIGURATION_HASH = "stanchion.dev/configuration-hash"
_CONFIGURATION_FOLDER = "/etc/stanchion"
_USER = 1000
_EXIT_MARGIN_SECONDS = 10
_PROGRESS_SECONDS = 600


def secrets(args: LlmGatewayArgs) -> Iterator[tuple[str, LlmGatewaySecret, dict[str, str]]]:
    """Every secret: its folder in the pod, where it comes from, its keys with their files."""
    for backend in args["backends"]:
        if "api_key" in backend:
            own = backend["api_key"]
            yield backend_folder(backend), own, {own.get("key", "api-key"): "api-key"}
    if "consumer_keys" in args:
        names = {consumer["name"]: consumer["name"] for consumer in args["consumers"]}
        yield CONSUMERS, args["consumer_keys"], names
    if "ledger" in args:
        own = args["ledger"]["url"]
        yield LEDGER, own, {own.get("key", "url"): "url"}
    if "traces" in args:
        login: LlmGatewaySecret = {"secret_name": args["traces"]["tracking"]["secret_name"]}
        yield TRACKING, login, {"username": "username", "password": "password"}


def made_secret_name(service: str, folder: str) -> str:
    """Name of the Secret that External Secrets makes for a folder."""
    return f"{service}-{folder}"


def deployment_spec(
    service: str,
    args: LlmGatewayArgs,
    labelled: dict[str, str],
    selected: dict[str, str],
    configuration_hash: pulumi.Output[str],
) -> k8s.apps.v1.DeploymentSpecArgs:
    """Replicas, of which an autoscaler says the number."""
    template = _CORE.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(
            labels=labelled, annotations={CONFIGURATION_HASH: configuration_hash}
        ),
        spec=_pod(service, args, selected),
    )
    return _served.deployment_spec(
        template,
        selected,
        replicas=args["autoscaling"]["min_replicas"],
        surge=DEFAULT_SURGE,
        deadline_seconds=_PROGRESS_SECONDS,
    )


def way_in(args: LlmGatewayArgs) -> list[k8s.networking.v1.NetworkPolicyIngressRuleArgs]:
    """Callers of the own namespace and of those named; metrics for who scrapes them."""
    rules = [network.ingress(_served.callers(args), PORT)]
    if scrapers := _served.scrapers(args):
        rules.append(network.ingress(scrapers, METRICS_PORT))
    return rules


def way_out(args: LlmGatewayArgs) -> list[k8s.networking.v1.NetworkPolicyEgressRuleArgs]:
    """Names, backends in the cluster, ledger, MLflow; public addresses for backends outside."""
    rules = [network.dns_egress()]
    for backend in args["backends"]:
        if "pods" in backend:
            there = network.peer(backend["pods"]["namespace"], backend["pods"].get("pod_labels"))
            rules.append(network.egress([there], backend.get("port", DEFAULT_BACKEND_PORT)))
    if "ledger" in args:
        ledger = args["ledger"]
        known = ledger.get("pods")
        database = (
            [network.peer(known["namespace"], known.get("pod_labels"))]
            if known
            else [network.addresses(cidr) for cidr in PRIVATE_RANGES]
        )
        rules.append(network.egress(database, ledger.get("port", DEFAULT_LEDGER_PORT)))
    if "traces" in args:
        mlflow = args["traces"]["tracking"]
        rules.append(
            way_to_mlflow(mlflow["namespace"], mlflow.get("pod_labels"), mlflow.get("port"))
        )
    if any("pods" not in backend for backend in args["backends"]):
        rules.append(network.public_egress())
    return rules


def _pod(service: str, args: LlmGatewayArgs, selected: dict[str, str]) -> k8s.core.v1.PodSpecArgs:
    drain = args.get("drain_seconds", DEFAULT_DRAIN_SECONDS)
    longest_answer = args.get("stream_seconds", DEFAULT_STREAM_SECONDS)
    return _CORE.PodSpecArgs(
        service_account_name=service,
        automount_service_account_token=False,
        enable_service_links=False,
        priority_class_name=args.get("priority_class"),
        security_context=pods.pod_security(_USER),
        # The gateway drains by itself on SIGTERM, so there is no preStop hook to wait for.
        termination_grace_period_seconds=drain + longest_answer + _EXIT_MARGIN_SECONDS,
        topology_spread_constraints=pods.spread(selected),
        containers=[_container(args)],
        volumes=[
            pods.scratch_volume(pods.scratch_size(args.get("resources", DEFAULT_RESOURCES))),
            _CORE.VolumeArgs(
                name="configuration",
                config_map=_CORE.ConfigMapVolumeSourceArgs(name=f"{service}-configuration"),
            ),
            *_secret_volume(service, args),
        ],
    )


def _container(args: LlmGatewayArgs) -> k8s.core.v1.ContainerArgs:
    environment = {
        "CONFIGURATION": f"{_CONFIGURATION_FOLDER}/{FILE}",
        "PORT": str(PORT),
        "METRICS_PORT": str(METRICS_PORT),
    }
    return _CORE.ContainerArgs(
        name="llm-gateway",
        image=args["image"],
        image_pull_policy="IfNotPresent",
        env=pods.environment(environment),
        ports=[
            _CORE.ContainerPortArgs(name="http", container_port=PORT),
            _CORE.ContainerPortArgs(name="metrics", container_port=METRICS_PORT),
        ],
        resources=pods.requirements(args.get("resources", DEFAULT_RESOURCES)),
        security_context=pods.container_security(),
        # Readiness does not ask the backends: with one away there is the fallback, and with all
        # away an error that says so is worth more than no address.
        startup_probe=pods.http_probe("/health/live", "http", period=2, timeout=2, failures=60),
        readiness_probe=pods.http_probe("/health/ready", "http", period=2, timeout=2, failures=2),
        liveness_probe=pods.http_probe("/health/live", "http", period=10, timeout=5, failures=6),
        volume_mounts=[
            pods.scratch_mount(),
            _CORE.VolumeMountArgs(
                name="configuration", mount_path=_CONFIGURATION_FOLDER, read_only=True
            ),
            *([pods.secrets_mount()] if any(secrets(args)) else []),
        ],
    )


def _secret_volume(service: str, args: LlmGatewayArgs) -> list[k8s.core.v1.VolumeArgs]:
    folders = {
        folder: (own.get("secret_name", made_secret_name(service, folder)), keys)
        for folder, own, keys in secrets(args)
    }
    return [pods.secret_files(folders)] if folders else []
