"""The kernel's own protection of the node, which a pod must not loosen."""

from __future__ import annotations

from collections.abc import Iterator

from stanchion_policies import remedies
from stanchion_policies.kubernetes import WORKLOADS, KubernetesObject, Pod
from stanchion_policies.reading import entries, filled, get, items, text
from stanchion_policies.rules import (
    BASELINE,
    RESTRICTED,
    Settings,
    Severity,
    cis,
    flag,
    object_policy,
)

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
        "net.ipv4.tcp_notsent_lowat",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_slow_start_after_idle",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
SELINUX_TYPES = frozenset(
    {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
)
SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_PROFILES = ("runtime/default", "docker/default")
PROFILED = frozenset({"RuntimeDefault", "Localhost"})
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
APPARMOR_PROFILES = ("", "runtime/default", "localhost/")


@object_policy(
    "pod-seccomp",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Set seccompProfile.type: RuntimeDefault in the pod's securityContext.",
    tags=[RESTRICTED],
    framework=cis("5.7.2"),
    settings={
        "annotations": flag(
            "Whether the annotations count that Kubernetes read before 1.27.", default=False
        )
    },
    remedy=remedies.filter_system_calls,
)
def seccomp(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """System calls are filtered by a seccomp profile."""
    if settings.flag("annotations") and item.pod is not None and _annotated(item.pod):
        return
    for container in item.containers():
        profile = text(container.security("seccompProfile"), "type", default="none")
        if profile not in PROFILED:
            yield f"{container.title} has seccompProfile.type {profile}; write RuntimeDefault"


def _annotated(pod: Pod) -> bool:
    return text(pod.template, "metadata", "annotations", SECCOMP) in SECCOMP_PROFILES


@object_policy(
    "pod-seccomp-not-unconfined",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Remove it, or write RuntimeDefault.",
    tags=[BASELINE],
    framework=cis("5.7.2"),
)
def seccomp_not_unconfined(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """The filter of system calls is not switched off."""
    for place, context in item.security_contexts():
        if text(context, "seccompProfile", "type") == "Unconfined":
            yield f"{place} has seccompProfile.type Unconfined; write RuntimeDefault"


@object_policy(
    "pod-apparmor",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Remove it, or write RuntimeDefault: AppArmor keeps a container off the node's files.",
    tags=[BASELINE],
)
def apparmor(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """AppArmor is not switched off."""
    if item.pod is None:
        return
    for container in item.containers():
        profile = text(container.security("appArmorProfile"), "type", default="RuntimeDefault")
        if profile not in PROFILED:
            yield f"{container.title} has appArmorProfile.type {profile}; write RuntimeDefault"
    annotations = entries(item.pod.template, "metadata", "annotations")
    for annotation in annotations:
        if annotation.startswith(APPARMOR) and not _confined(str(annotations[annotation])):
            yield f"the pod's annotation {annotation} is no profile; write runtime/default"


def _confined(profile: str) -> bool:
    return profile in APPARMOR_PROFILES or profile.startswith(APPARMOR_PROFILES[-1])


@object_policy(
    "pod-selinux",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Remove seLinuxOptions, or keep to the type container_t.",
    tags=[BASELINE],
)
def selinux(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """SELinux is not loosened."""
    for place, context in item.security_contexts():
        options = entries(context, "seLinuxOptions")
        if text(options, "type") not in SELINUX_TYPES:
            yield f"{place} sets seLinuxOptions.type to a type of its own; remove it"
        for field in ("user", "role"):
            if filled(options, field):
                yield f"{place} sets seLinuxOptions.{field}; remove it"


@object_policy(
    "pod-proc-mount",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Remove procMount: the default hides what of /proc belongs to the node.",
    tags=[BASELINE],
    settings={
        "ownUsers": flag(
            "Whether a pod with users of its own (hostUsers: false) may see all of /proc.",
            default=False,
        )
    },
)
def proc_mount(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """The /proc mount is the default one, which hides what belongs to the node."""
    own_users = item.pod is not None and get(item.pod.spec, "hostUsers") is False
    if own_users and settings.flag("ownUsers"):
        return
    for container in item.containers():
        if container.security("procMount") not in (None, "Default"):
            yield f"{container.title} has a procMount other than Default; remove it"


@object_policy(
    "pod-sysctls",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Remove the sysctl, or set it on a node pool of its own.",
    tags=[BASELINE],
)
def sysctls(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A pod sets only sysctls that hold for itself alone."""
    for sysctl in items(item.pod.spec, "securityContext", "sysctls") if item.pod else ():
        if text(sysctl, "name") not in SAFE_SYSCTLS:
            yield f"the pod sets the unsafe sysctl {text(sysctl, 'name')}; remove it"
