"""What `ArtifactStore` takes, and what each backend gives back."""

from dataclasses import dataclass
from typing import NotRequired, Protocol, TypedDict

import pulumi

from stanchion.foundation.cloud import Cloud

MOUNT_PATH = "/var/lib/mlflow/artifacts"
"""Where the tracking server mounts a store that is a volume."""


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
    claim_name: NotRequired[str]
    """Name of the volume claim, where it is one. Default: artifacts."""
    storage: NotRequired[str]
    """Size of the volume, where it is one. Default: 10Gi."""
    storage_class: NotRequired[str]
    """StorageClass of the volume. Default: the cluster's default class."""
    keep: NotRequired[bool]
    """Whether its data are protected from deletion. Default: false."""


@dataclass(frozen=True)
class ArtifactStoreParts:
    """What a backend has made."""

    destination: pulumi.Output[str]
    volume_claim_name: pulumi.Output[str] | None


class ArtifactStoreBackend(Protocol):
    """One place to keep artifacts."""

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: ArtifactStoreArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> ArtifactStoreParts:
        """Make it, as children of `parent`."""
        ...
