"""What `WorkloadIdentity` takes, and what each backend gives back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NotRequired, Protocol, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.location import ClusterReference, Location
from stanchion.names import short_hash


class GrantKind(StrEnum):
    """What a workload may do with one resource of the cloud."""

    BUCKET_READ = "bucket_read"
    """List a bucket and read its objects."""
    BUCKET_WRITE = "bucket_write"
    """That, and write and delete objects."""
    SECRET_READ = "secret_read"  # noqa: S105 - the name of a kind
    """Read a secret's value."""
    IMAGE_PULL = "image_pull"
    """Pull images of a repository."""


class Grant(TypedDict):
    """One right on one resource."""

    name: str
    """Short name, unique among the grants, as models: the right is known by it from one
    deployment to the next."""
    kind: GrantKind
    """bucket_read, bucket_write, secret_read or image_pull."""
    resource: pulumi.Input[str]
    """A bucket: its name. A secret: its ARN on AWS, its ID on GCP. A repository: its ARN on AWS,
    projects/PROJECT/locations/LOCATION/repositories/NAME on GCP."""
    key: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key that a bucket or secret is encrypted with; not needed on GCP, where the
    service itself uses the key. Default: none, for keys that AWS manages."""


class WorkloadIdentityArgs(TypedDict):
    """Arguments of `WorkloadIdentity`."""

    location: Location
    """Account or project, region and zones."""
    environment: str
    """Name of the environment, as prod-aws: prefix of what it makes."""
    owner: str
    """Team that answers for it; becomes a tag."""
    cost_center: str
    """Where its cost is booked; becomes a tag."""
    cluster: ClusterReference
    """Where the workload runs: `Cluster`'s output `reference`."""
    namespace: str
    """Namespace of the workload's service account."""
    service_account: str
    """Name of the workload's service account."""
    grants: list[Grant]
    """All that the workload may do; at least one."""


@dataclass(frozen=True)
class WorkloadIdentityParts:
    """What a backend has made."""

    annotations: pulumi.Output[dict[str, str]]
    principal: pulumi.Output[str]


class WorkloadIdentityBackend(Protocol):
    """One cloud's way to know a pod."""

    def check(self, check: Checks, args: WorkloadIdentityArgs) -> None:
        """Note what this backend cannot do with `args`."""
        ...

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: WorkloadIdentityArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> WorkloadIdentityParts:
        """Make it, as children of `parent`."""
        ...


def check_forms(
    check: Checks,
    grants: Sequence[Grant],
    forms: Mapping[GrantKind, tuple[re.Pattern[str], str]],
) -> None:
    """Resources are named as their cloud needs it.

    Args:
        check: Where problems are noted.
        grants: The grants.
        forms: What a resource of each kind is called: its pattern, and in words.
    """
    for at, grant in enumerate(grants):
        form, meaning = forms[grant["kind"]]
        given = grant["resource"]
        if isinstance(given, str) and not form.fullmatch(given):
            check.refuse(
                f"grants[{at}].resource", f"'{given}' is not {meaning}", f"write {meaning}"
            )


def cloud_name(args: WorkloadIdentityArgs, longest: int) -> str:
    """Name of the identity in its cloud: told apart by a hash where it must be cut."""
    full = f"{args['environment']}-{args['namespace']}-{args['service_account']}"
    if len(full) <= longest:
        return full
    digest = short_hash(full)
    return f"{full[: longest - len(digest) - 1].rstrip('-')}-{digest}"
