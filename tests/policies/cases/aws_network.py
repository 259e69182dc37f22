"""Cases of the policies about networks on AWS."""

from __future__ import annotations

from typing import Any

from policies.cases.aws_machines import subnet
from policies.cases.case import Case, fails, passes, undecided
from policies.cloud_resources import cloud
from policies.manifests import UNKNOWN
from stanchion_cli.policies import AnalyzedResource

VPC = cloud("aws:ec2/vpc:Vpc", "network", cidrBlock="10.0.0.0/16")
ANYWHERE = "0.0.0.0/0"
OF_VPC = {"vpcId": VPC}


def group(*ingress: Any, **props: Any) -> AnalyzedResource:
    return cloud("aws:ec2/securityGroup:SecurityGroup", ingress=list(ingress), **props)


def inline(*cidrs: Any, port: int = 22, **more: Any) -> dict[str, Any]:
    """A rule of a security group."""
    return {"protocol": "tcp", "fromPort": port, "toPort": port, "cidrBlocks": list(cidrs), **more}


def rule(kind: str = "ingress", **props: Any) -> AnalyzedResource:
    """A rule of the older kind that is a resource of its own."""
    base = {"securityGroupId": "sg-1", "protocol": "tcp", "fromPort": 443, "toPort": 443}
    return cloud("aws:ec2/securityGroupRule:SecurityGroupRule", type=kind, **{**base, **props})


def admits(**props: Any) -> AnalyzedResource:
    """A rule of the newer kind that is a resource of its own."""
    base = {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 443, "toPort": 443}
    return cloud("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", **{**base, **props})


def acl_rule(**props: Any) -> AnalyzedResource:
    base = {"networkAclId": "acl-1", "ruleNumber": 100, "protocol": "tcp", "ruleAction": "allow"}
    return cloud("aws:ec2/networkAclRule:NetworkAclRule", **{**base, **props})


def acl(**entry: Any) -> AnalyzedResource:
    base = {"ruleNo": 1, "protocol": "-1", "action": "allow", "fromPort": 0, "toPort": 0}
    return cloud("aws:ec2/networkAcl:NetworkAcl", vpcId="vpc-1", ingress=[{**base, **entry}])


def default_group(**rules: Any) -> AnalyzedResource:
    return cloud(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "default", derived=OF_VPC, **rules
    )


def flow_log(**props: Any) -> AnalyzedResource:
    return cloud("aws:ec2/flowLog:FlowLog", "flows", derived=OF_VPC, **props)


def listener(**props: Any) -> AnalyzedResource:
    base = {"loadBalancerArn": "arn:aws:elb:a", "defaultActions": [{"type": "forward"}]}
    return cloud("aws:lb/listener:Listener", **{**base, **props})


NEW_TLS = "ELBSecurityPolicy-TLS13-1-2-2021-06"

GROUPS = [
    passes("aws-security-group-not-open", "a range", group(inline("10.0.0.0/16"))),
    passes(
        "aws-security-group-not-open", "another group", admits(referencedSecurityGroupId="sg-2")
    ),
    passes("aws-security-group-not-open", "out", rule("egress", cidrBlocks=[ANYWHERE])),
    passes("aws-security-group-not-open", "declared", admits(cidrIpv4=ANYWHERE), open=["443"]),
    undecided("aws-security-group-not-open", "not known", admits(cidrIpv4=UNKNOWN)),
    fails("aws-security-group-not-open", "inline", group(inline(ANYWHERE))),
    fails(
        "aws-security-group-not-open",
        "inline, IPv6",
        group({"protocol": "-1", "fromPort": 0, "toPort": 0, "ipv6CidrBlocks": ["::/0"]}),
    ),
    fails("aws-security-group-not-open", "a rule", rule(cidrBlocks=["10.0.0.0/8", ANYWHERE])),
    fails("aws-security-group-not-open", "a newer rule", admits(cidrIpv6="::/0")),
    fails("aws-security-group-not-open", "half of it", admits(cidrIpv4="128.0.0.0/1")),
    fails(
        "aws-security-group-not-open",
        "more ports than declared",
        admits(cidrIpv4=ANYWHERE, toPort=8443),
        open=["443"],
    ),
    fails(
        "aws-security-group-not-open",
        "every port",
        cloud(
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            securityGroupId="sg-1",
            ipProtocol="-1",
            cidrIpv4=ANYWHERE,
        ),
    ),
    passes(
        "aws-network-acl-no-administration",
        "web",
        acl_rule(cidrBlock=ANYWHERE, fromPort=443, toPort=443),
    ),
    passes(
        "aws-network-acl-no-administration",
        "out",
        acl_rule(cidrBlock=ANYWHERE, egress=True, protocol="-1"),
    ),
    passes("aws-network-acl-no-administration", "refused", acl(cidrBlock=ANYWHERE, action="deny")),
    fails(
        "aws-network-acl-no-administration",
        "SSH",
        acl_rule(cidrBlock=ANYWHERE, fromPort=22, toPort=22),
    ),
    fails(
        "aws-network-acl-no-administration",
        "among others, IPv6",
        acl_rule(ipv6CidrBlock="::/0", fromPort=1024, toPort=65535),
    ),
    fails("aws-network-acl-no-administration", "everything, inline", acl(cidrBlock=ANYWHERE)),
]

