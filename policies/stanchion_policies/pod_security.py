"""What a pod may do to the node it runs on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stanchion_policies.kubernetes import WORKLOADS, Container, KubernetesObject, Pod
from stanchion_policies.reading import (
    entries,
    filled,
    get,
    items,
    known_to_be,
    number,
    present,
    text,
)
from stanchion_policies.rules import Settings, Severity, cis, object_policy, strings

BASELINE, RESTRICTED = "pod-security:baseline", "pod-security:restricted"
SAFE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
SELINUX_TYPES = frozenset(
    {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
)
PROFILED = frozenset({"RuntimeDefault", "Localhost"})
RUNTIME_SOCKETS = ("docker.sock", "containerd.sock", "crio.sock", "cri-dockerd.sock")


def _containers(item: KubernetesObject) -> Iterator[Container]:
    """Containers of every kind: an init or ephemeral one can do the same harm."""
    if item.pod is not None:
        yield from item.pod.containers()


@object_policy(
    "pod-not-privileged",
    kinds=WORKLOADS,
    severity=Severity.CRITICAL,
    fix="Remove privileged (and windowsOptions.hostProcess); give the one capability that is "
    "needed instead.",
    tags=[BASELINE],
    framework=cis("5.2.2"),
)
def not_privileged(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """No container is privileged, which makes it root on the node."""
    for container in _containers(item):
        if container.security("privileged"):
            yield f"{container.title} sets securityContext.privileged; remove it"
        if get(container.security("windowsOptions"), "hostProcess"):
            yield f"{container.title} is a Windows host process; remove hostProcess"


@object_policy(
    "pod-no-privilege-escalation",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Set securityContext.allowPrivilegeEscalation: false on every container; it cannot be set "
    "for the pod.",
    tags=[RESTRICTED],
    framework=cis("5.2.6"),
)
def no_privilege_escalation(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A container's processes cannot gain more rights than it started with."""
    for container in _containers(item):
        if container.security("allowPrivilegeEscalation") is not False:
            yield f"{container.title} lacks securityContext.allowPrivilegeEscalation: false"


