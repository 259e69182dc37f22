"""Who a container runs as, and what its processes may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stanchion_policies import remedies
from stanchion_policies.kubernetes import WORKLOADS, Container, KubernetesObject
from stanchion_policies.reading import get, items
from stanchion_policies.rules import (
    BASELINE,
    RESTRICTED,
    Settings,
    Severity,
    cis,
    flag,
    integer,
    object_policy,
    strings,
)

GIVEN = frozenset(
    {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_RAW"}
    | {"NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}
)
"""Capabilities that container runtimes give where nothing is said."""

HIGH_IDS = {"minimum": integer("Lowest id that is accepted.", 10000, minimum=1)}


@object_policy(
    "pod-not-privileged",
    kinds=WORKLOADS,
    severity=Severity.CRITICAL,
    fix="Remove privileged; give the one capability that is needed instead.",
    tags=[BASELINE],
    framework=cis("5.2.2"),
)
def not_privileged(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """No container is privileged, which makes it root on the node."""
    for container in item.containers():
        if container.security("privileged"):
            yield f"{container.title} sets securityContext.privileged; remove it"


@object_policy(
    "pod-no-host-process",
    kinds=WORKLOADS,
    severity=Severity.CRITICAL,
    fix="Remove windowsOptions.hostProcess, which has the rights of the node itself.",
    tags=[BASELINE],
    framework=cis("5.2.11"),
)
def no_host_process(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """No Windows container runs as a process of its node."""
    for place, context in item.security_contexts():
        if get(context, "windowsOptions", "hostProcess"):
            yield f"{place} sets securityContext.windowsOptions.hostProcess; remove it"


@object_policy(
    "pod-no-privilege-escalation",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Set securityContext.allowPrivilegeEscalation: false on every container; it cannot be set "
    "for the pod.",
    tags=[RESTRICTED],
    framework=cis("5.2.6"),
    remedy=remedies.forbid_escalation,
)
def no_privilege_escalation(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A container's processes cannot gain more rights than it started with."""
    for container in item.containers():
        if container.security("allowPrivilegeEscalation") is not False:
            yield f"{container.title} lacks securityContext.allowPrivilegeEscalation: false"


