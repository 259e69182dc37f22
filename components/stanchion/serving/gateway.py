"""A Gateway that a `ModelService` is called through, and a candidate that it mirrors to."""

import re
from ipaddress import ip_network
from typing import NotRequired, TypedDict

from stanchion.checks import Checks
from stanchion.google_backends import CLASS_PREFIX

DEFAULT_GATEWAY_CLASS = "envoy"
DEFAULT_MIRROR_PERCENT = 100
DEFAULT_SHADOW_REPLICAS = 1
_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
HOST = rf"(\*\.)?({_LABEL}\.)+[a-z]([-a-z0-9]*[a-z0-9])?"
"""Pattern of a host that a route may have."""
LONGEST_HOST = 253
MOST_HOSTS = 16
_CLASSIC = f"{CLASS_PREFIX}gxlb"
_OF_MANY_CLUSTERS = "-mc"


class ModelGateway(TypedDict):
    """A Gateway that is there, of Gateway API v1, and what a service has at it.

    A listener of it admits HTTPRoutes of the service's namespace. Its certificate, its address
    and who may reach it are its owner's.
    """

    name: str
    """Name of the Gateway."""
    namespace: str
    """Its namespace."""
    hostnames: list[str]
    """Hosts of the service at it, 1 to 16, of no other service."""
    gateway_class: NotRequired[str]
    """Its class. Google's own (gke-l7-…) are told about health and timeouts; those that know no
    weights are refused. Default: envoy."""
    proxies_namespace: NotRequired[str]
    """Namespace of the pods that its requests come from. Default: its own."""
    proxy_cidrs: NotRequired[list[str]]
    """Addresses that its requests come from where they are no pods': on Google Cloud `Network`'s
    output `balancer_cidrs`. Default: none, they come from pods."""


class ModelShadow(TypedDict):
    """A candidate that is asked what the live version is asked, and whose answers nobody gets."""

    version: str
    """Version of the same model. Never the one that is live."""
    digest: str
    """Digest of its files that registration recorded, as sha256: and 64 hex digits."""
    percent: NotRequired[int]
    """Share of the requests that are mirrored to it, 1 to 100. Default: 100."""
    replicas: NotRequired[int]
    """Its replicas, GPUs of the pool included, 1 to 100. Default: 1."""


def check_gateway(check: Checks, gateway: ModelGateway) -> None:
    """Refuse a Gateway that cannot lead to the service."""
    check.name("gateway.name", gateway["name"])
    check.name("gateway.namespace", gateway["namespace"])
    if "proxies_namespace" in gateway:
        check.name("gateway.proxies_namespace", gateway["proxies_namespace"])
    if not 1 <= len(gateway["hostnames"]) <= MOST_HOSTS:
        check.refuse(
            "gateway.hostnames",
            f"has {len(gateway['hostnames'])} hosts",
            f"name 1 to {MOST_HOSTS} that lead to the service",
        )
    for at, host in enumerate(gateway["hostnames"]):
        if len(host) > LONGEST_HOST or not re.fullmatch(HOST, host):
            check.refuse(
                f"gateway.hostnames[{at}]", f"'{host}' is no host", "write one as wine.example.com"
            )
    check.unique("gateway.hostnames", gateway["hostnames"])
    for at, cidr in enumerate(gateway.get("proxy_cidrs", [])):
        try:
            ip_network(cidr)
        except ValueError as error:
            check.refuse(f"gateway.proxy_cidrs[{at}]", f"{error}", "write one as 10.20.200.0/23")
    if reason := unfit_class(class_of(gateway)):
        check.refuse("gateway.gateway_class", *reason)


def check_shadow(check: Checks, shadow: ModelShadow, live: str, gateway: ModelGateway) -> None:
    """Refuse a shadow that tells nothing, or that would get more than its share.

    Args:
        check: Where it is noted.
        shadow: The shadow.
        live: The version that answers.
        gateway: What mirrors.
    """
    percent = shadow.get("percent", DEFAULT_MIRROR_PERCENT)
    check.between("shadow.percent", percent, 1, 100)
    check.between("shadow.replicas", shadow.get("replicas", DEFAULT_SHADOW_REPLICAS), 1, 100)
    if shadow["version"] == live:
        check.refuse(
            "shadow.version",
            f"{live} is the version that answers, and a comparison with itself always passes",
            "remove shadow, or name a candidate",
        )
    if reason := unfit_percent(percent, class_of(gateway)):
        check.refuse("shadow.percent", *reason)


def class_of(gateway: ModelGateway) -> str:
    """The Gateway's class."""
    return gateway.get("gateway_class", DEFAULT_GATEWAY_CLASS)


def unfit_class(name: str) -> tuple[str, str] | None:
    """Why a class of Gateways knows no weights and no mirrors, and what to do; None where it does.

    Google's table of classes, https://cloud.google.com/kubernetes-engine/docs/how-to/gatewayclass-capabilities:
    gke-l7-gxlb is the classic load balancer, whose URL map can rewrite addresses and nothing more;
    classes of many clusters lead to ServiceImports.
    """
    if not name.startswith(CLASS_PREFIX):
        return None
    if name.endswith(_OF_MANY_CLUSTERS):
        return f"{name} leads to ServiceImports of many clusters", "name a class of one cluster"
    if name == _CLASSIC:
        return (
            f"{name} is the classic load balancer, which has neither weights nor mirrors",
            "write gke-l7-rilb, gke-l7-regional-external-managed or gke-l7-global-external-managed",
        )
    return None


def unfit_percent(percent: int, name: str) -> tuple[str, str] | None:
    """Why a class of Gateways may mirror more than is asked, and what to do; None where it won't.

    Gateway API has shares of mirrored requests since 1.3, as an extended feature; Google does not
    say that its classes heed them, and one that does not would mirror everything.
    """
    if percent < DEFAULT_MIRROR_PERCENT and name.startswith(CLASS_PREFIX):
        return (
            f"{percent} is not known to be heeded by {name}, which would mirror all requests",
            "write 100, or leave it out",
        )
    return None
