"""How the addresses of a network are divided on Google Cloud."""

from ipaddress import IPv4Network
from typing import NamedTuple

HALF, QUARTER, EIGHTH, SIXTEENTH = 1, 2, 3, 4
"""Bits that a part of the range is longer: pods have half of it, nodes a quarter, services of
Kubernetes an eighth, Google's managed services (Cloud SQL) a sixteenth, and of the last sixteenth
load balancers what they need."""
PROXIES_LENGTH = 23
"""Of the range of load balancers, which Google recommends; it is all of a smaller sixteenth."""
CHECKS = (IPv4Network("35.191.0.0/16"), IPv4Network("130.211.0.0/22"))
"""Where Google's health checks come from."""


class Plan(NamedTuple):
    """Who has which part of the range."""

    pods: IPv4Network
    nodes: IPv4Network
    services: IPv4Network
    managed: IPv4Network
    proxies: IPv4Network


def plan(addresses: IPv4Network) -> Plan:
    """Divide all of a network's addresses."""
    pods, _ = addresses.subnets(HALF)
    *_, nodes, last = addresses.subnets(QUARTER)
    services, rest = last.subnets(EIGHTH - QUARTER)
    managed, spare = rest.subnets(SIXTEENTH - EIGHTH)
    proxies = next(spare.subnets(new_prefix=max(PROXIES_LENGTH, spare.prefixlen)))
    return Plan(pods, nodes, services, managed, proxies)
