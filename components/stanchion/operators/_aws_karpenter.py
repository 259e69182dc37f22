"""What Karpenter may do on AWS: its makers' policy, bound to one environment.

After the CloudFormation template of Karpenter 1.14's getting-started guide; closer where its
`*` stands for an account or for any network.
"""

from collections.abc import Mapping
from typing import Any

from stanchion.foundation.location import Location, aws_partition
from stanchion.foundation.pod_identity import cluster_arn
from stanchion.operators import _aws_iam
from stanchion.operators._aws_iam import allow
from stanchion.operators.values.aws import interruption_queue

_CREATED = ("fleet", "instance", "volume", "network-interface", "launch-template")
_SPOT = "spot-instances-request"
_LAUNCH = ("ec2:CreateFleet", "ec2:RunInstances")
_NODEPOOL, _NODECLASS = "karpenter.sh/nodepool", "karpenter.k8s.aws/ec2nodeclass"
_READ = (
    "ec2:DescribeCapacityReservations",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribePlacementGroups",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSpotPriceHistory",
    "ec2:DescribeSubnets",
)


def policy(location: Location, environment: str, node_role: str) -> dict[str, Any]:
    """The controller's policy.

    Args:
        location: Account and region.
        environment: Name of the environment, and of its cluster.
        node_role: ARN of the role that it gives to nodes, the only one it may.
    """
    scope = _Scope(location, environment)
    return _aws_iam.policy(
        *_nodes(scope), *_tags(scope), *_profiles(scope, node_role), *_reading(scope)
    )


class _Scope:
    """ARNs and conditions that mean one environment."""

    def __init__(self, location: Location, environment: str) -> None:
        self.location, self.environment = location, environment
        self.region, self.account = location["region"], location["account"]
        self.partition = aws_partition(self.region)
        self.owned = {f"kubernetes.io/cluster/{environment}": "owned"}
        self.named = {"eks:eks-cluster-name": environment}
        self.placed = {"topology.kubernetes.io/region": self.region}

    def ec2(self, kind: str, account: str | None = None) -> str:
        """ARN of everything of a kind, in the account unless another is given."""
        owner = self.account if account is None else account
        return f"arn:{self.partition}:ec2:{self.region}:{owner}:{kind}/*"


def _tagged(where: str, tags: Mapping[str, str]) -> dict[str, str]:
    return {f"aws:{where}/{key}": value for key, value in tags.items()}


def _nodes(scope: _Scope) -> list[dict[str, Any]]:
    created = [scope.ec2(kind) for kind in (*_CREATED, _SPOT)]
    return [
        # Images and snapshots are Amazon's; reservations and groups may be shared from elsewhere.
        allow(
            _LAUNCH,
            [
                scope.ec2("image", ""),
                scope.ec2("snapshot", ""),
                scope.ec2("capacity-reservation", "*"),
                scope.ec2("placement-group", "*"),
            ],
        ),
        allow(
            _LAUNCH,
            scope.ec2("subnet"),
            {"StringEquals": _tagged("ResourceTag", {"karpenter.sh/discovery": scope.environment})},
        ),
        allow(
            _LAUNCH,
            scope.ec2("security-group"),
            {"StringEquals": _tagged("ResourceTag", scope.owned)},
        ),
        allow(
            _LAUNCH,
            scope.ec2("launch-template"),
            {
                "StringEquals": _tagged("ResourceTag", scope.owned),
                "StringLike": _tagged("ResourceTag", {_NODEPOOL: "*"}),
            },
        ),
        allow(
            (*_LAUNCH, "ec2:CreateLaunchTemplate"),
            created,
            {
                "StringEquals": _tagged("RequestTag", {**scope.owned, **scope.named}),
                "StringLike": _tagged("RequestTag", {_NODEPOOL: "*"}),
            },
        ),
        allow(
            ("ec2:DeleteLaunchTemplate", "ec2:TerminateInstances"),
            [scope.ec2("instance"), scope.ec2("launch-template")],
            {
                "StringEquals": _tagged("ResourceTag", scope.owned),
                "StringLike": _tagged("ResourceTag", {_NODEPOOL: "*"}),
            },
        ),
    ]


def _tags(scope: _Scope) -> list[dict[str, Any]]:
    return [
        allow(
            ("ec2:CreateTags",),
            [scope.ec2(kind) for kind in (*_CREATED, _SPOT)],
            {
                "StringEquals": {
                    **_tagged("RequestTag", {**scope.owned, **scope.named}),
                    "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
                },
                "StringLike": _tagged("RequestTag", {_NODEPOOL: "*"}),
            },
        ),
        allow(
            ("ec2:CreateTags",),
            scope.ec2("instance"),
            {
                "StringEquals": _tagged("ResourceTag", scope.owned),
                "StringLike": _tagged("ResourceTag", {_NODEPOOL: "*"}),
                "StringEqualsIfExists": _tagged("RequestTag", scope.named),
                "ForAllValues:StringEquals": {
                    "aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]
                },
            },
        ),
    ]


def _profiles(scope: _Scope, node_role: str) -> list[dict[str, Any]]:
    profiles = f"arn:{scope.partition}:iam::{scope.account}:instance-profile/*"
    asked = _tagged("RequestTag", {**scope.owned, **scope.named, **scope.placed})
    held = _tagged("ResourceTag", {**scope.owned, **scope.placed})
    return [
        allow(
            ("iam:PassRole",),
            node_role,
            {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        ),
        allow(
            ("iam:CreateInstanceProfile",),
            profiles,
            {"StringEquals": asked, "StringLike": _tagged("RequestTag", {_NODECLASS: "*"})},
        ),
        allow(
            ("iam:TagInstanceProfile",),
            profiles,
            {
                "StringEquals": {**held, **asked},
                "StringLike": {
                    **_tagged("ResourceTag", {_NODECLASS: "*"}),
                    **_tagged("RequestTag", {_NODECLASS: "*"}),
                },
            },
        ),
        allow(
            (
                "iam:AddRoleToInstanceProfile",
                "iam:DeleteInstanceProfile",
                "iam:RemoveRoleFromInstanceProfile",
            ),
            profiles,
            {"StringEquals": held, "StringLike": _tagged("ResourceTag", {_NODECLASS: "*"})},
        ),
        allow(("iam:GetInstanceProfile",), profiles),
        allow(("iam:ListInstanceProfiles",), "*"),
    ]


def _reading(scope: _Scope) -> list[dict[str, Any]]:
    region, account = scope.region, scope.account
    return [
        allow(_READ, "*", {"StringEquals": {"aws:RequestedRegion": region}}),
        allow(
            ("ssm:GetParameter",),
            f"arn:{scope.partition}:ssm:{region}::parameter/aws/service/*",
        ),
        allow(("pricing:GetProducts",), "*"),
        allow(("eks:DescribeCluster",), cluster_arn(region, account, scope.environment)),
        allow(
            ("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"),
            f"arn:{scope.partition}:sqs:{region}:{account}:{interruption_queue(scope.environment)}",
        ),
    ]
