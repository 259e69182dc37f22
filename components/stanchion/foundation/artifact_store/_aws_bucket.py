"""What buckets on AWS have in common, whatever they hold."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stanchion.children import child_options
from stanchion.foundation.artifact_store.contract import ABANDONED_UPLOAD_DAYS

OLDEST_TLS = "1.2"
ACTIVE = "Enabled"


@dataclass(frozen=True)
class Closed:
    """What closes a bucket.

    Attributes:
        ownership: Access control lists are out of force: the account owns every object.
        public: The block of all public access.
        policy: TLS alone, and who may do what besides.
    """

    ownership: aws.s3.BucketOwnershipControls
    public: aws.s3.BucketPublicAccessBlock
    policy: aws.s3.BucketPolicy


def close(
    prefix: str,
    bucket: aws.s3.Bucket,
    arn: str,
    *,
    allowed: Sequence[dict[str, object]] = (),
    parent: pulumi.ComponentResource,
    opts: pulumi.ResourceOptions | None,
) -> Closed:
    """Close a bucket to the public and to plain HTTP.

    Args:
        prefix: What the names of its resources begin with.
        bucket: The bucket.
        arn: Its ARN, known beforehand.
        allowed: Statements of its policy beside the refusals.
        parent: The component that it belongs to.
        opts: The component's own options.
    """
    plain = child_options(parent, opts)
    ownership = aws.s3.BucketOwnershipControls(
        f"{prefix}-ownership",
        bucket=bucket.bucket,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=plain,
    )
    public = aws.s3.BucketPublicAccessBlock(
        f"{prefix}-private",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=plain,
    )
    policy = aws.s3.BucketPolicy(
        f"{prefix}-tls-only",
        bucket=bucket.bucket,
        policy=json.dumps(
            {"Version": "2012-10-17", "Statement": [*_without_tls(arn), *allowed]},
        ),
        opts=child_options(parent, opts, depends_on=[public]),
    )
    return Closed(ownership, public, policy)


def _without_tls(arn: str) -> list[dict[str, object]]:
    """Refuses plain HTTP and old TLS to everyone, the account's administrators included."""
    refused = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    return [
        {
            "Sid": "NoPlainHttp",
            **refused,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Sid": "NoOldTls",
            **refused,
            "Condition": {"NumericLessThan": {"s3:TlsVersion": OLDEST_TLS}},
        },
    ]


def abandoned_uploads() -> (
    aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs
):
    """What is left of uploads that were never finished goes."""
    return aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
        days_after_initiation=ABANDONED_UPLOAD_DAYS
    )


def everything() -> aws.s3.BucketLifecycleConfigurationRuleFilterArgs:
    """A rule for all of a bucket."""
    return aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix="")
