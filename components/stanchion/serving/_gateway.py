"""The route of a `ModelService` at its Gateway.

A rule never changes: another rule is another route, which is there before the one before it goes,
and of two routes for one host the older is followed until then (Gateway API, HTTPRouteRule). So
all of `spec.rules` can be left to the controller that writes the weights. See
docs/decisions/0019-weights-belong-to-the-controller.md.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from stanchion import google_backends, network
from stanchion.labels import metadata as labelled_metadata
from stanchion.operators import gateway_plugin
from stanchion.serving import _served
from stanchion.serving.arguments import (
    DEFAULT_DRAIN_SECONDS,
    DEFAULT_REQUEST_TIMEOUT_SECONDS,
    ModelServiceArgs,
)
from stanchion.serving.autoscaling import rests
from stanchion.serving.gateway import DEFAULT_MIRROR_PERCENT, ModelGateway, class_of
from stanchion.serving.rollout import weighs_at_gateway

API_VERSION = "gateway.networking.k8s.io/v1"
CANARY_SUFFIX = "-canary"
"""Of the Service that a new version has to itself."""
SHADOW_SUFFIX = "-shadow"
"""Of the Service, and all else, that a shadow has to itself."""
READY_PATH = "/v2/health/ready"
PORT = 8080
"""Of a replica."""
_PORT = 80
_SLACK_SECONDS = 5
"""The server itself answers a late request with 504; the Gateway waits for that."""
_ACTIVATOR_MARGIN_SECONDS = 5
"""So much longer an activator waits for a replica's answer than the replica may take."""
_HASH_DIGITS = 8


def rules(service: str, args: ModelServiceArgs) -> list[dict[str, Any]]:
    """The rules of a service's route as they begin: all requests to the live version."""
    backends = [_backend(service)]
    if weighs_at_gateway(args.get("rollout")):
        backends = [
            {**_backend(service), "weight": 100},
            {**_backend(service + CANARY_SUFFIX), "weight": 0},
        ]
    rule: dict[str, Any] = {
        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
        "backendRefs": backends,
    }
    if shadow := args.get("shadow"):
        mirror: dict[str, Any] = {"backendRef": _backend(service + SHADOW_SUFFIX)}
        percent = shadow.get("percent", DEFAULT_MIRROR_PERCENT)
        if percent < DEFAULT_MIRROR_PERCENT:
            mirror["percent"] = percent
        rule["filters"] = [{"type": "RequestMirror", "requestMirror": mirror}]
    if not _is_googles(args["gateway"]):
        rule["timeouts"] = {"request": f"{_timeout(args)}s"}
    return [rule]


def route_name(service: str, args: ModelServiceArgs) -> str:
    """The service's name and a few digits of what its rule says."""
    text = json.dumps(rules(service, args), sort_keys=True)
    return f"{service}-{hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]}"


def traffic_routing(service: str, args: ModelServiceArgs) -> dict[str, Any]:
    """How Argo Rollouts finds the weights that it writes, in the Rollout's own namespace."""
    return {
        "plugins": {
            gateway_plugin.NAME: {
                "httpRoute": route_name(service, args),
                "namespace": args["namespace"],
                # It would be the only other thing in the route that the plugin writes.
                "disableInProgressLabel": True,
            }
        }
    }


def route(
    name: str,
    service: str,
    args: ModelServiceArgs,
    labelled: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Resource:
    """The route, whose weights are the controller's from then on.

    Args:
        name: Beginning of the resources' names.
        service: Name of the service.
        args: Its arguments.
        labelled: Labels of the route.
        opts: Its options, with what it leads to as dependencies.
    """
    gateway = args["gateway"]
    moved = ["spec.rules"] if weighs_at_gateway(args.get("rollout")) else None
    return k8s.apiextensions.CustomResource(
        f"{name}-route",
        api_version=API_VERSION,
        kind="HTTPRoute",
        metadata=labelled_metadata(route_name(service, args), args["namespace"], labelled),
        spec={
            "parentRefs": [{"name": gateway["name"], "namespace": gateway["namespace"]}],
            "hostnames": list(gateway["hostnames"]),
            "rules": rules(service, args),
        },
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=moved)),
    )


def tell_google(
    name: str,
    backends: Sequence[str],
    args: ModelServiceArgs,
    labelled: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Policies for each Service behind one of Google's Gateways; nothing behind another.

    Args:
        name: Beginning of the resources' names.
        backends: Names of the Services.
        args: Arguments of the service.
        labelled: Labels of the policies.
        opts: Options of the policies.
    """
    if not _is_googles(args["gateway"]):
        return
    for backend in backends:
        specs = google_backends.policies(
            backend,
            port=PORT,
            health_path=READY_PATH,
            timeout_seconds=_timeout(args),
            drain_seconds=args.get("drain_seconds", DEFAULT_DRAIN_SECONDS),
        )
        for kind, spec in specs.items():
            k8s.apiextensions.CustomResource(
                f"{name}-{kind.lower()}-{backend}",
                api_version=google_backends.API_VERSION,
                kind=kind,
                metadata=labelled_metadata(backend, args["namespace"], labelled),
                spec=spec,
                opts=opts,
            )


def proxies(args: ModelServiceArgs) -> list[k8s.networking.v1.NetworkPolicyPeerArgs]:
    """Who calls for the Gateway; nobody where there is none."""
    gateway = args.get("gateway")
    if gateway is None:
        return []
    if cidrs := gateway.get("proxy_cidrs"):
        return [network.addresses(cidr) for cidr in cidrs]
    return [network.peer(gateway.get("proxies_namespace", gateway["namespace"]))]


def callers(args: ModelServiceArgs) -> list[k8s.networking.v1.NetworkPolicyPeerArgs]:
    """Who may call the service itself: what `_served.callers` says, and for the Gateway."""
    return [*_served.callers(args), *proxies(args)]


def _backend(service: str) -> dict[str, Any]:
    return {"name": service, "port": _PORT}


def _is_googles(gateway: ModelGateway) -> bool:
    return class_of(gateway).startswith(google_backends.CLASS_PREFIX)


def _timeout(args: ModelServiceArgs) -> int:
    longest = args.get("request_timeout_seconds", DEFAULT_REQUEST_TIMEOUT_SECONDS)
    if rests(args["autoscaling"]):
        # A request may be held first, and both ends of the wait are the activator's to tell.
        longest += args["cold_start"]["budget_seconds"] + _ACTIVATOR_MARGIN_SECONDS
    return longest + _SLACK_SECONDS
