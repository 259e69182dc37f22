"""The Services of a `ModelService`: the one that callers know, and those beside it."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels
from stanchion.labels import metadata
from stanchion.serving import _activator, _gateway, _served, _workload
from stanchion.serving.arguments import ModelServiceArgs
from stanchion.serving.autoscaling import rests
from stanchion.serving.rollout import weighs_at_gateway

_COMPONENT = "app.kubernetes.io/component"


@dataclass(frozen=True)
class Addresses:
    """What leads to the replicas.

    Attributes:
        endpoint: The Service that callers know.
        others: Services of a version alone.
        known_as: The label `service` of metrics, where they are not read through the endpoint.
    """

    endpoint: k8s.core.v1.Service
    others: tuple[k8s.core.v1.Service, ...]
    known_as: str | None


def make(
    replicas: _workload.Replicas, front: dict[str, str], opts: pulumi.ResourceOptions
) -> Addresses:
    """Make them, before the replicas are there.

    Args:
        replicas: What they lead to.
        front: Labels of what stands before replicas that may be none.
        opts: Their options.
    """
    name, service, args = replicas.name, replicas.service, replicas.args
    selected, others = replicas.selector, []
    moved = ["spec.selector"] if _workload.switches_service(args) else None
    address = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=moved))

    def all_replicas() -> k8s.core.v1.Service:
        every = replicas.metadata(_activator.REPLICAS_SUFFIX)
        return _served.endpoint(f"{name}-replicas", every, selected, opts)

    def apart(suffix: str, component: str) -> k8s.meta.v1.ObjectMetaArgs:
        # Labels of its own, or every pod would be scraped through either Service.
        marked = {**replicas.labels, _COMPONENT: component}
        return metadata(service + suffix, args["namespace"], marked)

    resting, weighed = rests(args["autoscaling"]), weighs_at_gateway(args.get("rollout"))
    if resting:
        before = labels.selector("model-server", service, "activator")
        activator = _activator.Activator(name, service, args, front, before)
        endpoint = _activator.make(activator, selected, _gateway.PORT, all_replicas(), opts)
    else:
        # Of a canary at a Gateway neither Service has all pods, and in the end both have the same.
        known = apart("", "stable") if weighed else replicas.metadata("")
        endpoint = _served.endpoint(f"{name}-service", known, selected, address)
    if weighed:
        all_replicas()
        canary = apart(_gateway.CANARY_SUFFIX, "canary")
        others.append(_served.endpoint(f"{name}-canary", canary, selected, address))
    elif _workload.switches_service(args):
        preview = apart(_workload.PREVIEW_SUFFIX, "preview")
        others.append(_served.endpoint(f"{name}-preview", preview, selected, address))
    return Addresses(endpoint, tuple(others), service if resting or weighed else None)


def pod_labels(service: str, args: ModelServiceArgs, selected: dict[str, str]) -> dict[str, str]:
    """Labels of the pods that calls arrive at and metrics come from."""
    return labels.selector("model-server", service) if rests(args["autoscaling"]) else selected
