"""Cases of the policies about networks on Google Cloud."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.cloud_resources import cloud
from policies.manifests import UNKNOWN
from stanchion_cli.policies import AnalyzedResource

ANYWHERE = "0.0.0.0/0"
SSH = [{"protocol": "tcp", "ports": ["22"]}]
WEB = [{"protocol": "tcp", "ports": ["443"]}]


def firewall(**props: Any) -> AnalyzedResource:
    return cloud("gcp:compute/firewall:Firewall", network="n", **props)


def policy_rule(ranges: list[Any], action: str = "allow", **props: Any) -> AnalyzedResource:
    """A rule of a firewall policy."""
    match = {"srcIpRanges": ranges, "layer4Configs": [{"ipProtocol": "tcp", "ports": ["22"]}]}
    base = {"firewallPolicy": "a", "priority": 1, "direction": "INGRESS", "match": match}
    return cloud(
        "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule",
        **{**base, "action": action, **props},
    )


def network(**props: Any) -> AnalyzedResource:
    return cloud("gcp:compute/network:Network", **props)


def subnet(**props: Any) -> AnalyzedResource:
    return cloud(
        "gcp:compute/subnetwork:Subnetwork", network="n", ipCidrRange="10.0.0.0/16", **props
    )


def machine(interface: Any, kind: str = "instance:Instance") -> AnalyzedResource:
    base: dict[str, Any] = {
        "machineType": "n2-standard-4",
        "networkInterfaces": [{"network": "n", **interface}],
    }
    disk: Any = {"bootDisk": {}} if kind.startswith("instance:") else {"disks": []}
    return cloud(f"gcp:compute/{kind}", **base, **disk)


PUBLIC_ADDRESS = {"accessConfigs": [{"networkTier": "PREMIUM"}]}

FIREWALLS = [
    passes("gcp-firewall-not-open", "a range", firewall(allows=SSH, sourceRanges=["10.0.0.0/8"])),
    passes("gcp-firewall-not-open", "a tag", firewall(allows=SSH, sourceTags=["bastion"])),
    passes("gcp-firewall-not-open", "refusing", firewall(denies=SSH, sourceRanges=[ANYWHERE])),
    passes(
        "gcp-firewall-not-open",
        "out",
        firewall(allows=SSH, direction="EGRESS", destinationRanges=[ANYWHERE]),
    ),
    passes("gcp-firewall-not-open", "off", firewall(allows=SSH, disabled=True)),
    passes(
        "gcp-firewall-not-open",
        "declared",
        firewall(allows=WEB, sourceRanges=[ANYWHERE]),
        open=["443"],
    ),
    passes("gcp-firewall-not-open", "a policy's refusal", policy_rule([ANYWHERE], "deny")),
    undecided("gcp-firewall-not-open", "not known", firewall(allows=SSH, sourceRanges=[UNKNOWN])),
    fails("gcp-firewall-not-open", "SSH", firewall(allows=SSH, sourceRanges=[ANYWHERE])),
    fails("gcp-firewall-not-open", "not said, from everywhere", firewall(allows=SSH)),
    fails(
        "gcp-firewall-not-open",
        "every port, IPv6",
        firewall(allows=[{"protocol": "all"}], sourceRanges=["10.0.0.0/8", "::/0"]),
    ),
    fails(
        "gcp-firewall-not-open",
        "more than declared",
        firewall(allows=[*WEB, *SSH], sourceRanges=[ANYWHERE]),
        open=["443"],
    ),
    fails("gcp-firewall-not-open", "by a policy", policy_rule(["128.0.0.0/1"])),
]

NETWORKS = [
    passes("gcp-network-custom", "custom", network(autoCreateSubnetworks=False)),
    passes("gcp-network-custom", "a subnet", subnet()),
    passes(
        "gcp-network-custom",
        "custom and regional",
        network(autoCreateSubnetworks=False, routingMode="REGIONAL"),
    ),
    fails("gcp-network-custom", "automatic", network(autoCreateSubnetworks=True)),
    fails("gcp-network-custom", "not said, automatic by default", network()),
    fails("gcp-network-custom", "null", network(autoCreateSubnetworks=None)),
    passes("gcp-subnet-flow-logs", "logged", subnet(logConfig={"flowSampling": 0.5})),
    passes("gcp-subnet-flow-logs", "by default values", subnet(logConfig={})),
    passes("gcp-subnet-flow-logs", "of proxies", subnet(purpose="REGIONAL_MANAGED_PROXY")),
    fails("gcp-subnet-flow-logs", "none", subnet()),
    fails("gcp-subnet-flow-logs", "none, purpose said", subnet(purpose="PRIVATE")),
    fails("gcp-subnet-flow-logs", "null", subnet(logConfig=None)),
    passes("gcp-subnet-private-access", "on", subnet(privateIpGoogleAccess=True)),
    passes("gcp-subnet-private-access", "of proxies", subnet(purpose="REGIONAL_MANAGED_PROXY")),
    passes(
        "gcp-subnet-private-access",
        "for others to connect to",
        subnet(purpose="PRIVATE_SERVICE_CONNECT"),
    ),
    undecided("gcp-subnet-private-access", "not known", subnet(privateIpGoogleAccess=UNKNOWN)),
    fails("gcp-subnet-private-access", "off", subnet(privateIpGoogleAccess=False)),
    fails("gcp-subnet-private-access", "not said", subnet()),
    fails("gcp-subnet-private-access", "not said, purpose said", subnet(purpose="PRIVATE")),
    passes("gcp-no-public-addresses", "inside", machine({})),
    passes("gcp-no-public-addresses", "an empty list", machine({"accessConfigs": []})),
    passes("gcp-no-public-addresses", "template", machine({}, "instanceTemplate:InstanceTemplate")),
    fails("gcp-no-public-addresses", "public", machine(PUBLIC_ADDRESS)),
    fails(
        "gcp-no-public-addresses",
        "template",
        machine(PUBLIC_ADDRESS, "instanceTemplate:InstanceTemplate"),
    ),
    fails(
        "gcp-no-public-addresses",
        "IPv6",
        machine({"ipv6AccessConfigs": [{"networkTier": "PREMIUM"}]}),
    ),
]

CASES: list[Case] = [*FIREWALLS, *NETWORKS]
