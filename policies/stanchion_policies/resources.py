"""What a workload asks of its node, and what it may take at most."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from stanchion_policies.kubernetes import WORKLOADS, Container, ContainerKind, KubernetesObject
from stanchion_policies.reading import entries, filled, quantity
from stanchion_policies.rules import Settings, Severity, choice, object_policy

IN_BYTES = ("memory", "ephemeral-storage")
FROM_MEASUREMENT = "Set it from measurement: the 95th percentile of a week is a good start."


def _sized(item: KubernetesObject) -> Iterator[Container]:
    """The containers that may have resources: an ephemeral one may not."""
    if item.pod is not None:
        yield from item.pod.containers(ContainerKind.INIT, ContainerKind.MAIN)


def _stated(container: Container, bound: str, resource: str) -> bool:
    """Whether the container says it, or the pod does for all its containers together."""
    return filled(container.body, "resources", bound, resource) or (
        resource != "ephemeral-storage" and filled(container.pod, "resources", bound, resource)
    )


def _lacking(item: KubernetesObject, bound: str, resource: str) -> Iterator[str]:
    for container in _sized(item):
        if not _stated(container, bound, resource):
            yield f"{container.title} has no resources.{bound}.{resource}; set one"


@object_policy(
    "workload-cpu-request",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix=f"Set resources.requests.cpu. {FROM_MEASUREMENT}",
)
def cpu_request(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Containers request the CPU time they need, so that a node is not filled beyond it."""
    yield from _lacking(item, "requests", "cpu")


@object_policy(
    "workload-memory-request",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix=f"Set resources.requests.memory. {FROM_MEASUREMENT}",
)
def memory_request(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Containers request the memory they need, so that a node is not filled beyond it."""
    yield from _lacking(item, "requests", "memory")


@object_policy(
    "workload-memory-limit",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Set resources.limits.memory, so that a leak ends one container and not its neighbours.",
)
def memory_limit(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Containers have a memory limit."""
    yield from _lacking(item, "limits", "memory")


@object_policy(
    "workload-cpu-limit",
    kinds=WORKLOADS,
    severity=Severity.LOW,
    fix="Follow the environment's practice: a limit makes latency predictable by throttling, "
    "without one a container may use what others leave.",
    settings={
        "demand": choice("Whether a CPU limit is required or forbidden.", "required", "forbidden")
    },
)
def cpu_limit(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """Containers have a CPU limit, or none has one."""
    if settings.text("demand") == "required":
        yield from _lacking(item, "limits", "cpu")
        return
    for container in _sized(item):
        if _stated(container, "limits", "cpu"):
            yield f"{container.title} has resources.limits.cpu; leave it out, requests are enough"


@object_policy(
    "workload-ephemeral-storage-limit",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Set resources.limits.ephemeral-storage: logs and scratch files of one container can fill "
    "the node's disk for all of them.",
)
def ephemeral_storage_limit(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Containers have a limit for what they write to the node's disk."""
    yield from _lacking(item, "limits", "ephemeral-storage")


@object_policy(
    "workload-requests-within-limits",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Write Kubernetes quantities (500m of CPU, 1.5Gi of memory), and no request above its "
    "limit.",
)
def requests_within_limits(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Requests and limits are quantities, and no request is above its limit."""
    for container in _sized(item):
        sizes: dict[tuple[str, str], Decimal] = {}
        for bound in ("requests", "limits"):
            stated = entries(container.body, "resources", bound)
            for resource in stated:
                size = quantity(stated[resource])
                if size is None:
                    yield f"{container.title} resources.{bound}.{resource} is not a quantity"
                elif resource in IN_BYTES and size % 1:
                    yield f"{container.title} resources.{bound}.{resource} is in fractions of bytes"
                else:
                    sizes[bound, resource] = size
        for (bound, resource), size in sizes.items():
            if bound == "requests" and size > sizes.get(("limits", resource), size):
                yield (
                    f"{container.title} requests more {resource} than its limit; raise "
                    f"resources.limits.{resource} or lower the request"
                )
