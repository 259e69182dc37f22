"""A candidate of a `ModelService` that gets copies of its requests, and whose answers are dropped.

Its pods, Service and metrics are its own (label `service`: the service's name and `-shadow`), so
that no alert, objective or release of the live version counts them.
"""

from collections.abc import Mapping
from typing import cast

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, pods
from stanchion.monitoring import service_monitor
from stanchion.names import label_value
from stanchion.serving import _gateway, _pods, _served, _walls
from stanchion.serving.arguments import ModelServiceArgs
from stanchion.serving.gateway import DEFAULT_SHADOW_REPLICAS

COMPONENT = "shadow"
_LIVE_ONLY = {"prediction_log", "rollout", "shadow", "cold_start"}
_NOT_WAITED_FOR = {"pulumi.com/skipAwait": "true"}
"""A candidate that does not start must not hold up the service."""


def make(
    name: str,
    service: str,
    args: ModelServiceArgs,
    labelled: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> k8s.core.v1.Service:
    """The candidate's replicas behind a Service of their own.

    Args:
        name: Beginning of the resources' names.
        service: Name of the live service, which the candidate's URLs have too.
        args: Arguments of the live service, with a shadow.
        labelled: Labels of the live service's objects.
        opts: Options of the parts; the account and the credentials of the live service are there.
    """
    shadow, name = args["shadow"], f"{name}-{COMPONENT}"
    own = cast(
        "ModelServiceArgs",
        {
            **{key: value for key, value in args.items() if key not in _LIVE_ONLY},
            "model": {
                "name": args["model"]["name"],
                "version": shadow["version"],
                "digest": shadow["digest"],
            },
        },
    )
    selected = labels.selector("model-server", service, COMPONENT)
    marked = {
        **labelled,
        **selected,
        "app.kubernetes.io/version": label_value(shadow["version"]),
    }
    metadata = labels.metadata(service + _gateway.SHADOW_SUFFIX, args["namespace"], marked)
    walls = k8s.networking.v1.NetworkPolicy(
        f"{name}-network",
        metadata=metadata,
        spec=_walls.policy_spec(selected, own, _gateway.proxies(args), _gateway.PORT),
        opts=opts,
    )
    k8s.apps.v1.Deployment(
        f"{name}-deployment",
        metadata=labels.metadata(
            service + _gateway.SHADOW_SUFFIX, args["namespace"], marked, _NOT_WAITED_FOR
        ),
        spec=_served.deployment_spec(
            _pods.pod_template(service, own, marked, selected),
            selected,
            replicas=shadow.get("replicas", DEFAULT_SHADOW_REPLICAS),
            surge=1,
            deadline_seconds=_pods.replica_seconds(own),
        ),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[walls])),
    )
    k8s.policy.v1.PodDisruptionBudget(
        f"{name}-disruption-budget",
        metadata=metadata,
        spec=pods.disruption_budget(selected),
        opts=opts,
    )
    if args.get("monitoring", False):
        service_monitor(f"{name}-monitor", metadata, selected, "http", opts)
    return _served.endpoint(f"{name}-service", metadata, selected, opts)
