"""A role for EKS Pod Identity."""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

import pulumi
import pulumi_aws as aws

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.foundation.identity.contract import (
    GrantKind,
    WorkloadIdentityArgs,
    WorkloadIdentityBackend,
    WorkloadIdentityParts,
    check_forms,
    cloud_name,
)
from stanchion.foundation.location import aws_partition
from stanchion.foundation.pod_identity import cluster_arn, pod_trust
from stanchion.foundation.tags import cloud_tags


class Rights(NamedTuple):
    """IAM actions of a kind of grant, by what they act on."""

    resource: tuple[str, ...] = ()
    """On the resource itself."""
    inside: tuple[str, ...] = ()
    """On what is in it: a bucket's objects."""
    anywhere: tuple[str, ...] = ()
    """That know no resource."""
    key: tuple[str, ...] = ()
    """On the key that encrypts it."""


RIGHTS = {
    GrantKind.BUCKET_READ: Rights(
        resource=("s3:GetBucketLocation", "s3:ListBucket"),
        inside=("s3:GetObject",),
        key=("kms:Decrypt",),
    ),
    GrantKind.BUCKET_WRITE: Rights(
        resource=("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"),
        inside=(
            "s3:AbortMultipartUpload",
            "s3:DeleteObject",
            "s3:GetObject",
            "s3:ListMultipartUploadParts",
            "s3:PutObject",
        ),
        key=("kms:Decrypt", "kms:GenerateDataKey"),
    ),
    GrantKind.SECRET_READ: Rights(
        resource=("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"),
        key=("kms:Decrypt",),
    ),
    GrantKind.IMAGE_PULL: Rights(
        resource=(
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
        ),
        anywhere=("ecr:GetAuthorizationToken",),
    ),
}
_BUCKET = (re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"), "the name of a bucket")
_FORMS = {
    GrantKind.BUCKET_READ: _BUCKET,
    GrantKind.BUCKET_WRITE: _BUCKET,
    GrantKind.SECRET_READ: (
        re.compile(r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+"),
        "the ARN of a secret",
    ),
    GrantKind.IMAGE_PULL: (
        re.compile(r"arn:[a-z-]+:ecr:[a-z0-9-]+:\d{12}:repository/.+"),
        "the ARN of a repository",
    ),
}
LONGEST_ROLE = 64


class AwsWorkloadIdentity:
    """An IAM role that EKS hands to the pods of one service account."""

    def check(self, check: Checks, args: WorkloadIdentityArgs) -> None:
        """Resources are named as IAM needs it."""
        check_forms(check, args["grants"], _FORMS)

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: WorkloadIdentityArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> WorkloadIdentityParts:
        """Role, policy and association."""
        location, cluster = args["location"], args["cluster"]["name"]
        tags = cloud_tags(
            owner=args["owner"], cost_center=args["cost_center"], environment=args["environment"]
        )
        child = child_options(parent, opts)
        role = aws.iam.Role(
            f"{name}-role",
            name=cloud_name(args, LONGEST_ROLE),
            description=f"Pods of {args['namespace']}/{args['service_account']} in {cluster}",
            assume_role_policy=pod_trust(
                account=location["account"],
                cluster=cluster_arn(location["region"], location["account"], cluster),
                namespace=args["namespace"],
                service_account=args["service_account"],
            ),
            tags=tags,
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy", name="grants", role=role.name, policy=_policy(args), opts=child
        )
        aws.eks.PodIdentityAssociation(
            f"{name}-association",
            cluster_name=cluster,
            namespace=args["namespace"],
            service_account=args["service_account"],
            role_arn=role.arn,
            tags=tags,
            opts=child_options(parent, opts, depends_on=[policy]),
        )
        return WorkloadIdentityParts(annotations=pulumi.Output.from_input({}), principal=role.arn)


def _policy(args: WorkloadIdentityArgs) -> pulumi.Output[str]:
    partition = aws_partition(args["location"]["region"])
    kinds = [grant["kind"] for grant in args["grants"]]

    def written(known: Sequence[str | None]) -> str:
        resources, keys = known[: len(kinds)], known[len(kinds) :]
        statements: list[dict[str, object]] = []

        def allow(actions: tuple[str, ...], on: str) -> None:
            if actions:
                allowed: dict[str, object] = {
                    "Effect": "Allow",
                    "Action": list(actions),
                    "Resource": on,
                }
                if allowed not in statements:
                    statements.append(allowed)

        for kind, resource, key in zip(kinds, resources, keys, strict=True):
            rights = RIGHTS[kind]
            arn = f"arn:{partition}:s3:::{resource}" if rights.inside else str(resource)
            allow(rights.resource, arn)
            allow(rights.inside, f"{arn}/*")
            allow(rights.anywhere, "*")
            if key is not None:
                allow(rights.key, key)
        return json.dumps({"Version": "2012-10-17", "Statement": statements})

    return pulumi.Output.all(
        *(grant["resource"] for grant in args["grants"]),
        *(grant.get("key") for grant in args["grants"]),
    ).apply(written)


BACKEND: WorkloadIdentityBackend = AwsWorkloadIdentity()
