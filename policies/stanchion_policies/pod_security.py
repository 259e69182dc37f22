"""Who a container runs as, and what its processes may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stanchion_policies import remedies
from stanchion_policies.kubernetes import WORKLOADS, KubernetesObject
from stanchion_policies.reading import get, items
from stanchion_policies.rules import (
    BASELINE,
    RESTRICTED,
    Settings,
    Severity,
    cis,
    integer,
    object_policy,
    strings,
)


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
    if item.pod is None:
        return
    if get(item.pod.spec, "securityContext", "windowsOptions", "hostProcess"):
        yield "the pod sets securityContext.windowsOptions.hostProcess; remove it"
    for container in item.containers():
        if get(container.body, "securityContext", "windowsOptions", "hostProcess"):
            yield f"{container.title} sets securityContext.windowsOptions.hostProcess; remove it"


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
    fix="Set runAsUser and runAsGroup to ids that no user of a node has.",
    settings={"minimum": integer("Lowest user and group id that is accepted.", 10000, minimum=1)},
)
def high_user_id(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """Containers run under ids that no user of the node has."""
    minimum = settings.integer("minimum")
    for container in item.containers():
        for field in ("runAsUser", "runAsGroup"):
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
    remedy=remedies.drop_capabilities,
)
def drops_capabilities(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Containers give up every Linux capability that they do not ask for by name."""
    for container in item.containers():
        dropped = items(container.security("capabilities"), "drop")
        if "ALL" not in {_capability(name) for name in dropped}:
            yield f"{container.title} does not drop ALL in securityContext.capabilities.drop"


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
