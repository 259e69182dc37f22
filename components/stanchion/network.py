"""Parts of network policies.

They hold where the cluster's network enforces policies: EKS with the VPC CNI's policy
agent on, GKE with Dataplane V2, most kinds of local cluster with Calico or Cilium.
"""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from stanchion.foundation.network.contract import PRIVATE_RANGES
from stanchion.labels import NAMESPACE_NAME

_NET = k8s.networking.v1
ANYWHERE = "0.0.0.0/0"
_CREDENTIALS = {"169.254.170.23/32": (80,), "169.254.169.254/32": (80, 8080)}
"""Where pods fetch credentials, with ports: EKS's Pod Identity agent; GKE's metadata server as
Dataplane V2 sees it. Nodes on EKS answer pods on the second one with nothing (hop limit 1)."""
DNS_NAMESPACE = "kube-system"
DNS_PODS = {"k8s-app": "kube-dns"}


class NetworkPeer(TypedDict):
    """Pods at the other end of an allowed connection."""

    namespace: pulumi.Input[str]
    """Their namespace, by name."""
    pod_labels: NotRequired[dict[str, str]]
    """Labels they carry. Default: every pod of the namespace."""


def peer(
    namespace: pulumi.Input[str], pod_labels: Mapping[str, str] | None = None
) -> k8s.networking.v1.NetworkPolicyPeerArgs:
    """Pods of one namespace, all or those with the labels."""
    return _NET.NetworkPolicyPeerArgs(
        namespace_selector=k8s.meta.v1.LabelSelectorArgs(match_labels={NAMESPACE_NAME: namespace}),
        pod_selector=(
            k8s.meta.v1.LabelSelectorArgs(match_labels=pod_labels) if pod_labels else None
        ),
    )


def same_namespace(
    pod_labels: Mapping[str, str] | None = None,
) -> k8s.networking.v1.NetworkPolicyPeerArgs:
    """Pods of the policy's own namespace, all or those with the labels."""
    return _NET.NetworkPolicyPeerArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=pod_labels)
    )


def labelled_namespaces(labels: Mapping[str, str]) -> k8s.networking.v1.NetworkPolicyPeerArgs:
    """Every pod of the namespaces that carry the labels."""
    return _NET.NetworkPolicyPeerArgs(
        namespace_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels)
    )


def addresses(cidr: pulumi.Input[str], *without: str) -> k8s.networking.v1.NetworkPolicyPeerArgs:
    """Whoever has an address in `cidr` and in none of `without`."""
    return _NET.NetworkPolicyPeerArgs(
        ip_block=_NET.IPBlockArgs(cidr=cidr, except_=list(without) or None)
    )


def port(
    number: pulumi.Input[int], protocol: str = "TCP"
) -> k8s.networking.v1.NetworkPolicyPortArgs:
    """A port, TCP unless said otherwise."""
    return _NET.NetworkPolicyPortArgs(port=number, protocol=protocol)


def ingress(
    peers: Sequence[k8s.networking.v1.NetworkPolicyPeerArgs], *ports: pulumi.Input[int]
) -> k8s.networking.v1.NetworkPolicyIngressRuleArgs:
    """Connections admitted from `peers` to TCP `ports`."""
    return _NET.NetworkPolicyIngressRuleArgs(
        from_=list(peers), ports=[port(number) for number in ports]
    )


def egress(
    peers: Sequence[k8s.networking.v1.NetworkPolicyPeerArgs], *ports: pulumi.Input[int]
) -> k8s.networking.v1.NetworkPolicyEgressRuleArgs:
    """Connections allowed to `peers` on TCP `ports`."""
    return _NET.NetworkPolicyEgressRuleArgs(
        to=list(peers), ports=[port(number) for number in ports]
    )


def dns_egress() -> k8s.networking.v1.NetworkPolicyEgressRuleArgs:
    """Name look-ups at the cluster's own DNS pods, over UDP and TCP."""
    return _NET.NetworkPolicyEgressRuleArgs(
        to=[peer(DNS_NAMESPACE, DNS_PODS)], ports=[port(53, "UDP"), port(53)]
    )


def public_egress() -> k8s.networking.v1.NetworkPolicyEgressRuleArgs:
    """HTTPS to public addresses, where clouds' own services are; private ones stay closed."""
    return egress([addresses(ANYWHERE, *PRIVATE_RANGES)], 443)


def credentials_egress() -> list[k8s.networking.v1.NetworkPolicyEgressRuleArgs]:
    """Credentials of a service account, from what runs on the node."""
    return [egress([addresses(cidr)], *ports) for cidr, ports in _CREDENTIALS.items()]


def api_server_egress() -> k8s.networking.v1.NetworkPolicyEgressRuleArgs:
    """The cluster's own API, which has an address in private networks that nobody knows before."""
    return egress([addresses(each) for each in PRIVATE_RANGES], 443, 6443)


def policy_spec(
    pods: Mapping[str, str],
    *,
    admit: Sequence[k8s.networking.v1.NetworkPolicyIngressRuleArgs],
    allow: Sequence[k8s.networking.v1.NetworkPolicyEgressRuleArgs],
) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """Isolate the pods with the labels both ways, but for the rules given.

    Args:
        pods: Labels of the pods; empty selects all of the namespace.
        admit: Ingress rules; none admits nothing.
        allow: Egress rules; none allows nothing.
    """
    return _NET.NetworkPolicySpecArgs(
        # What is empty says no more than what is left out, and every apply would write it anew.
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=pods or None),
        policy_types=["Ingress", "Egress"],
        ingress=list(admit) or None,
        egress=list(allow) or None,
    )
