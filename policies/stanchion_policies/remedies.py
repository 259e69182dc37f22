"""Remedies: what an environment of the level `remediate` has written into its pods.

Only what a program very rarely needs to be otherwise, and only where the object says nothing: what
its author wrote stays, and stays a violation. The runtime does not raise for unknown values here;
they look like strings, and are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stanchion_policies.kubernetes import Container, KubernetesObject
from stanchion_policies.reading import get, known_to_be, present, texts

Remedy = Callable[[KubernetesObject], bool]
"""Changes an object where that is safe, and says whether it did."""


def filter_system_calls(item: KubernetesObject) -> bool:
    """Give the pod the runtime's own seccomp profile."""
    spec = item.pod.spec if item.pod else {}
    return _is_linux(item) and _set(spec, {"type": "RuntimeDefault"}, "seccompProfile")


def drop_capabilities(item: KubernetesObject) -> bool:
    """Drop every capability in each container; what it adds stays."""
    changed = [
        _set(container.body, ["ALL"], "capabilities", "drop") for container in _containers(item)
    ]
    return any(changed)


def forbid_escalation(item: KubernetesObject) -> bool:
    """Forbid each container to gain rights, unless it asks for what includes them."""
    changed = [
        _set(container.body, False, "allowPrivilegeEscalation")
        for container in _containers(item)
        if not _must_escalate(container)
    ]
    return any(changed)


def _containers(item: KubernetesObject) -> Iterator[Container]:
    if _is_linux(item):
        yield from item.containers()


def _is_linux(item: KubernetesObject) -> bool:
    return item.pod is not None and not known_to_be("windows", item.pod.spec, "os", "name")


def _must_escalate(container: Container) -> bool:
    """Kubernetes refuses these with `allowPrivilegeEscalation: false`."""
    added = texts(container.body, "securityContext", "capabilities", "add")
    privileged = get(container.body, "securityContext", "privileged", default=False)
    return privileged is not False or not {"SYS_ADMIN", "CAP_SYS_ADMIN"}.isdisjoint(added)


def _set(holder: Any, value: Any, *path: str) -> bool:
    """Set what is not there at `path` of the security context."""
    if not isinstance(holder, Mapping) or not holder:
        return False
    inside: Any = holder
    for step in ("securityContext", *path[:-1]):
        if get(inside, step) is None:
            inside[step] = {}
        inside = inside[step]
        if not isinstance(inside, Mapping):
            return False
    if present(inside, path[-1]):
        return False
    inside[path[-1]] = value
    return True
