"""What stands before the replicas of a `ModelService` that may have none."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from stanchion import network, pods
from stanchion.labels import metadata
from stanchion.monitoring import service_monitor
from stanchion.pods import ContainerResources
from stanchion.serving import _gateway, _served
from stanchion.serving.arguments import (
    DEFAULT_DRAIN_SECONDS,
    DEFAULT_REQUEST_TIMEOUT_SECONDS,
    ModelServiceArgs,
)
from stanchion.serving.autoscaling import ACTIVATOR_METRICS_PORT

SUFFIX = "-activator"
REPLICAS_SUFFIX = "-replicas"
"""Of the Service that leads to the replicas themselves."""
MOST_WAITING = 200
"""Requests that each of them holds at most, so that its memory suffices."""
_PORT = 8080
_COUNT = 2
"""One may go, with its node or for another, and requests are still held."""
_USER = 1000
_KEDA_NAMESPACE = "keda"
_HEALTH_PATH = "/.well-known/stanchion/activator"
_RESOURCES: ContainerResources = {
    "cpu": "50m",
    "cpu_limit": "1",
    "memory": "256Mi",
    "ephemeral_storage": "64Mi",
}
_START_SECONDS = 300
"""For its image, which is the replicas' own."""
_EXIT_MARGIN_SECONDS = 10
_CORE = k8s.core.v1


@dataclass(frozen=True)
class Activator:
    """The activator of a service.

    Attributes:
        name: Beginning of the resources' names.
        service: Name of the service, whose address it has.
        args: The service's arguments; `cold_start` is among them.
        labels: Of its pods.
        selector: Which of them never change.
    """

    name: str
    service: str
    args: ModelServiceArgs
    labels: dict[str, str]
    selector: dict[str, str]

    def metadata(self, suffix: str = SUFFIX) -> k8s.meta.v1.ObjectMetaArgs:
        """Of one of its objects."""
        return metadata(self.service + suffix, self.args["namespace"], self.labels)


def make(
    activator: Activator,
    replicas: dict[str, str],
    replica_port: int,
    behind: k8s.core.v1.Service,
    opts: pulumi.ResourceOptions,
) -> k8s.core.v1.Service:
    """The activator, and the service's address, which leads to it as soon as it answers.

    Args:
        activator: Whose, and how it is labelled.
        replicas: Labels of the replicas.
        replica_port: Their pods' port.
        behind: The Service that leads to them.
        opts: Options of each object.
    """
    name, args, selected = activator.name + SUFFIX, activator.args, activator.selector
    account = pods.service_account(f"{name}-account", activator.metadata(), opts)
    walls = k8s.networking.v1.NetworkPolicy(
        f"{name}-network",
        metadata=activator.metadata(),
        spec=_policy_spec(args, selected, replicas, replica_port),
        opts=opts,
    )
    deployment = k8s.apps.v1.Deployment(
        f"{name}-deployment",
        metadata=activator.metadata(),
        spec=_deployment_spec(activator),
        opts=_after(opts, account, walls, behind),
    )
    k8s.policy.v1.PodDisruptionBudget(
        f"{name}-disruption-budget",
        metadata=activator.metadata(),
        spec=pods.disruption_budget(selected),
        opts=opts,
    )
    if args.get("monitoring", False):
        service_monitor(f"{name}-monitor", activator.metadata(), selected, "metrics", opts)
    return _served.endpoint(
        f"{activator.name}-service",
        activator.metadata(""),
        selected,
        _after(opts, deployment),
        metrics_port=ACTIVATOR_METRICS_PORT,
    )


def metrics_page(service: str, namespace: pulumi.Input[str]) -> pulumi.Output[str]:
    """Address of its metrics; the host is the service's own."""
    return pulumi.Output.concat(
        f"http://{service}.", namespace, f".svc:{ACTIVATOR_METRICS_PORT}/metrics"
    )


def _policy_spec(
    args: ModelServiceArgs, selected: dict[str, str], replicas: dict[str, str], replica_port: int
) -> k8s.networking.v1.NetworkPolicySpecArgs:
    keda = network.peer(args["autoscaling"].get("keda_namespace", _KEDA_NAMESPACE))
    return network.policy_spec(
        selected,
        admit=[
            network.ingress(_gateway.callers(args), _PORT),
            network.ingress([keda, *_served.scrapers(args)], ACTIVATOR_METRICS_PORT),
        ],
        allow=[
            network.dns_egress(),
            network.egress([network.same_namespace(replicas)], replica_port),
        ],
    )


def _deployment_spec(activator: Activator) -> k8s.apps.v1.DeploymentSpecArgs:
    template = _CORE.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(labels=activator.labels),
        spec=_pod(activator.service, activator.args, activator.selector),
    )
    return _served.deployment_spec(
        template, activator.selector, replicas=_COUNT, surge=1, deadline_seconds=_START_SECONDS
    )


def _pod(service: str, args: ModelServiceArgs, selected: dict[str, str]) -> k8s.core.v1.PodSpecArgs:
    drain = args.get("drain_seconds", DEFAULT_DRAIN_SECONDS)
    longest_request = args.get("request_timeout_seconds", DEFAULT_REQUEST_TIMEOUT_SECONDS)
    budget = args["cold_start"]["budget_seconds"]
    return _CORE.PodSpecArgs(
        service_account_name=service + SUFFIX,
        automount_service_account_token=False,
        enable_service_links=False,
        priority_class_name=args.get("priority_class"),
        security_context=pods.pod_security(_USER),
        # What waits when it is told to go is still answered, or told that it was too long.
        termination_grace_period_seconds=drain + budget + longest_request + _EXIT_MARGIN_SECONDS,
        topology_spread_constraints=pods.spread(selected),
        containers=[_container(service, args, drain, longest_request, budget)],
        volumes=[pods.scratch_volume(pods.scratch_size(_RESOURCES))],
    )


def _container(
    service: str, args: ModelServiceArgs, drain: int, longest_request: int, budget: int
) -> k8s.core.v1.ContainerArgs:
    environment = {
        "REPLICAS_HOST": service + REPLICAS_SUFFIX,
        "HOLD_SECONDS": str(budget),
        "MAX_WAITING": str(MOST_WAITING),
        "REQUEST_TIMEOUT_SECONDS": str(longest_request),
        "DRAIN_SECONDS": str(drain),
        "PORT": str(_PORT),
        "METRICS_PORT": str(ACTIVATOR_METRICS_PORT),
    }
    return _CORE.ContainerArgs(
        name="activator",
        image=args["image"],
        image_pull_policy="IfNotPresent",
        command=["stanchion-activator"],
        env=pods.environment(environment),
        ports=[
            _CORE.ContainerPortArgs(name="http", container_port=_PORT),
            _CORE.ContainerPortArgs(name="metrics", container_port=ACTIVATOR_METRICS_PORT),
        ],
        resources=pods.requirements(_RESOURCES),
        security_context=pods.container_security(),
        startup_probe=pods.http_probe(_HEALTH_PATH, "http", period=1, timeout=2, failures=60),
        readiness_probe=pods.http_probe(_HEALTH_PATH, "http", period=2, timeout=2, failures=2),
        liveness_probe=pods.http_probe(_HEALTH_PATH, "http", period=10, timeout=5, failures=6),
        volume_mounts=[pods.scratch_mount()],
    )


def _after(opts: pulumi.ResourceOptions, *others: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=list(others)))
