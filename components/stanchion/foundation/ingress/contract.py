"""What `PrivateIngress` takes, and what each backend gives back."""

from dataclasses import dataclass
from typing import NotRequired, Protocol, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.location import Location, NetworkReference
from stanchion.foundation.tags import cloud_tags
from stanchion.labels import selector, standard

TIMEOUT_SECONDS = 600
DRAIN_SECONDS = 30
"""How long a pod that goes is given for the requests it has."""
TTL_SECONDS = 300
"""How long the records of the zone may be remembered."""


class PrivateIngressArgs(TypedDict):
    """Arguments of `PrivateIngress`."""

    location: Location
    """Account or project, region and zones."""
    environment: str
    """Name of the environment, as prod-aws: prefix of every name in the cloud."""
    owner: str
    """Team that answers for it; becomes a tag and a label."""
    cost_center: str
    """Where its cost is booked; becomes a tag and a label."""
    network: NetworkReference
    """Where its address is: `Network`'s output `reference`."""
    namespace: pulumi.Input[str]
    """Namespace of the Service, and of the objects made here."""
    service_name: str
    """Service that it leads to."""
    port: int
    """Port of the Service, and of its pods, that speaks HTTP: 1 to 65535."""
    health_path: str
    """Path that a pod answers with 200, by whatever host it is asked, while it can serve."""
    host: str
    """Name that clients call, as mlflow.ml.example.com; at most 64 letters, as certificates
    have it."""
    dns_zone: str
    """Public DNS zone that the host is in, where its records go: ID of the hosted zone on AWS,
    name of the managed zone on Google Cloud. It is in the same account or project."""
    timeout_seconds: NotRequired[int]
    """How long a request may go without an answer: 30 to 3600. Default: 600, for large files."""


def name_in_cloud(args: PrivateIngressArgs) -> str:
    """What the load balancer and what belongs to it are called in the cloud."""
    return f"{args['environment']}-{args['service_name']}"


def tags_in_cloud(args: PrivateIngressArgs) -> dict[str, str]:
    """Tags or labels of what is made in the cloud."""
    return cloud_tags(
        owner=args["owner"], cost_center=args["cost_center"], environment=args["environment"]
    )


def labels_in_cluster(args: PrivateIngressArgs) -> dict[str, str]:
    """Labels of what is made in Kubernetes."""
    return standard(
        selector(args["service_name"], args["environment"], "ingress"),
        owner=args["owner"],
        cost_center=args["cost_center"],
    )


@dataclass(frozen=True)
class PrivateIngressParts:
    """What a backend has made."""

    host: pulumi.Output[str]
    """The host, once its name leads to the load balancer."""


class PrivateIngressBackend(Protocol):
    """One cloud's load balancer and certificates."""

    def check(self, check: Checks, args: PrivateIngressArgs) -> None:
        """Note what this backend cannot do with `args`."""
        ...

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: PrivateIngressArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> PrivateIngressParts:
        """Make it, as children of `parent`."""
        ...