@object_policy(
    "pod-non-root",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Set runAsNonRoot: true in the pod's securityContext and a runAsUser above 0 that the "
    "image knows; a container's own setting wins over the pod's.",
    tags=[RESTRICTED],
    framework=cis("5.2.7"),
)
def non_root(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Containers run as a user other than root, and Kubernetes checks it."""
    for container in _containers(item):
        if container.security("runAsNonRoot") is not True:
            yield f"{container.title} lacks securityContext.runAsNonRoot: true, own or the pod's"
        if container.security("runAsUser") == 0:
            yield f"{container.title} has runAsUser 0, which is root; name another user"


@object_policy(
    "pod-read-only-root",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Set securityContext.readOnlyRootFilesystem: true and mount an emptyDir where the program "
    "writes, /tmp most often.",
)
def read_only_root(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Containers cannot change their own files."""
    for container in _containers(item):
        if container.security("readOnlyRootFilesystem") is not True:
            yield f"{container.title} lacks securityContext.readOnlyRootFilesystem: true"


@object_policy(
    "pod-capabilities",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Set securityContext.capabilities.drop: [ALL] and add none but those allowed.",
    tags=[RESTRICTED],
    framework=cis("5.2.9"),
    settings={"allowed": strings("Capabilities that may be added.", "NET_BIND_SERVICE")},
)
def capabilities(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """Containers drop every Linux capability and add back only what is allowed."""
    allowed = {_capability(name) for name in settings.strings("allowed")}
    for container in _containers(item):
        stated = container.security("capabilities")
        if "ALL" not in {_capability(name) for name in items(stated, "drop")}:
            yield f"{container.title} does not drop ALL in securityContext.capabilities.drop"
        for name in items(stated, "add"):
            if _capability(name) not in allowed:
                yield f"{container.title} adds the capability {name}; remove it"


def _capability(name: Any) -> str:
    return str(name).upper().removeprefix("CAP_")


@object_policy(
    "pod-seccomp",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Set seccompProfile.type: RuntimeDefault in the pod's securityContext.",
    tags=[RESTRICTED],
    framework=cis("5.7.2"),
)
def seccomp(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """System calls are filtered by a seccomp profile."""
    for container in _containers(item):
        profile = text(container.security("seccompProfile"), "type", default="none")
        if profile not in PROFILED:
            yield f"{container.title} has seccompProfile.type {profile}; write RuntimeDefault"


@object_policy(
    "pod-kernel-defaults",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Remove it: the defaults of AppArmor, SELinux, /proc and sysctls protect the node.",
    tags=[BASELINE],
)
def kernel_defaults(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """AppArmor, SELinux, the /proc mount and sysctls are not loosened."""
    for container in _containers(item):
        if text(container.security("appArmorProfile"), "type") == "Unconfined":
            yield f"{container.title} has appArmorProfile.type Unconfined"
        if container.security("procMount") not in (None, "Default"):
            yield f"{container.title} has a procMount other than Default"
        yield from _selinux(container)
    if item.pod is not None:
        yield from _pod_kernel(item.pod)


def _selinux(container: Container) -> Iterator[str]:
    options = container.security("seLinuxOptions")
    if text(options, "type") not in SELINUX_TYPES:
        yield f"{container.title} sets seLinuxOptions.type to a type of its own"
    if filled(options, "user") or filled(options, "role"):
        yield f"{container.title} sets seLinuxOptions.user or role"


def _pod_kernel(pod: Pod) -> Iterator[str]:
    for sysctl in items(pod.spec, "securityContext", "sysctls"):
        if text(sysctl, "name") not in SAFE_SYSCTLS:
            yield f"the pod sets the unsafe sysctl {text(sysctl, 'name')}"
    annotations = entries(pod.template, "metadata", "annotations")
    for annotation in annotations:
        if annotation.startswith("container.apparmor.") and annotations[annotation] == "unconfined":
            yield f"the pod's annotation {annotation} is unconfined"


@object_policy(
    "pod-no-host-access",
    kinds=WORKLOADS,
    severity=Severity.CRITICAL,
    fix="Remove hostNetwork, hostPID, hostIPC and hostPort; reach the pod through a Service.",
    tags=[BASELINE],
    framework=cis("5.2.3-5.2.5, 5.2.13"),
)
def no_host_access(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A pod shares no namespace and no port with its node."""
    if item.pod is None:
        return
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if get(item.pod.spec, field):
            yield f"the pod sets {field}; remove it"
    for container in _containers(item):
        for port in items(container.body, "ports"):
            if number(port, "hostPort"):
                yield f"{container.title} takes the node's port {number(port, 'hostPort'):g}"


@object_policy(
    "pod-no-host-path",
    kinds=WORKLOADS,
    severity=Severity.CRITICAL,
    fix="Use an emptyDir, a persistentVolumeClaim or a configMap instead of the node's files.",
    tags=[BASELINE],
    framework=cis("5.2.12"),
)
def no_host_path(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A pod mounts nothing of its node's file system, the runtime's socket least of all."""
    for volume in items(item.pod.spec, "volumes") if item.pod else ():
        if not present(volume, "hostPath"):
            continue
        path = text(volume, "hostPath", "path", default="a path of the node")
        socket = path.endswith(RUNTIME_SOCKETS)
        why = "the container runtime's socket, which is root on the node" if socket else path
        yield f"volume {get(volume, 'name', default='?')!r} mounts {why}"


@object_policy(
    "pod-service-account",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Give the workload a ServiceAccount of its own and automountServiceAccountToken: false, or "
    "true where it does call the Kubernetes API.",
    framework=cis("5.1.5-5.1.6"),
)
def service_account(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A pod has an identity of its own, and a token only where the program says it needs one."""
    if item.pod is None:
        return
    mounted = get(item.pod.spec, "automountServiceAccountToken")
    if mounted is None:
        yield "the pod does not say automountServiceAccountToken; write false unless it needs it"
    name = "serviceAccountName"
    if not filled(item.pod.spec, name) or known_to_be("default", item.pod.spec, name):
        yield "the pod runs under the default service account; name one of its own"


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
