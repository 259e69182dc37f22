"""Who used a bucket on AWS: S3's server access logs, in a bucket of their own."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from stanchion.children import child_options
from stanchion.foundation.artifact_store._aws_bucket import (
    ACTIVE,
    abandoned_uploads,
    close,
    everything,
)
from stanchion.foundation.artifact_store.contract import (
    ACCESS_LOG_DAYS,
    ArtifactStoreArgs,
    bucket_name,
    log_bucket_name,
    purpose,
)
from stanchion.foundation.location import aws_partition

_WRITER = "logging.s3.amazonaws.com"


def log_access(
    name: str,
    args: ArtifactStoreArgs,
    bucket: aws.s3.Bucket,
    tags: Mapping[str, str],
    *,
    parent: pulumi.ComponentResource,
    opts: pulumi.ResourceOptions | None,
) -> aws.s3.BucketLogging:
    """Log every access to a store's bucket.

    The bucket for the logs logs nothing itself, since each log would make another. It is encrypted
    with S3's own keys, the only ones that S3 writes access logs with, keeps no versions, and goes
    with all it holds when the store is taken down.

    Returns:
        What switches the logs on, once S3 may write them.
    """
    prefix, plain = f"{name}-access-logs", child_options(parent, opts)
    logs = aws.s3.Bucket(
        prefix, bucket=log_bucket_name(args), force_destroy=True, tags=dict(tags), opts=plain
    )
    arns = f"arn:{aws_partition(args['location']['region'])}:s3:::"
    allowed = _writing(
        f"{arns}{log_bucket_name(args)}/{_folder(args)}*",
        of=f"{arns}{bucket_name(args)}",
        account=args["location"]["account"],
    )
    closed = close(
        prefix,
        logs,
        f"{arns}{log_bucket_name(args)}",
        allowed=[allowed],
        parent=parent,
        opts=opts,
    )
    encryption = aws.s3.BucketServerSideEncryptionConfiguration(
        f"{prefix}-encryption",
        bucket=logs.bucket,
        rules=[
            aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                    sse_algorithm="AES256"
                ),
                blocked_encryption_types=["SSE-C"],
            )
        ],
        opts=plain,
    )
    lifecycle = aws.s3.BucketLifecycleConfiguration(
        f"{prefix}-lifecycle",
        bucket=logs.bucket,
        rules=[
            aws.s3.BucketLifecycleConfigurationRuleArgs(
                id="old-logs",
                status=ACTIVE,
                filter=everything(),
                expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(
                    days=ACCESS_LOG_DAYS
                ),
                abort_incomplete_multipart_upload=abandoned_uploads(),
            )
        ],
        opts=plain,
    )
    ready = [closed.ownership, closed.policy, encryption, lifecycle]
    return aws.s3.BucketLogging(
        f"{name}-logging",
        bucket=bucket.bucket,
        target_bucket=logs.bucket,
        target_prefix=_folder(args),
        target_object_key_format=aws.s3.BucketLoggingTargetObjectKeyFormatArgs(
            partitioned_prefix=aws.s3.BucketLoggingTargetObjectKeyFormatPartitionedPrefixArgs(
                partition_date_source="EventTime"
            )
        ),
        opts=child_options(parent, opts, depends_on=ready),
    )


def _folder(args: ArtifactStoreArgs) -> str:
    return f"{purpose(args)}/"


def _writing(objects: str, *, of: str, account: str) -> dict[str, object]:
    """Lets S3 write the logs of one bucket of one account, and nobody else's."""
    return {
        "Sid": "AccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": _WRITER},
        "Action": "s3:PutObject",
        "Resource": objects,
        "Condition": {
            "ArnEquals": {"aws:SourceArn": of},
            "StringEquals": {"aws:SourceAccount": account},
        },
    }
