"""The private network that everything else of an environment lives in."""

from ipaddress import IPv4Network, ip_network

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.cloud import Cloud, choose
from stanchion.foundation.location import NetworkReference, check_location
from stanchion.foundation.network.contract import (
    FLOW_LOG_DAYS,
    KEPT_DAYS,
    PRIVATE_RANGES,
    NatGateways,
    NetworkArgs,
    NetworkBackend,
)

__all__ = ["NatGateways", "Network", "NetworkArgs", "balancer_cidrs"]

WIDEST, NARROWEST = 16, 20
_PRIVATE = [IPv4Network(each) for each in PRIVATE_RANGES]
_TAKEN = IPv4Network("172.17.0.0/16")
"""The container runtime's bridge on nodes and on managed databases of Google Cloud."""


class Network(pulumi.ComponentResource):
    """Private subnets in three zones, a way out, private ways to cloud services, and flow logs.

    Nothing in it has a public address but NAT gateways and, on AWS, load balancers that ask for
    one. It deliberately makes no peering, VPN, DNS zone or rule for a workload: those belong to
    what needs them.
    """

    reference: NetworkReference
    """The network as clusters and databases take it; known once nodes in it can reach out."""
    cidr: pulumi.Output[str]
    """All its addresses."""
    balancer_cidrs: pulumi.Output[list[str]]
    """Where internal HTTP load balancers connect from; no pod or node has these addresses."""

    def __init__(
        self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args, backend, addresses = checked(name, args)
        super().__init__("stanchion:index:Network", name, {}, opts)

        parts = backend.build(self, name, args, addresses, opts)
        self.cidr = pulumi.Output.from_input(str(addresses))
        self.reference = NetworkReference(
            network_id=parts.network_id,
            subnet_ids=list(parts.subnet_ids),
            cidr=str(addresses),
            pods_range=parts.pods_range,
            services_range=parts.services_range,
        )
        self.balancer_cidrs = pulumi.Output.from_input(
            [str(each) for each in backend.balancers(addresses)]
        )
        self.register_outputs(
            {
                "reference": self.reference,
                "cidr": self.cidr,
                "balancerCidrs": self.balancer_cidrs,
            }
        )


def balancer_cidrs(cloud: Cloud, cidr: str) -> list[str]:
    """What the output `balancer_cidrs` of a `Network` is, for programs that did not make it.

    Args:
        cloud: The network's cloud.
        cidr: All its addresses.

    Raises:
        ArgumentsError: when the cloud has no such network.
    """
    backend: NetworkBackend = choose(Checks("Network", cidr), cloud, __name__)
    return [str(each) for each in backend.balancers(IPv4Network(cidr))]


def checked(name: str, args: NetworkArgs) -> tuple[NetworkArgs, NetworkBackend, IPv4Network]:
    """The arguments, held to their types and bounds, with what they choose.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("Network", name)
    args = check.arguments(NetworkArgs, args)
    backend: NetworkBackend = choose(check, args["location"]["cloud"], __name__)
    check_location(check, args["location"])
    check.name("environment", args["environment"])
    check.label("owner", args["owner"])
    check.label("cost_center", args["cost_center"])
    days = args.get("flow_log_days", FLOW_LOG_DAYS)
    if days not in KEPT_DAYS:
        near = min(KEPT_DAYS, key=lambda kept: abs(kept - days))
        check.refuse("flow_log_days", f"{days} is no retention time", f"write {near}")
    addresses = _addresses(check, args)
    check.done()
    return args, backend, addresses


def _addresses(check: Checks, args: NetworkArgs) -> IPv4Network:
    """The network's range; one that is no range at all ends the checks, nothing fits into it."""
    found = _range(check, "cidr", args["cidr"])
    reserved = {
        f"reserved_cidrs[{at}]": _range(check, f"reserved_cidrs[{at}]", each)
        for at, each in enumerate(args.get("reserved_cidrs", []))
    }
    if found is None:
        return _PRIVATE[0]
    if not WIDEST <= found.prefixlen <= NARROWEST:
        check.refuse(
            "cidr", f"/{found.prefixlen} is out of range", f"write /{WIDEST} to /{NARROWEST}"
        )
    if not any(found.subnet_of(private) for private in _PRIVATE):
        known = ", ".join(str(each) for each in _PRIVATE)
        check.refuse("cidr", f"{found} is not private", f"choose from {known}")
    if found.overlaps(_TAKEN):
        check.refuse("cidr", f"{found} overlaps {_TAKEN}, Docker's own", "choose another range")
    for field, taken in reserved.items():
        if taken is not None and found.overlaps(taken):
            check.refuse("cidr", f"{found} overlaps {field}, {taken}", "choose a free range")
    return found


def _range(check: Checks, field: str, value: str) -> IPv4Network | None:
    try:
        found = ip_network(value)
    except ValueError as error:
        check.refuse(field, f"{error}", "write the first address and a length, as 10.20.0.0/16")
        return None
    if not isinstance(found, IPv4Network):
        check.refuse(field, f"{value} is no IPv4 range", "write one as 10.20.0.0/16")
        return None
    return found
