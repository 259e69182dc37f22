"""What `Network` takes, and what each backend gives back."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from typing import NotRequired, Protocol, TypedDict

import pulumi

from stanchion.foundation.location import Location

PRIVATE_RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""IPv4 addresses that are routed nowhere but in private networks."""
FLOW_LOG_DAYS = 90
KEPT_DAYS: tuple[int, ...] = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)
KEPT_DAYS += (1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""Retention times that CloudWatch Logs has; any of them suits Google's log buckets too."""


class NatGateways(StrEnum):
    """How private addresses get out."""

    SINGLE = "single"
    """Cheapest. AWS: one gateway, lost with its zone. GCP: few ports per VM to begin with."""
    PER_ZONE = "per_zone"
    """AWS: one gateway in each zone. GCP, where NAT is regional: many ports per VM."""


class NetworkArgs(TypedDict):
    """Arguments of `Network`."""

    location: Location
    """Account or project, region and zones."""
    environment: str
    """Name of the environment, as prod-aws: prefix of every name in the cloud."""
    owner: str
    """Team that answers for it; becomes a tag."""
    cost_center: str
    """Where its cost is booked; becomes a tag."""
    cidr: str
    """All its addresses: a private IPv4 range of /16 to /20, as 10.20.0.0/16. On GCP the range is
    shared with pods: at 110 pods a node, a /16 holds 128 nodes and a /20 holds 8."""
    nat: NotRequired[NatGateways]
    """How private addresses get out: single or per_zone. Default: per_zone."""
    flow_log_days: NotRequired[int]
    """Days that flow logs are kept, one of CloudWatch's: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150,
    180, 365, 400, 545, 731 and longer. Default: 90."""
    reserved_cidrs: NotRequired[list[str]]
    """IPv4 ranges in use elsewhere (offices, peers) that `cidr` must not overlap. Default: none."""
    keep: NotRequired[bool]
    """Whether it is protected from deletion. Default: false."""


@dataclass(frozen=True)
class NetworkParts:
    """What a backend has made."""

    network_id: pulumi.Output[str]
    subnet_ids: list[pulumi.Output[str]]
    pods_range: str
    services_range: str


class NetworkBackend(Protocol):
    """One cloud's network."""

    def balancers(self, addresses: IPv4Network) -> Sequence[IPv4Network]:
        """Where the cloud's internal HTTP load balancers, and their checks, connect from."""
        ...

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: NetworkArgs,
        addresses: IPv4Network,
        opts: pulumi.ResourceOptions | None,
    ) -> NetworkParts:
        """Make it within `addresses`, as children of `parent`."""
        ...
