"""Artifacts in a Cloud Storage bucket with a key of its own."""

import pulumi
import pulumi_gcp as gcp

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.foundation.artifact_store.contract import (
    ABANDONED_UPLOAD_DAYS,
    ACCESS_LOG_DAYS,
    RETENTION_DAYS,
    ArtifactStoreArgs,
    ArtifactStoreBackend,
    ArtifactStoreParts,
    bucket_name,
    check_bucket,
    log_bucket_name,
    purpose,
)
from stanchion.foundation.encryption.gcp import customer_key
from stanchion.foundation.tags import cloud_tags

DAY = 24 * 60 * 60
SOFT_DELETE_DAYS = 7
"""Days in which even a deleted version can be had back: the fewest there are, none aside."""
_LOG_WRITER = "group:cloud-storage-analytics@google.com"
_KEY_USER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


class GcpArtifactStore:
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
        """The key with its one user, and the bucket."""
        return _Store(parent, name, args, opts).parts()


class _Store:
    """One store being made: its parts share project, labels and options."""

    def __init__(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: ArtifactStoreArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        self._name, self._args = name, args
        self._environment, self._purpose = args["environment"], purpose(args)
        self._project = args["location"]["account"]
        self._region = args["location"]["region"]
        keep = args.get("keep", False)
        self._deletion = "PREVENT" if keep else "DELETE"
        self._held = child_options(parent, opts, keep=keep)
        self._plain = child_options(parent, opts)
        self._labels = cloud_tags(
            owner=args["owner"],
            cost_center=args["cost_center"],
            environment=self._environment,
        )
        logs, log_right = self._access_logs()
        self._key, key_right = self._encryption(logs)
        waiting = child_options(parent, opts, keep=keep, depends_on=[key_right, log_right])
        self._bucket = self._artifacts(logs, waiting)

    def parts(self) -> ArtifactStoreParts:
        """Where the artifacts are, and the key's full name, known beforehand."""
        key = (
            f"projects/{self._project}/locations/{self._region}"
            f"/keyRings/{self._environment}-{self._purpose}/cryptoKeys/{self._purpose}"
        )
        return ArtifactStoreParts(
            destination=self._bucket.name.apply(lambda bucket: f"gs://{bucket}"),
            encryption_key=self._key.name.apply(lambda _: key),
        )

    def _access_logs(self) -> tuple[gcp.storage.Bucket, gcp.storage.BucketIAMMember]:
        """A bucket for the log of accesses, which Google's group for such logs may write."""
        logs = gcp.storage.Bucket(
            f"{self._name}-access-logs",
            project=self._project,
            location=self._region,
            name=log_bucket_name(self._args),
            storage_class="STANDARD",
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            lifecycle_rules=[_delete(age=ACCESS_LOG_DAYS)],
            labels=self._labels,
            force_destroy=True,
            opts=self._plain,
        )
        right = gcp.storage.BucketIAMMember(
            f"{self._name}-access-log-writer",
            bucket=logs.name,
            role="roles/storage.objectCreator",
            member=_LOG_WRITER,
            opts=self._plain,
        )
        return logs, right

    def _encryption(
        self, logs: gcp.storage.Bucket
    ) -> tuple[gcp.kms.CryptoKey, gcp.kms.CryptoKeyIAMMember]:
        """The key, which Cloud Storage itself uses for everyone.

        Storage's account is called by the project's number, which is not among the arguments:
        the bucket for logs, made first, tells it.
        """
        key = customer_key(
            self._name,
            location=self._args["location"],
            ring_name=f"{self._environment}-{self._purpose}",
            key_name=self._purpose,
            labels=self._labels,
            deletion_policy=self._deletion,
            held=self._held,
        )
        right = gcp.kms.CryptoKeyIAMMember(
            f"{self._name}-key-user",
            crypto_key_id=key.id,
            role=_KEY_USER,
            member=logs.project_number.apply(
                lambda number: (
                    f"serviceAccount:service-{number}@gs-project-accounts.iam.gserviceaccount.com"
                )
            ),
            opts=self._plain,
        )
        return key, right

    def _artifacts(
        self, logs: gcp.storage.Bucket, opts: pulumi.ResourceOptions
    ) -> gcp.storage.Bucket:
        """The bucket itself; a current version is never deleted by a rule."""
        return gcp.storage.Bucket(
            f"{self._name}-bucket",
            project=self._project,
            location=self._region,
            name=bucket_name(self._args),
            storage_class="STANDARD",
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            versioning=gcp.storage.BucketVersioningArgs(enabled=True),
            encryption=gcp.storage.BucketEncryptionArgs(default_kms_key_name=self._key.id),
            soft_delete_policy=gcp.storage.BucketSoftDeletePolicyArgs(
                retention_duration_seconds=SOFT_DELETE_DAYS * DAY
            ),
            lifecycle_rules=[
                gcp.storage.BucketLifecycleRuleArgs(
                    action=gcp.storage.BucketLifecycleRuleActionArgs(type="Delete"),
                    condition=gcp.storage.BucketLifecycleRuleConditionArgs(
                        days_since_noncurrent_time=self._args.get("retention_days", RETENTION_DAYS),
                        with_state="ARCHIVED",
                    ),
                ),
                gcp.storage.BucketLifecycleRuleArgs(
                    action=gcp.storage.BucketLifecycleRuleActionArgs(
                        type="AbortIncompleteMultipartUpload"
                    ),
                    condition=gcp.storage.BucketLifecycleRuleConditionArgs(
                        age=ABANDONED_UPLOAD_DAYS
                    ),
                ),
            ],
            logging=gcp.storage.BucketLoggingArgs(
                log_bucket=logs.name, log_object_prefix=self._purpose
            ),
            labels=self._labels,
            force_destroy=False,
            deletion_policy=self._deletion,
            opts=opts,
        )


def _delete(*, age: int) -> gcp.storage.BucketLifecycleRuleArgs:
    return gcp.storage.BucketLifecycleRuleArgs(
        action=gcp.storage.BucketLifecycleRuleActionArgs(type="Delete"),
        condition=gcp.storage.BucketLifecycleRuleConditionArgs(age=age),
    )


BACKEND: ArtifactStoreBackend = GcpArtifactStore()
"""What `ArtifactStore` takes for Google Cloud."""
