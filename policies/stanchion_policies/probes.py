"""How Kubernetes learns whether a container works: its probes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stanchion_policies.kubernetes import LONG_RUNNING, Container, KubernetesObject
from stanchion_policies.reading import get, items, present
from stanchion_policies.rules import Settings, Severity, object_policy

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
ADDRESSED = ("httpGet", "tcpSocket", "grpc")
"""Ways to probe that go to a port."""


def _servers(item: KubernetesObject) -> Iterator[Container]:
    """The main containers of a pod that is to run until it is told to stop."""
    pod = item.pod
    if pod is not None and get(pod.spec, "restartPolicy", default="Always") == "Always":
        yield from pod.main


@object_policy(
    "workload-liveness-probe",
    kinds=LONG_RUNNING,
    severity=Severity.HIGH,
    fix="Add a livenessProbe that fails only when a restart would help.",
)
def liveness_probe(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Long-running containers have a liveness probe."""
    yield from _lacking(item, "livenessProbe")


@object_policy(
    "workload-readiness-probe",
    kinds=LONG_RUNNING,
    severity=Severity.HIGH,
    fix="Add a readinessProbe that is true only when the container can serve.",
)
def readiness_probe(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Long-running containers have a readiness probe."""
    yield from _lacking(item, "readinessProbe")


def _lacking(item: KubernetesObject, probe: str) -> Iterator[str]:
    for container in _servers(item):
        if not present(container.body, probe):
            yield f"{container.title} has no {probe}; add one, an httpGet for instance"


@object_policy(
    "workload-probes-differ",
    kinds=LONG_RUNNING,
    severity=Severity.LOW,
    fix="Let the liveness probe ask less or wait longer than the readiness probe: where both fail "
    "together, a busy container is restarted instead of being left alone.",
)
def probes_differ(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """The liveness probe is not the readiness probe again."""
    for container in _servers(item):
        liveness, readiness = (get(container.body, probe) for probe in PROBES[:2])
        if liveness is not None and _plain(liveness) == _plain(readiness):
            yield (
                f"{container.title} has one probe for liveness and readiness; give livenessProbe "
                "another path or a higher failureThreshold"
            )


def _plain(value: Any) -> Any:
    """A comparable copy; two proxies are never equal."""
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if hasattr(value, "keys"):
        return {key: _plain(value[key]) for key in value}
    return [_plain(element) for element in value]


@object_policy(
    "workload-probe-ports",
    kinds=LONG_RUNNING,
    severity=Severity.MEDIUM,
    fix="Probe a port that the container lists under ports, by its name best of all.",
)
def probe_ports(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A probe asks a port that its container opens."""
    for container in _servers(item):
        opened = {
            str(value)
            for port in items(container.body, "ports")
            for value in (get(port, "name"), _whole(get(port, "containerPort")))
            if value is not None
        }
        for probe in PROBES:
            for way in ADDRESSED:
                port = _whole(get(container.body, probe, way, "port"))
                if port is not None and str(port) not in opened:
                    yield f"{container.title} {probe} asks port {port}, which is not under ports"


def _whole(value: Any) -> Any:
    """A port number as it is written; over the wire every number is a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
