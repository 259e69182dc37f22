"""What `Cluster` takes, and what each backend gives back."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NotRequired, Protocol, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.location import ClusterReference, Location, NetworkReference

WEBHOOK_PORTS = (443, 4443, 6443, 8082, 8443, 9443, 10250)
"""Where the control plane calls pods of nodes: admission webhooks, aggregated APIs, the kubelet."""
CONTROL_PLANE_CIDR = "172.16.0.0/28"
"""Default of `ClusterArgs.control_plane_cidr`."""
DEFAULT_LOG_DAYS = 90


class ApiMode(StrEnum):
    """Who can reach the Kubernetes API; who may use it is decided by IAM in every mode."""

    PRIVATE = "private"
    """From the network alone."""
    RESTRICTED = "restricted"
    """From the network and from the addresses that are listed."""
    PUBLIC = "public"
    """From anywhere."""


class ReleaseChannel(StrEnum):
    """How early GKE brings new versions."""

    RAPID = "rapid"
    """As soon as they are there; without a service level."""
    REGULAR = "regular"
    """Some months later."""
    STABLE = "stable"
    """Last, once proven."""


class ApiAccess(TypedDict):
    """Ways to the Kubernetes API."""

    mode: ApiMode
    """private, restricted or public."""
    allowed_cidrs: NotRequired[list[str]]
    """Addresses outside the network that may connect, as 203.0.113.0/24. Needed for restricted,
    and refused elsewhere; never 0.0.0.0/0. Default: none."""


class SystemNodes(TypedDict):
    """The nodes that run what the cluster itself needs, and nothing else."""

    machine: str
    """EC2 instance type, as m7i.large or m7g.large; machine type on GCP, as e2-standard-4."""
    minimum: int
    """Fewest nodes over all zones together, 1 to 100; from 2 on, one may fail."""
    maximum: int
    """Most nodes over all zones together, 1 to 100."""


class ClusterArgs(TypedDict):
    """Arguments of `Cluster`."""

    location: Location
    """Account or project, region and zones."""
    environment: str
    """Name of the environment, as prod-aws: name of the cluster and prefix of all that is its."""
    owner: str
    """Team that answers for it; becomes a tag."""
    cost_center: str
    """Where its cost is booked; becomes a tag."""
    network: NetworkReference
    """Where its nodes are: `Network`'s output `reference`."""
    version: str
    """Kubernetes version: the minor one of EKS, as 1.35; the least one of GKE, whose channel
    goes on from there."""
    release_channel: NotRequired[ReleaseChannel]
    """How early GKE brings new versions; EKS moves by `version` alone. Default: regular."""
    api: ApiAccess
    """Ways to the Kubernetes API."""
    administrators: list[str]
    """Who administers it: ARNs of IAM roles on AWS; on GCP IAM members that begin with group:,
    user: or serviceAccount:. At least one: the one who creates it gets no rights by that."""
    system_nodes: SystemNodes
    """Its own nodes; those for workloads come from other components."""
    control_plane_cidr: NotRequired[str]
    """Addresses of GKE's control plane, a private /28 that nothing else uses; EKS needs none.
    Default: 172.16.0.0/28."""
    log_days: NotRequired[int]
    """Days that EKS' control-plane logs are kept, of those that CloudWatch offers; on GCP the
    project's log bucket decides. Default: 90."""
    keep: NotRequired[bool]
    """Whether it is protected from deletion, by Pulumi and by the cloud. Default: false."""


@dataclass(frozen=True)
class ClusterParts:
    """What a backend has made."""

    reference: ClusterReference
    kubeconfig: pulumi.Output[str]
    name: pulumi.Output[str]


class ClusterBackend(Protocol):
    """One cloud's Kubernetes."""

    def check(self, check: Checks, args: ClusterArgs) -> None:
        """Note what this backend cannot do with `args`."""
        ...

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: ClusterArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> ClusterParts:
        """Make it, as children of `parent`."""
        ...