NETWORKS = [
    passes("aws-vpc-default-group-closed", "closed", VPC, default_group()),
    passes(
        "aws-vpc-default-group-closed",
        "closed by empty lists",
        VPC,
        default_group(ingress=[], egress=[]),
    ),
    passes("aws-vpc-default-group-closed", "of another stack's VPC", default_group()),
    fails("aws-vpc-default-group-closed", "not declared", VPC),
    fails(
        "aws-vpc-default-group-closed",
        "not this one's",
        VPC,
        cloud("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", vpcId="vpc-9"),
    ),
    fails(
        "aws-vpc-default-group-closed", "open", VPC, default_group(ingress=[inline("10.0.0.0/8")])
    ),
    passes("aws-vpc-flow-logs", "everything", VPC, flow_log(trafficType="ALL")),
    passes("aws-vpc-flow-logs", "refusals", VPC, flow_log(trafficType="REJECT")),
    passes("aws-vpc-flow-logs", "not said, everything by default", VPC, flow_log()),
    fails("aws-vpc-flow-logs", "nothing", VPC),
    fails("aws-vpc-flow-logs", "only what passed", VPC, flow_log(trafficType="ACCEPT")),
    fails(
        "aws-vpc-flow-logs",
        "a subnet's",
        VPC,
        cloud("aws:ec2/flowLog:FlowLog", subnetId="subnet-1"),
    ),
    passes("aws-no-default-vpc", "a VPC", VPC),
    passes("aws-no-default-vpc", "a subnet", subnet()),
    passes("aws-no-default-vpc", "its group, closed", default_group()),
    fails("aws-no-default-vpc", "the VPC", cloud("aws:ec2/defaultVpc:DefaultVpc")),
    fails(
        "aws-no-default-vpc",
        "one to be deleted",
        cloud("aws:ec2/defaultVpc:DefaultVpc", forceDestroy=True),
    ),
    fails(
        "aws-no-default-vpc",
        "a subnet of it",
        cloud("aws:ec2/defaultSubnet:DefaultSubnet", availabilityZone="eu-west-1a"),
    ),
    passes("aws-load-balancer-tls", "new", listener(protocol="HTTPS", sslPolicy=NEW_TLS)),
    passes(
        "aws-load-balancer-tls",
        "redirected",
        listener(
            protocol="HTTP",
            defaultActions=[
                {"type": "redirect", "redirect": {"protocol": "HTTPS", "statusCode": "HTTP_301"}}
            ],
        ),
    ),
    passes("aws-load-balancer-tls", "not HTTP", listener(protocol="TCP")),
    fails("aws-load-balancer-tls", "plain", listener(protocol="HTTP")),
    fails("aws-load-balancer-tls", "the default policy", listener(protocol="HTTPS")),
    fails(
        "aws-load-balancer-tls",
        "an old policy",
        listener(protocol="TLS", sslPolicy="ELBSecurityPolicy-2016-08"),
    ),
]

CASES: list[Case] = [*GROUPS, *NETWORKS]
