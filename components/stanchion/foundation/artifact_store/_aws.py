"""Artifacts in an S3 bucket with a key of its own."""

import pulumi
import pulumi_aws as aws

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.foundation.artifact_store._aws_access_logs import log_access
from stanchion.foundation.artifact_store._aws_bucket import (
    ACTIVE,
    abandoned_uploads,
    close,
    everything,
)
from stanchion.foundation.artifact_store.contract import (
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


class AwsArtifactStore:
    """A bucket closed to the public, versioned and encrypted, its use logged in a second one."""

    def check(self, check: Checks, args: ArtifactStoreArgs) -> None:
        """The place and names that fit."""
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
        arn = f"arn:{aws_partition(args['location']['region'])}:s3:::{bucket_name(args)}"
        closed = close(name, bucket, arn, parent=parent, opts=opts)
        settings = _settings(name, args, bucket, key, plain)
        logging = log_access(name, args, bucket, tags, parent=parent, opts=opts)
        made = (bucket, closed.ownership, closed.public, closed.policy, *settings, logging)
        return ArtifactStoreParts(
            destination=pulumi.Output.all(*(each.bucket for each in made)).apply(
                lambda known: f"s3://{known[0]}"
            ),
            encryption_key=key.arn,
        )


def _settings(
    name: str,
    args: ArtifactStoreArgs,
    bucket: aws.s3.Bucket,
    key: aws.kms.Key,
    opts: pulumi.ResourceOptions,
) -> tuple[
    aws.s3.BucketVersioning,
    aws.s3.BucketServerSideEncryptionConfiguration,
    aws.s3.BucketLifecycleConfiguration,
]:
    """Versions, encryption and lifecycle."""
    versioning = aws.s3.BucketVersioning(
        f"{name}-versioning",
        bucket=bucket.bucket,
        versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status=ACTIVE),
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
    return versioning, encryption, lifecycle


def _lifecycle_rule(retention_days: int) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    """Old versions and what is left of uploads go; a current version never does."""
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="old-versions-and-abandoned-uploads",
        status=ACTIVE,
        filter=everything(),
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=retention_days
        ),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(
            expired_object_delete_marker=True
        ),
        abort_incomplete_multipart_upload=abandoned_uploads(),
    )


BACKEND: ArtifactStoreBackend = AwsArtifactStore()
"""What `ArtifactStore` takes for AWS."""
