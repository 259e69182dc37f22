"""Who talked to whom on the node, and whether the network policies on it allow that.

The node's network plugin enforces no policy, so the policies are held against the connections
that its kernel tracked.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

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


@dataclass(frozen=True)
class Seen:
    """Connections, and what their pods were and policies said just then: pods come and go."""

    connections: frozenset[Connection]
    pods: Mapping[str, Mapping[str, Any]]
    namespaces: Mapping[str, Mapping[str, str]]
    """Their labels."""
    policies: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, platform: Platform) -> Self:
        """Every tracked connection between two pods, behind Service addresses too."""
        node = cluster.find(platform.cluster)
        assert node is not None
        command = cluster.inside(node, "conntrack", "-L")
        tracked = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        items = platform.get("pods", "-A")["items"]
        pods = {f"{pod['metadata']['namespace']}/{pod['metadata']['name']}": pod for pod in items}
        return cls(
            connections=frozenset(_between(pods, tracked)),
            pods=pods,
            namespaces={
                item["metadata"]["name"]: item["metadata"]["labels"]
                for item in platform.get("namespaces")["items"]
            },
            policies=platform.get("networkpolicies", "-A")["items"],
        )

    def forbidden(self, sources: str = "") -> list[str]:
        """Connections from pods of such names that the policies of either end do not allow."""
        return sorted(
            str(each)
            for each in self.connections
            if re.match(sources, each.source) and not self._allows(each)
        )

    def _allows(self, connection: Connection) -> bool:
        """Whether the policies on both ends allow it, as the Kubernetes API defines them."""
        source, destination = self.pods[connection.source], self.pods[connection.destination]
        return all(
            _end_allows(self.policies, self.namespaces, connection, direction, pod, peer)
            for direction, pod, peer in (
                ("Egress", source, destination),
                ("Ingress", destination, source),
            )
        )


def _between(pods: Mapping[str, Mapping[str, Any]], tracked: str) -> Iterator[Connection]:
    names = {
        address["ip"]: name
        for name, pod in pods.items()
        for address in pod["status"].get("podIPs") or []
        if not pod["spec"].get("hostNetwork")
    }
    for line in tracked.splitlines():
        if flow := _FLOW.match(line):
            source, destination = names.get(flow["source"]), names.get(flow["answered"])
            if source and destination:
                yield Connection(source, destination, flow["protocol"].upper(), int(flow["port"]))


def _end_allows(
    policies: Sequence[Mapping[str, Any]],
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
