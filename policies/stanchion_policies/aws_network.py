"""Networks, security groups and load balancers on AWS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from stanchion_policies.addresses import is_everywhere
from stanchion_policies.linking import belonging
from stanchion_policies.reading import get, items, number, plain, some, text, texts
from stanchion_policies.rules import (
    Settings,
    Severity,
    cis_aws,
    cis_eks,
    resource_policy,
    stack_policy,
    strings,
)
from stanchion_policies.stack import CloudResource, Stack

VPC = "aws:ec2/vpc:Vpc"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ACL = "aws:ec2/networkAcl:NetworkAcl"
ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
LISTENER = "aws:lb/listener:Listener"
OF_THE_ACCOUNT = (
    "aws:ec2/defaultVpc:DefaultVpc",
    "aws:ec2/defaultSubnet:DefaultSubnet",
)
ADMINISTRATION = ("22", "3389")


@resource_policy(
    "aws-security-group-not-open",
    kinds=(GROUP, DEFAULT_GROUP, RULE, INGRESS_RULE),
    severity=Severity.HIGH,
    fix="Name the ranges or the security group that may come in; put a load balancer in front of "
    "what is public, and declare its port in this policy's setting `open`.",
    framework=cis_aws("5.3, 5.4"),
    settings={"open": strings("Ports that may be open to the internet, as `443`.")},
    may_wait="A range that the deployment makes is known, and judged, before its rule is made.",
)
def security_group_not_open(item: CloudResource, settings: Settings) -> Iterator[str]:
    """No security group lets the internet in, but to ports that are declared."""
    for place, rule in _ingress(item):
        for cidr in _ranges(item, rule):
            if is_everywhere(cidr) and not _declared(rule, settings.strings("open")):
                yield f"{place} lets {cidr} in to {_ports(rule)}; name who may come in"


def _ingress(item: CloudResource) -> Iterator[tuple[str, Any]]:
    """The place and the body of each rule for what comes in."""
    if item.type in {GROUP, DEFAULT_GROUP}:
        for place, rule in enumerate(items(item.props, "ingress")):
            yield f"ingress[{place}]", rule
    elif item.type == INGRESS_RULE or text(item.props, "type") == "ingress":
        yield "the rule", item.props


def _ranges(item: CloudResource, rule: Any) -> list[str]:
    if item.type == INGRESS_RULE:
        return [text(rule, "cidrIpv4"), text(rule, "cidrIpv6")]
    return [*texts(rule, "cidrBlocks"), *texts(rule, "ipv6CidrBlocks")]


def _declared(rule: Any, ports: Sequence[str]) -> bool:
    first, last = _from_to(rule)
    return first == last and plain(first) in ports


def _ports(rule: Any) -> str:
    first, last = _from_to(rule)
    if first < 0 or (first == last == 0):
        return "every port"
    return f"port {plain(first)}" if first == last else f"ports {plain(first)} to {plain(last)}"


def _from_to(rule: Any) -> tuple[float, float]:
    """The first and the last port of a rule; below 0 where it is about all."""
    return number(rule, "fromPort", default=-1), number(rule, "toPort", default=-1)


@resource_policy(
    "aws-network-acl-no-administration",
    kinds=(ACL, ACL_RULE),
    severity=Severity.MEDIUM,
    fix="Name the ranges that may administer machines, or close ports 22 and 3389.",
    framework=cis_aws("5.2"),
)
def network_acl_no_administration(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """No network ACL lets the internet in to SSH or remote desktops."""
    if item.type == ACL:
        rules = [
            (f"ingress[{place}]", rule) for place, rule in enumerate(items(item.props, "ingress"))
        ]
    else:
        rules = [] if get(item.props, "egress") is True else [("the rule", item.props)]
    for place, rule in rules:
        action = text(rule, "action" if item.type == ACL else "ruleAction")
        from_anywhere = any(
            is_everywhere(get(rule, prop)) for prop in ("cidrBlock", "ipv6CidrBlock")
        )
        if action != "allow" or not from_anywhere:
            continue
        every = text(rule, "protocol") in {"-1", "all"}
        first, last = number(rule, "fromPort"), number(rule, "toPort")
        reached = [port for port in ADMINISTRATION if every or first <= int(port) <= last]
        if reached:
            yield f"{place} lets the internet in to port {' and '.join(reached)}"


@stack_policy(
    "aws-vpc-default-group-closed",
    kinds=(VPC, DEFAULT_GROUP),
    severity=Severity.MEDIUM,
    fix="Declare the VPC's DefaultSecurityGroup without any rule.",
    framework=cis_aws("5.5"),
)
def default_group_closed(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """What is given no security group reaches nothing: a VPC's default one has no rules."""
    if item.type == VPC:
        if not belonging(stack, item, "vpcId", DEFAULT_GROUP, named="id"):
            yield "its default security group is left open; declare it without rules"
        return
    for direction in ("ingress", "egress"):
        if items(item.props, direction):
            yield f"{direction} has rules; the default group is for nobody"


@stack_policy(
    "aws-vpc-flow-logs",
    kinds=(VPC,),
    severity=Severity.MEDIUM,
    fix="Add a FlowLog of the VPC with trafficType ALL.",
    framework=cis_aws("3.7"),
)
def flow_logs(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """A VPC logs its traffic, at the least what it refused."""
    logs = belonging(stack, item, "vpcId", FLOW_LOG, named="id")
    if not logs:
        yield "has no FlowLog"
    elif not some(lambda log: text(log.props, "trafficType", default="ALL") != "ACCEPT", logs):
        yield f"trafficType of {logs[0].title} is ACCEPT, so what was refused leaves no trace"


@resource_policy(
    "aws-no-default-vpc",
    kinds=OF_THE_ACCOUNT,
    severity=Severity.MEDIUM,
    fix="Declare a Vpc with private subnets.",
)
def no_default_vpc(_item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Nothing is built on the network that an account comes with."""
    yield "is the account's own network, whose subnets are public; declare one"


@resource_policy(
    "aws-load-balancer-tls",
    kinds=(LISTENER,),
    severity=Severity.MEDIUM,
    fix="Use HTTPS or TLS with a certificate and a policy of TLS 1.2 or newer, and let HTTP "
    "redirect to it.",
    framework=cis_eks("5.4.5"),
)
def load_balancer_tls(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A load balancer speaks TLS, and no old one."""
    protocol = text(item.props, "protocol")
    if protocol == "HTTP":
        if not any(
            text(action, "redirect", "protocol") == "HTTPS"
            for action in items(item.props, "defaultActions")
        ):
            yield "protocol is HTTP and no default action redirects to HTTPS"
    elif protocol in {"HTTPS", "TLS"}:
        policy = text(item.props, "sslPolicy")
        if "TLS13" not in policy and "TLS-1-2" not in policy and "FS-1-2" not in policy:
            yield "sslPolicy is none of TLS 1.2 or newer, so old versions are spoken too"
