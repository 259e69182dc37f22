"""What a `ModelService`, an `LlmService` and an `LlmGateway` have in common."""

from collections.abc import Mapping
from typing import NotRequired

import pulumi
import pulumi_kubernetes as k8s

from stanchion import monitoring, network
from stanchion.checks import Checks
from stanchion.owned import OwnedArgs, check_owned

READY_FOR_SECONDS = 5
"""How long a replica must answer before it counts."""
REVISIONS = 5
"""Former versions to go back to."""
_PORT = 80
_REPLICAS = "spec.replicas"
FIXED = {"pulumi.com/patchForce": "true"}
"""On a workload with a fixed number of replicas: what an autoscaler wrote until now is no conflict,
and leaving the autoscaler is a change although the number is the one that it began with."""
_CORE = k8s.core.v1


class ServedArgs(OwnedArgs):
    """What each of them is told."""

    allow_from: NotRequired[list[str]]
    monitoring: NotRequired[bool]
    monitoring_namespace: NotRequired[str]
    runbooks: NotRequired[str]
    grafana_url: NotRequired[str]


def check_served(check: Checks, name: str, args: ServedArgs) -> None:
    """Note what is wrong with what each of them is told.

    Args:
        check: Where it is noted.
        name: Name of the component's resource.
        args: The arguments.
    """
    check_owned(check, name, args)
    allowed = args.get("allow_from", [])
    for at, namespace in enumerate(allowed):
        check.name(f"allow_from[{at}]", namespace)
    check.unique("allow_from", allowed)
    monitoring.check_links(check, args.get("runbooks"), args.get("grafana_url"))


def check_judged(check: Checks, field: str, *, monitored: bool) -> None:
    """Refuse a promise that nobody would hold it to.

    Args:
        check: Where it is noted.
        field: Where it is promised.
        monitored: Whether its metrics are read.
    """
    if not monitored:
        check.refuse(
            field,
            "is judged by metrics, and without monitoring nobody reads them",
            f"set monitoring, or remove {field}",
        )


def callers(
    args: ServedArgs, own: Mapping[str, str] | None = None
) -> list[k8s.networking.v1.NetworkPolicyPeerArgs]:
    """Who may call: pods of the own namespace, all or those with labels, and namespaces named."""
    return [
        network.same_namespace(own),
        *(network.peer(namespace) for namespace in args.get("allow_from", [])),
    ]


def scrapers(args: ServedArgs) -> list[k8s.networking.v1.NetworkPolicyPeerArgs]:
    """Who reads metrics; nobody without monitoring."""
    if not args.get("monitoring", False):
        return []
    return [network.peer(args.get("monitoring_namespace", monitoring.NAMESPACE))]


def endpoint(
    name: str,
    metadata: k8s.meta.v1.ObjectMetaArgs,
    selected: Mapping[str, str],
    opts: pulumi.ResourceOptions,
    *,
    metrics_port: int | None = None,
) -> k8s.core.v1.Service:
    """The replicas' one address, on port 80.

    Args:
        name: Resource name.
        metadata: Name, namespace and labels of the Service.
        selected: Labels of the replicas.
        opts: Its options.
        metrics_port: Port of their metrics, where those have one of their own.
    """
    ports = [_CORE.ServicePortArgs(name="http", port=_PORT, target_port="http")]
    if metrics_port is not None:
        ports.append(
            _CORE.ServicePortArgs(name="metrics", port=metrics_port, target_port="metrics")
        )
    return _CORE.Service(
        name,
        metadata=metadata,
        spec=_CORE.ServiceSpecArgs(type="ClusterIP", selector=selected, ports=ports),
        opts=opts,
    )


def deployment_spec(
    template: k8s.core.v1.PodTemplateSpecArgs,
    selected: Mapping[str, str],
    *,
    replicas: int,
    surge: int,
    deadline_seconds: int,
) -> k8s.apps.v1.DeploymentSpecArgs:
    """Replicas of which none goes before a new one answers.

    Args:
        template: One of them.
        selected: Those of its labels that never change.
        replicas: Their number; with `autoscaled` the one that they begin with.
        surge: How many more there may be while they are replaced.
        deadline_seconds: Time for a new one to answer before the rollout counts as failed.
    """
    return k8s.apps.v1.DeploymentSpecArgs(
        replicas=replicas,
        strategy=k8s.apps.v1.DeploymentStrategyArgs(
            type="RollingUpdate",
            rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(
                max_unavailable=0, max_surge=surge
            ),
        ),
        min_ready_seconds=READY_FOR_SECONDS,
        revision_history_limit=REVISIONS,
        progress_deadline_seconds=deadline_seconds,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selected),
        template=template,
    )


def autoscaled(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """Of a workload whose number of replicas is an autoscaler's, once it is there.

    A workload that states none begins with one, however many its autoscaler keeps: one of another
    kind, or one whose number was fixed until now, would serve with that one until it is told.
    """
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=[_REPLICAS]))
