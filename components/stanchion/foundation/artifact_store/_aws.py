"""Artifacts in an S3 bucket with a key of its own."""

import json

import pulumi
import pulumi_aws as aws

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.foundation.artifact_store.contract import (
    ABANDONED_UPLOAD_DAYS,
    RETENTION_DAYS,
    ArtifactStoreArgs,
    ArtifactStoreBackend,
    ArtifactStoreParts,
    bucket_name,
    check_bucket,
    purpose,
)
from stanchion.foundation.encryption.aws import customer_key
from stanchion.foundation.location import aws_partition
from stanchion.foundation.tags import cloud_tags

OLDEST_TLS = "1.2"


class AwsArtifactStore:
    """A bucket closed to the public, versioned and encrypted."""

    def check(self, check: Checks, args: ArtifactStoreArgs) -> None:
        """The place and a name that fits."""
        check_bucket(check, args)

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: ArtifactStoreArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> ArtifactStoreParts:
        """The key, the bucket, and the settings that are resources of their own."""
        keep = args.get("keep", False)
        environment = args["environment"]
        tags = cloud_tags(
            owner=args["owner"], cost_center=args["cost_center"], environment=environment
        )
        held, plain = child_options(parent, opts, keep=keep), child_options(parent, opts)
        key = customer_key(
            name,
            alias=f"{environment}-{purpose(args)}",
            description=f"{purpose(args).capitalize()} of {environment}",
            tags=tags,
            held=held,
            plain=plain,
        )
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=bucket_name(args),
            force_destroy=False,
            tags=tags,
            opts=held,
        )
        settings = _settings(name, args, bucket, key, plain)
        closed = aws.s3.BucketPublicAccessBlock(
            f"{name}-private",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=plain,
        )
        arn = f"arn:{aws_partition(args['location']['region'])}:s3:::{bucket_name(args)}"
        policy = aws.s3.BucketPolicy(
            f"{name}-tls-only",
            bucket=bucket.bucket,
            policy=json.dumps(_tls_only(arn)),
            opts=child_options(parent, opts, depends_on=[closed]),
        )
        names = [each.bucket for each in (bucket, closed, policy, *settings)]
        return ArtifactStoreParts(
            destination=pulumi.Output.all(*names).apply(lambda known: f"s3://{known[0]}"),
            encryption_key=key.arn,
        )


def _settings(
    name: str,
    args: ArtifactStoreArgs,
    bucket: aws.s3.Bucket,
    key: aws.kms.Key,
    opts: pulumi.ResourceOptions,
) -> tuple[
    aws.s3.BucketOwnershipControls,
    aws.s3.BucketVersioning,
    aws.s3.BucketServerSideEncryptionConfiguration,
    aws.s3.BucketLifecycleConfiguration,
]:
    """Owner, versions, encryption and lifecycle."""
    ownership = aws.s3.BucketOwnershipControls(
        f"{name}-ownership",
        bucket=bucket.bucket,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=opts,
    )
    versioning = aws.s3.BucketVersioning(
        f"{name}-versioning",
        bucket=bucket.bucket,
        versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(
            status="Enabled"
        ),
        opts=opts,
    )
    encryption = aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.bucket,
        rules=[
            aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                    sse_algorithm="aws:kms", kms_master_key_id=key.arn
                ),
                bucket_key_enabled=True,
                blocked_encryption_types=["SSE-C"],
            )
        ],
        opts=opts,
    )
    lifecycle = aws.s3.BucketLifecycleConfiguration(
        f"{name}-lifecycle",
        bucket=versioning.bucket,
        rules=[_lifecycle_rule(args.get("retention_days", RETENTION_DAYS))],
        opts=opts,
    )
    return ownership, versioning, encryption, lifecycle


def _lifecycle_rule(retention_days: int) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    """Old versions and what is left of uploads go; a current version never does."""
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="old-versions-and-abandoned-uploads",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=retention_days
        ),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(
            expired_object_delete_marker=True
        ),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=ABANDONED_UPLOAD_DAYS
        ),
    )


def _tls_only(arn: str) -> dict[str, object]:
    """Refuses plain HTTP and old TLS to everyone, the account's administrators included."""
    refused = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    return {
        "Version": "2012-10-17",
        "Statement": [
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
        ],
    }


BACKEND: ArtifactStoreBackend = AwsArtifactStore()
"""What `ArtifactStore` takes for AWS."""