@object_policy(
    "pod-non-root",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Set a runAsUser above 0 that the image knows, or runAsNonRoot: true where the image names "
    "one; a container's own setting wins over the pod's.",
    tags=[RESTRICTED],
    framework=cis("5.2.7"),
)
def non_root(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Containers run as a user other than root."""
    for container in item.containers():
        user = container.security("runAsUser")
        if user == 0:
            yield f"{container.title} has runAsUser 0, which is root; name another user"
        elif user is None and container.security("runAsNonRoot") is not True:
            yield (
                f"{container.title} may run as root: it has neither a securityContext.runAsUser "
                "nor runAsNonRoot: true, of its own or the pod's"
            )


@object_policy(
    "pod-no-root-user",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Name a runAsUser above 0, or leave it out and set runAsNonRoot: true.",
    tags=[RESTRICTED],
    framework=cis("5.2.7"),
)
def no_root_user(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Neither a pod nor a container asks for the user 0."""
    for place, context in item.security_contexts():
        if get(context, "runAsUser") == 0:
            yield f"{place} sets securityContext.runAsUser to 0, which is root; name another user"


@object_policy(
    "pod-no-root-group",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Name groups above 0: files of the node's root group are often writable for it.",
)
def no_root_group(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Neither a pod nor a container asks for the group 0."""
    for place, context in item.security_contexts():
        for field in ("runAsGroup", "fsGroup"):
            if get(context, field) == 0:
                yield f"{place} sets securityContext.{field} to 0; name another group"
        if 0 in items(context, "supplementalGroups"):
            yield f"{place} lists 0 in securityContext.supplementalGroups; remove it"


@object_policy(
    "pod-non-root-enforced",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Set runAsNonRoot: true in the pod's securityContext, and false in no container's: then "
    "the kubelet refuses to start root, whatever the image says.",
    tags=[RESTRICTED],
    framework=cis("5.2.7"),
)
def non_root_enforced(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Kubernetes checks that containers do not run as root."""
    for container in item.containers():
        if container.security("runAsNonRoot") is not True:
            yield f"{container.title} lacks securityContext.runAsNonRoot: true, own or the pod's"


@object_policy(
    "pod-high-user-id",
    kinds=WORKLOADS,
    severity=Severity.LOW,
    fix="Set runAsUser to an id that no user of a node has.",
    settings=HIGH_IDS,
)
def high_user_id(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """Containers run under a user id that no user of the node has."""
    yield from _low(item, "runAsUser", settings.integer("minimum"))


@object_policy(
    "pod-high-group-id",
    kinds=WORKLOADS,
    severity=Severity.LOW,
    fix="Set runAsGroup to an id that no group of a node has.",
    settings=HIGH_IDS,
)
def high_group_id(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """Containers run under a group id that no group of the node has."""
    yield from _low(item, "runAsGroup", settings.integer("minimum"))


def _low(item: KubernetesObject, field: str, minimum: int) -> Iterator[str]:
    if item.pod is not None and get(item.pod.spec, "hostUsers") is False:
        return  # its users are others on the node
    for container in item.containers():
        stated = container.security(field)
        if not isinstance(stated, int | float) or stated < minimum:
            yield f"{container.title} has no securityContext.{field} of {minimum} or above"


@object_policy(
    "pod-read-only-root",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Set securityContext.readOnlyRootFilesystem: true and mount an emptyDir where the program "
    "writes, /tmp most often.",
)
def read_only_root(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Containers cannot change their own files."""
    for container in item.containers():
        if container.security("readOnlyRootFilesystem") is not True:
            yield f"{container.title} lacks securityContext.readOnlyRootFilesystem: true"


@object_policy(
    "pod-drops-capabilities",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Set securityContext.capabilities.drop: [ALL] on every container.",
    tags=[RESTRICTED],
    framework=cis("5.2.9"),
    settings={
        "byName": flag(
            "Whether it is as good to drop each capability that container runtimes give by "
            "default; the Pod Security level restricted does not think so.",
            default=False,
        )
    },
    remedy=remedies.drop_capabilities,
)
def drops_capabilities(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """Containers give up every Linux capability that they do not ask for by name."""
    for container in item.containers():
        dropped = _dropped(container)
        if "ALL" not in dropped and not (settings.flag("byName") and dropped >= GIVEN):
            yield f"{container.title} does not drop ALL in securityContext.capabilities.drop"


@object_policy(
    "pod-drops-net-raw",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Drop ALL, or NET_RAW at least: with it a container forges packets of its neighbours.",
    tags=[RESTRICTED],
)
def drops_net_raw(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Containers give up the capability to forge packets."""
    for container in item.containers():
        if not _dropped(container) & {"ALL", "NET_RAW"}:
            yield f"{container.title} drops neither ALL nor NET_RAW; drop ALL"


def _dropped(container: Container) -> set[str]:
    return {_capability(name) for name in items(container.security("capabilities"), "drop")}


@object_policy(
    "pod-adds-no-capability",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Remove the capability; NET_BIND_SERVICE alone is harmless.",
    tags=[BASELINE, RESTRICTED],
    framework=cis("5.2.8"),
    settings={"allowed": strings("Capabilities that may be added.", "NET_BIND_SERVICE")},
)
def adds_no_capability(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """Containers add no Linux capability but those allowed."""
    allowed = {_capability(name) for name in settings.strings("allowed")}
    for container in item.containers():
        for name in items(container.security("capabilities"), "add"):
            if _capability(name) not in allowed:
                yield f"{container.title} adds the capability {name}; remove it"


def _capability(name: Any) -> str:
    return str(name).upper().removeprefix("CAP_")


@object_policy(
    "namespace-pod-security",
    kinds=("Namespace",),
    severity=Severity.HIGH,
    fix="Label the namespace pod-security.kubernetes.io/enforce: restricted.",
    framework=cis("5.2.1"),
    settings={"levels": strings("Levels that may be enforced.", "restricted")},
)
def namespace_pod_security(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A namespace enforces a pod security level on everything that comes into it."""
    level = get(item.labels, "pod-security.kubernetes.io/enforce")
    if level not in settings.strings("levels"):
        wanted = " or ".join(settings.strings("levels"))
        yield f"enforces the pod security level {level}; set the label to {wanted}"
