"""Networks and firewalls on Google Cloud."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from stanchion_policies.addresses import is_everywhere
from stanchion_policies.reading import entries, get, items, present, text, texts
from stanchion_policies.rules import Settings, Severity, cis_gcp, resource_policy, strings
from stanchion_policies.stack import CloudResource

NETWORK = "gcp:compute/network:Network"
SUBNET = "gcp:compute/subnetwork:Subnetwork"
FIREWALL = "gcp:compute/firewall:Firewall"
POLICY_RULES = (
    "gcp:compute/firewallPolicyRule:FirewallPolicyRule",
    "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule",
    "gcp:compute/regionNetworkFirewallPolicyRule:RegionNetworkFirewallPolicyRule",
)
MACHINES = (
    "gcp:compute/instance:Instance",
    "gcp:compute/instanceTemplate:InstanceTemplate",
)
SOURCES = ("sourceRanges", "sourceTags", "sourceServiceAccounts")
FOR_MACHINES = ("PRIVATE", "PRIVATE_RFC_1918")
"""Purposes of subnets that machines are in."""


@resource_policy(
    "gcp-firewall-not-open",
    kinds=(FIREWALL, *POLICY_RULES),
    severity=Severity.HIGH,
    fix="Name the ranges, tags or accounts that may come in; put a load balancer in front of what "
    "is public, and declare its port in this policy's setting `open`.",
    framework=cis_gcp("3.6, 3.7"),
    settings={"open": strings("Ports that may be open to the internet, as `443`.")},
    may_wait="A range that the deployment makes is known, and judged, before its rule is made.",
)
def firewall_not_open(item: CloudResource, settings: Settings) -> Iterator[str]:
    """No firewall rule lets the internet in, but to ports that are declared."""
    if get(item.props, "disabled") is True:
        return
    if text(item.props, "direction", default="INGRESS") != "INGRESS":
        return
    allowed, source = _allowed(item)
    protocol = "protocol" if item.type == FIREWALL else "ipProtocol"
    declared = settings.strings("open")
    reached = [
        f"{text(each, protocol)} {', '.join(ports) or 'of any kind'}"
        for each in allowed
        for ports in [texts(each, "ports")]
        if not ports or any(port not in declared for port in ports)
    ]
    if reached and source is not None:
        yield f"lets {source} in to {'; '.join(reached)}; name who may come in"


def _allowed(item: CloudResource) -> tuple[Sequence[Any], str | None]:
    """What a rule admits, and the source that is everybody, if there is one."""
    if item.type == FIREWALL:
        allowed, ranges = items(item.props, "allows"), texts(item.props, "sourceRanges")
        if not any(present(item.props, source) for source in SOURCES):
            return allowed, "everybody, as it names no source,"
    else:
        match = entries(item.props, "match")
        admits = text(item.props, "action") == "allow"
        allowed = items(match, "layer4Configs") if admits else ()
        ranges = texts(match, "srcIpRanges")
    return allowed, next(filter(is_everywhere, ranges), None)


@resource_policy(
    "gcp-network-custom",
    kinds=(NETWORK,),
    severity=Severity.MEDIUM,
    fix="Set autoCreateSubnetworks: false and declare the subnets.",
)
def network_custom(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A network has the subnets that are declared, not one in every region."""
    if get(item.props, "autoCreateSubnetworks", default=True) is not False:
        yield "autoCreateSubnetworks is not false"


@resource_policy(
    "gcp-subnet-flow-logs",
    kinds=(SUBNET,),
    severity=Severity.MEDIUM,
    fix="Add logConfig.",
    framework=cis_gcp("3.8"),
)
def subnet_flow_logs(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A subnet logs its traffic."""
    if _has_machines(item) and not present(item.props, "logConfig"):
        yield "has no logConfig"


@resource_policy(
    "gcp-subnet-private-access",
    kinds=(SUBNET,),
    severity=Severity.MEDIUM,
    fix="Set privateIpGoogleAccess: true.",
)
def subnet_private_access(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Machines reach Google's services without going out to the internet."""
    if _has_machines(item) and get(item.props, "privateIpGoogleAccess") is not True:
        yield "privateIpGoogleAccess is not true"


def _has_machines(subnet: CloudResource) -> bool:
    return text(subnet.props, "purpose", default="PRIVATE") in FOR_MACHINES


@resource_policy(
    "gcp-no-public-addresses",
    kinds=MACHINES,
    severity=Severity.MEDIUM,
    fix="Remove accessConfigs; leave public addresses to load balancers and Cloud NAT.",
    framework=cis_gcp("4.9"),
)
def no_public_addresses(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Machines have no public address."""
    for place, interface in enumerate(items(item.props, "networkInterfaces")):
        for kind in ("accessConfigs", "ipv6AccessConfigs"):
            if items(interface, kind):
                yield f"networkInterfaces[{place}].{kind} gives it a public address"
