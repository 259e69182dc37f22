"""Who reaches an `MlflowServer`, and whom it reaches."""

import pulumi_kubernetes as k8s

from stanchion import labels, network
from stanchion.foundation.network.contract import PRIVATE_RANGES
from stanchion.tracking._pods import METRICS_PORT, PORT
from stanchion.tracking.arguments import MlflowDatabase, MlflowServerArgs

_NET = k8s.networking.v1
ANYWHERE = "0.0.0.0/0"
CREDENTIALS = {"169.254.170.23/32": (80,), "169.254.169.254/32": (80, 8080)}
"""Where pods fetch credentials, with ports: EKS's Pod Identity agent; GKE's metadata server as
Dataplane V2 sees it. Nodes on EKS answer pods on the second one with nothing (hop limit 1)."""


def way_in(args: MlflowServerArgs) -> list[k8s.networking.v1.NetworkPolicyIngressRuleArgs]:
    """Tracking clients, the own namespace and load balancers; metrics for who scrapes them."""
    own_namespace = _NET.NetworkPolicyPeerArgs(pod_selector=k8s.meta.v1.LabelSelectorArgs())
    clients = network.labelled_namespaces({labels.TRACKING_CLIENT: "true"})
    scrapers = network.peer(args.get("monitoring_namespace", "monitoring"))
    balancers = [
        _NET.NetworkPolicyPeerArgs(ip_block=_NET.IPBlockArgs(cidr=cidr))
        for cidr in args.get("load_balancer_cidrs", [])
    ]
    return [
        network.ingress([clients, own_namespace, *balancers], PORT),
        network.ingress([scrapers], METRICS_PORT),
    ]


def way_out(
    database: MlflowDatabase, *, cloud_access: bool = False
) -> list[k8s.networking.v1.NetworkPolicyEgressRuleArgs]:
    """Names and the database; with access to the cloud its credentials and public services.

    Buckets have public addresses, however private the way to them; private ones stay closed.
    """
    known = database.get("pods")
    if known:
        there = network.peer(known["namespace"], known.get("pod_labels"))
    else:
        there = _NET.NetworkPolicyPeerArgs(
            ip_block=_NET.IPBlockArgs(cidr=database.get("cidr", ANYWHERE))
        )
    always = [network.dns_egress(), network.egress([there], database["port"])]
    if not cloud_access:
        return always
    services = _NET.NetworkPolicyPeerArgs(
        ip_block=_NET.IPBlockArgs(cidr=ANYWHERE, except_=list(PRIVATE_RANGES))
    )
    credentials = [
        network.egress([_NET.NetworkPolicyPeerArgs(ip_block=_NET.IPBlockArgs(cidr=cidr))], *ports)
        for cidr, ports in CREDENTIALS.items()
    ]
    return [*always, *credentials, network.egress([services], 443)]
