"""Who talked to whom on the node, and whether the network policies on it allow that.

The node's network plugin enforces no policy, so the policies are held against the connections
that its kernel tracked.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2e.platform import Platform
from stanchion_cli import cluster

_FLOW = re.compile(
    r"^(?P<protocol>tcp|udp) .*?src=(?P<source>\S+) dst=(?P<asked>\S+) sport=\d+ dport=\d+.*?"
    r"src=(?P<answered>\S+) dst=\S+ sport=(?P<port>\d+)"
)


@dataclass(frozen=True)
class Connection:
    """One pod opened a connection to another; pods as `namespace/name`."""

    source: str
    destination: str
    protocol: str
    port: int

    def __str__(self) -> str:
        """`a/x → b/y tcp 5000`."""
        return f"{self.source} → {self.destination} {self.protocol} {self.port}"


def connections(platform: Platform) -> set[Connection]:
    """Every tracked connection between two pods, behind Service addresses too."""
    node = cluster.find(platform.cluster)
    assert node is not None
    command = cluster.inside(node, "conntrack", "-L")
    tracked = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pods = {
        address["ip"]: f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        for pod in _pods(platform)
        for address in pod["status"].get("podIPs") or []
        if not pod["spec"].get("hostNetwork")
    }
    found = set()
    for line in tracked.splitlines():
        if flow := _FLOW.match(line):
            source, destination = pods.get(flow["source"]), pods.get(flow["answered"])
            if source and destination:
                found.add(
                    Connection(source, destination, flow["protocol"].upper(), int(flow["port"]))
                )
    return found


def allowed(platform: Platform, connection: Connection) -> bool:
    """Whether the policies on both ends allow it, as the Kubernetes API defines them."""
    pods = {f"{p['metadata']['namespace']}/{p['metadata']['name']}": p for p in _pods(platform)}
    namespaces = {
        item["metadata"]["name"]: item["metadata"]["labels"]
        for item in platform.get("namespaces")["items"]
    }
    source, destination = pods[connection.source], pods[connection.destination]
    policies = platform.get("networkpolicies", "-A")["items"]
    return all(
        _end_allows(policies, namespaces, connection, direction, pod, peer)
        for direction, pod, peer in (
            ("Egress", source, destination),
            ("Ingress", destination, source),
        )
    )


def _end_allows(
    policies: list[dict[str, Any]],
    namespaces: Mapping[str, Mapping[str, str]],
    connection: Connection,
    direction: str,
    pod: Mapping[str, Any],
    peer: Mapping[str, Any],
) -> bool:
    home = pod["metadata"]["namespace"]
    selecting = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == home
        and direction in policy["spec"]["policyTypes"]
        and _selects(policy["spec"].get("podSelector") or {}, pod["metadata"].get("labels") or {})
    ]
    if not selecting:
        return True
    key, side = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    target = pod if direction == "Ingress" else peer
    return any(
        _port_allowed(rule.get("ports"), connection, target)
        and _peer_allowed(rule.get(side), home, namespaces, peer)
        for policy in selecting
        for rule in policy["spec"].get(key) or []
    )


def _port_allowed(
    ports: list[dict[str, Any]] | None, connection: Connection, target: Mapping[str, Any]
) -> bool:
    if not ports:
        return True
    named = {
        port.get("name"): port["containerPort"]
        for container in target["spec"]["containers"]
        for port in container.get("ports") or []
    }
    return any(
        port.get("protocol", "TCP") == connection.protocol
        and named.get(port.get("port"), port.get("port")) in {None, connection.port}
        for port in ports
    )


def _peer_allowed(
    peers: list[dict[str, Any]] | None,
    home: str,
    namespaces: Mapping[str, Mapping[str, str]],
    peer: Mapping[str, Any],
) -> bool:
    if not peers:
        return True
    place, labels = peer["metadata"]["namespace"], peer["metadata"].get("labels") or {}
    for entry in peers:
        if "ipBlock" in entry:
            continue
        if "namespaceSelector" in entry:
            inside = _selects(entry["namespaceSelector"], namespaces[place])
        else:
            inside = place == home
        if inside and _selects(entry.get("podSelector") or {}, labels):
            return True
    return False


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = (selector.get("matchLabels") or {}).items()
    if any(labels.get(key) != value for key, value in wanted):
        return False
    for expression in selector.get("matchExpressions") or []:
        value, values = labels.get(expression["key"]), expression.get("values") or []
        holds = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }[expression["operator"]]
        if not holds:
            return False
    return True


def _pods(platform: Platform) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = platform.get("pods", "-A")["items"]
    return items
