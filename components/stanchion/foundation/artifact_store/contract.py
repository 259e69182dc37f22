"""What `ArtifactStore` takes, and what each backend gives back."""

from dataclasses import dataclass
from typing import NotRequired, Protocol, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.cloud import Cloud
from stanchion.foundation.location import Location, check_location

ARTIFACTS = "artifacts"
"""What a store holds by default."""
RETENTION_DAYS = 90
ABANDONED_UPLOAD_DAYS = 7
"""After which the parts of an upload that was never finished are deleted."""
ACCESS_LOG_DAYS = 90
"""After which the log of an access is deleted."""
LONGEST_BUCKET = 63
"""Characters of a bucket's name in either cloud."""


class ArtifactStoreArgs(TypedDict):
    """Arguments of `ArtifactStore`."""

    cloud: Cloud
    """Where it is: aws, gcp or local."""
    namespace: pulumi.Input[str]
    """Namespace of its Kubernetes objects: the tracking server's own."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    purpose: NotRequired[str]
    """What it holds, in a word, as backups: part of the names of bucket, key and folder. An
    environment has one store of each. Default: artifacts."""
    claim_name: NotRequired[str]
    """Name of the volume claim, where it is one. Default: the purpose."""
    storage: NotRequired[str]
    """Size of the volume, where it is one. Default: 10Gi."""
    storage_class: NotRequired[str]
    """StorageClass of the volume. Default: the cluster's default class."""
    location: NotRequired[Location]
    """Account or project, region and zones; needed for aws and gcp. Default: none."""
    environment: NotRequired[str]
    """Name of the environment, as prod-aws; needed for aws and gcp, where the bucket is called
    ENVIRONMENT-PURPOSE-ACCOUNT, and that of its access logs ENVIRONMENT-PURPOSE-access-ACCOUNT.
    Default: none."""
    retention_days: NotRequired[int]
    """Days that overwritten and deleted objects can be had back from a bucket: 1 to 3650.
    Default: 90."""
    keep: NotRequired[bool]
    """Whether its data are protected from deletion. Default: false."""


@dataclass(frozen=True)
class ArtifactStoreParts:
    """What a backend has made."""

    destination: pulumi.Output[str]
    volume_claim_name: pulumi.Output[str] | None = None
    encryption_key: pulumi.Output[str] | None = None


class ArtifactStoreBackend(Protocol):
    """One place to keep artifacts."""

    def check(self, check: Checks, args: ArtifactStoreArgs) -> None:
        """Note what this backend lacks in `args`."""
        ...

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: ArtifactStoreArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> ArtifactStoreParts:
        """Make it, as children of `parent`."""
        ...


def purpose(args: ArtifactStoreArgs) -> str:
    """What the store holds."""
    return args.get("purpose", ARTIFACTS)


def mount_path(holds: str) -> str:
    """Where pods mount a store that is a volume."""
    return f"/var/lib/mlflow/{holds}"


def bucket_name(args: ArtifactStoreArgs) -> str:
    """The bucket's name: buckets of all accounts share one name space, hence the account in it."""
    return f"{args['environment']}-{purpose(args)}-{args['location']['account']}"


def log_bucket_name(args: ArtifactStoreArgs) -> str:
    """The name of the bucket for the logs of who uses it."""
    return f"{args['environment']}-{purpose(args)}-access-{args['location']['account']}"


def check_bucket(check: Checks, args: ArtifactStoreArgs) -> None:
    """What a bucket of either cloud needs."""
    for field in ("location", "environment"):
        if field not in args:
            check.refuse(field, f"is missing, and cloud: {args['cloud']} needs it", "add it")
    check.between("retention_days", args.get("retention_days", RETENTION_DAYS), 1, 3650)
    if "location" in args:
        check_location(check, args["location"])
        if args["location"]["cloud"] != args["cloud"]:
            check.refuse(
                "cloud",
                f"is {args['cloud']}, but location.cloud is {args['location']['cloud']}",
                "write the same in both",
            )
    if "environment" in args:
        check.name("environment", args["environment"])
    if "location" in args and "environment" in args:
        longest = log_bucket_name(args)
        if len(longest) > LONGEST_BUCKET:
            check.refuse(
                "environment",
                f"makes '{longest}' longer than {LONGEST_BUCKET} characters",
                "shorten it",
            )
