"""What the load balancer controller may do on AWS: its makers' policy, bound to one cluster.

After the documented policy of version 3.5, without WAF, Shield and Cognito, which are off; where
that asks for any cluster's tag, here it is this one's, and where it says any ARN, here it is the
account's and region's. Listeners and rules alone stay open within those, as in that policy.
"""

from typing import Any

from stanchion.foundation.location import Location, aws_partition
from stanchion.operators import _aws_iam
from stanchion.operators._aws_iam import allow

_CLUSTER_TAG = "elbv2.k8s.aws/cluster"
_SERVICE = "elasticloadbalancing.amazonaws.com"
_READ = (
    "acm:ListCertificates",
    "ec2:DescribeAccountAttributes",
    "ec2:DescribeAddresses",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeCoipPools",
    "ec2:DescribeInstances",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeIpamPools",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeTags",
    "ec2:DescribeVpcPeeringConnections",
    "ec2:DescribeVpcs",
    "ec2:GetCoipPoolUsage",
    "ec2:GetSecurityGroupsForVpc",
    "elasticloadbalancing:DescribeCapacityReservation",
    "elasticloadbalancing:DescribeListenerAttributes",
    "elasticloadbalancing:DescribeListenerCertificates",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancerAttributes",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeSSLPolicies",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "elasticloadbalancing:DescribeTrustStores",
)
_CHANGE = (
    "elasticloadbalancing:DeleteLoadBalancer",
    "elasticloadbalancing:DeleteTargetGroup",
    "elasticloadbalancing:ModifyCapacityReservation",
    "elasticloadbalancing:ModifyIpPools",
    "elasticloadbalancing:ModifyListenerAttributes",
    "elasticloadbalancing:ModifyLoadBalancerAttributes",
    "elasticloadbalancing:ModifyTargetGroup",
    "elasticloadbalancing:ModifyTargetGroupAttributes",
    "elasticloadbalancing:SetIpAddressType",
    "elasticloadbalancing:SetSecurityGroups",
    "elasticloadbalancing:SetSubnets",
)
_LISTEN = (
    "elasticloadbalancing:AddListenerCertificates",
    "elasticloadbalancing:CreateRule",
    "elasticloadbalancing:DeleteListener",
    "elasticloadbalancing:DeleteRule",
    "elasticloadbalancing:ModifyListener",
    "elasticloadbalancing:ModifyRule",
    "elasticloadbalancing:RemoveListenerCertificates",
    "elasticloadbalancing:SetRulePriorities",
)
_INGRESS = ("ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress")


def policy(location: Location, environment: str) -> dict[str, Any]:
    """The controller's policy.

    Args:
        location: Account and region.
        environment: Name of the environment, and of its cluster.
    """
    region, account = location["region"], location["account"]
    partition = aws_partition(region)
    balancing = f"arn:{partition}:elasticloadbalancing:{region}:{account}"
    balancers = [f"{balancing}:loadbalancer/{kind}/*" for kind in ("app", "net")]
    targets = f"{balancing}:targetgroup/*"
    listeners = [f"{balancing}:listener/{kind}/*" for kind in ("app", "net")]
    rules = [f"{balancing}:listener-rule/{kind}/*" for kind in ("app", "net")]
    groups = f"arn:{partition}:ec2:{region}:{account}:security-group/*"
    vpcs = f"arn:{partition}:ec2:{region}:{account}:vpc/*"
    ours = {f"aws:ResourceTag/{_CLUSTER_TAG}": environment}
    asked = {f"aws:RequestTag/{_CLUSTER_TAG}": environment}
    # The tag itself is given when a thing is made and neither changed nor taken away.
    untouched = {"StringEquals": ours, "Null": {f"aws:RequestTag/{_CLUSTER_TAG}": "true"}}
    return _aws_iam.policy(
        allow(
            ("iam:CreateServiceLinkedRole",),
            f"arn:{partition}:iam::{account}:role/aws-service-role/{_SERVICE}/*",
            {"StringEquals": {"iam:AWSServiceName": _SERVICE}},
        ),
        allow(_READ, "*", {"StringEquals": {"aws:RequestedRegion": region}}),
        allow(("iam:ListServerCertificates",), "*"),
        allow(
            ("acm:DescribeCertificate", "iam:GetServerCertificate"),
            [
                f"arn:{partition}:acm:{region}:{account}:certificate/*",
                f"arn:{partition}:iam::{account}:server-certificate/*",
            ],
        ),
        allow(("ec2:CreateSecurityGroup",), [groups, vpcs]),
        allow(
            ("ec2:CreateTags",),
            groups,
            {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup", **asked}},
        ),
        allow(("ec2:CreateTags", "ec2:DeleteTags"), groups, untouched),
        allow((*_INGRESS, "ec2:DeleteSecurityGroup"), groups, {"StringEquals": ours}),
        # The nodes' own group, which must admit the load balancers.
        allow(
            _INGRESS,
            groups,
            {"StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{environment}": "owned"}},
        ),
        allow(
            (
                "elasticloadbalancing:CreateLoadBalancer",
                "elasticloadbalancing:CreateTargetGroup",
            ),
            [*balancers, targets],
            {"StringEquals": asked},
        ),
        allow(
            ("elasticloadbalancing:AddTags",),
            [*balancers, targets],
            {
                "StringEquals": {
                    "elasticloadbalancing:CreateAction": [
                        "CreateLoadBalancer",
                        "CreateTargetGroup",
                    ],
                    **asked,
                }
            },
        ),
        allow(
            ("elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"),
            [*balancers, targets],
            untouched,
        ),
        allow(_CHANGE, [*balancers, targets, *listeners], {"StringEquals": ours}),
        allow(
            (
                *_LISTEN,
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:RemoveTags",
            ),
            [*listeners, *rules],
        ),
        allow(
            ("elasticloadbalancing:CreateListener",),
            balancers,
            {"StringEquals": ours},
        ),
        allow(
            (
                "elasticloadbalancing:DeregisterTargets",
                "elasticloadbalancing:RegisterTargets",
            ),
            targets,
            {"StringEquals": ours},
        ),
    )
