"""What `Database` takes, and what each backend gives back."""

from dataclasses import dataclass
from typing import NotRequired, Protocol, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.cloud import Cloud
from stanchion.network import NetworkPeer
from stanchion.pods import ContainerResources

PORT = 5432


class DatabaseArgs(TypedDict):
    """Arguments of `Database`."""

    cloud: Cloud
    """Where it runs: aws, gcp or local."""
    namespace: pulumi.Input[str]
    """Namespace of its Kubernetes objects."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    clients: list[NetworkPeer]
    """The only pods that may connect."""
    service_name: NotRequired[str]
    """Name of its Service and prefix of its other objects. Default: database."""
    image: NotRequired[str]
    """PostgreSQL image; needed for local, where PostgreSQL runs in the cluster."""
    storage: NotRequired[str]
    """Size of its volume. Default: 10Gi."""
    storage_class: NotRequired[str]
    """StorageClass of its volume. Default: the cluster's default class."""
    resources: NotRequired[ContainerResources]
    """CPU and memory. Default: 100m up to 1 core, 512Mi."""
    priority_class: NotRequired[str]
    """PriorityClass of its pod. Default: none."""
    keep: NotRequired[bool]
    """Whether its data and password are protected from deletion. Default: false."""


@dataclass(frozen=True)
class DatabaseParts:
    """What a backend has made."""

    host: pulumi.Output[str]
    admin_username: pulumi.Output[str]
    admin_password: pulumi.Output[str]
    admin_secret_name: pulumi.Output[str]
    pod_labels: dict[str, str]


class DatabaseBackend(Protocol):
    """One way to run PostgreSQL."""

    def check(self, check: Checks, args: DatabaseArgs) -> None:
        """Note what this backend cannot do with `args`."""
        ...

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: DatabaseArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> DatabaseParts:
        """Make it, as children of `parent`."""
        ...
