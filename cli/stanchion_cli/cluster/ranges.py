"""The addresses of a cluster, chosen so that they meet nothing else on the machine.

All come from 198.18.0.0/15, which RFC 2544 sets aside for tests of network devices: no office
network, cloud network or container tool uses it by default.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_network

from stanchion_cli.cluster.model import ClusterError

_ALL = list(IPv4Network("198.18.0.0/15").subnets(new_prefix=19))


@dataclass(frozen=True)
class Ranges:
    """The address plan of one cluster: a /19 of its own, cut by purpose."""

    index: int

    @property
    def whole(self) -> IPv4Network:
        """Everything the cluster may use."""
        return _ALL[self.index]

    @property
    def pods(self) -> IPv4Network:
        """The lower half, 4096 addresses."""
        return next(self.whole.subnets(new_prefix=20))

    @property
    def services(self) -> IPv4Network:
        """The third quarter, 2048 addresses."""
        return list(self.whole.subnets(new_prefix=21))[2]

    @property
    def link(self) -> IPv4Network:
        """The two ends of the pair of interfaces between machine and node."""
        return next(list(self.whole.subnets(new_prefix=21))[3].subnets(new_prefix=30))

    @property
    def host_address(self) -> IPv4Address:
        """The machine's end of the link."""
        return self.link[1]

    @property
    def node_address(self) -> IPv4Address:
        """The node's end of the link: API server, kubelet and node ports answer here."""
        return self.link[2]

    @property
    def api_service(self) -> IPv4Address:
        """The Service `kubernetes`: by convention the first of the range."""
        return self.services[1]

    @property
    def dns_service(self) -> IPv4Address:
        """The Service `kube-dns`: by convention the tenth of the range."""
        return self.services[10]


def choose(occupied: Iterable[IPv4Network], taken: Iterable[int] = ()) -> Ranges:
    """Return the first address plan that overlaps nothing in `occupied` and is not in `taken`.

    Args:
        occupied: Networks that the machine has an address or a route in.
        taken: Indexes that other clusters on this machine have recorded.

    Raises:
        ClusterError: None of the sixteen is free.
    """
    networks, used = list(occupied), set(taken)
    for index in range(len(_ALL)):
        plan = Ranges(index)
        if index not in used and not any(plan.whole.overlaps(network) for network in networks):
            return plan
    raise ClusterError(
        "no address range of 198.18.0.0/15 is free on this machine",
        fix="see `ip route`, then remove a cluster (`stanchion cluster down --name NAME`)",
    )


def occupied(ignored_interface: str = "") -> list[IPv4Network]:
    """The IPv4 networks that this machine routes anywhere, the default route aside.

    Args:
        ignored_interface: An interface whose routes don't count: the cluster's own link.
    """
    text = subprocess.run(
        ["ip", "-json", "-4", "route", "show", "table", "all"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return routed_networks(text, ignored_interface)


def routed_networks(routes: str, ignored_interface: str = "") -> list[IPv4Network]:
    """The destinations in the JSON that `ip -json route` writes."""
    found = []
    for route in json.loads(routes or "[]"):
        target = route.get("dst", "default")
        if target == "default" or route.get("dev") == ignored_interface:
            continue
        network = ip_network(target, strict=False)
        if isinstance(network, IPv4Network) and network.prefixlen > 0:
            found.append(network)
    return found
