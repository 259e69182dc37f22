"""Cases of the pod security policies."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import DROP, UNKNOWN, Manifest, manifest, namespace, workload


def secure(**context: Any) -> Manifest:
    """A workload whose container has a changed security context."""
    return workload(server={"securityContext": context})


def volume(path: str, kind: str = "Deployment") -> Manifest:
    """A workload that mounts a path of its node."""
    return workload(kind, pod={"volumes": [{"name": "host", "hostPath": {"path": path}}]})


CASES: list[Case] = [
    passes("pod-not-privileged", "plain", workload(init={})),
    passes("pod-not-privileged", "false", secure(privileged=False)),
    passes("pod-not-privileged", "config map", manifest("ConfigMap", data={})),
    undecided("pod-not-privileged", "unknown", secure(privileged=UNKNOWN)),
    fails("pod-not-privileged", "container", secure(privileged=True)),
    fails(
        "pod-not-privileged",
        "init container of a cron job",
        workload("CronJob", init={"securityContext": {"privileged": True}}),
    ),
    fails(
        "pod-not-privileged",
        "ephemeral container",
        workload(
            "Pod",
            pod={"ephemeralContainers": [{"name": "x", "securityContext": {"privileged": True}}]},
        ),
    ),
    fails(
        "pod-not-privileged",
        "Windows host process of the pod",
        workload(pod={"securityContext": {"windowsOptions": {"hostProcess": True}}}),
    ),
    passes("pod-no-privilege-escalation", "plain", workload(init={})),
    passes("pod-no-privilege-escalation", "rollout", workload("Rollout")),
    passes("pod-no-privilege-escalation", "job", workload("Job")),
    undecided("pod-no-privilege-escalation", "unknown", secure(allowPrivilegeEscalation=UNKNOWN)),
    fails("pod-no-privilege-escalation", "true", secure(allowPrivilegeEscalation=True)),
    fails("pod-no-privilege-escalation", "missing", secure(allowPrivilegeEscalation=DROP)),
    fails(
        "pod-no-privilege-escalation",
        "the pod cannot say it",
        workload(
            pod={"securityContext": {"allowPrivilegeEscalation": False}},
            server={"securityContext": {"allowPrivilegeEscalation": DROP}},
        ),
    ),
    passes("pod-non-root", "the pod says it", workload(init={})),
    passes(
        "pod-non-root",
        "the container says it",
        workload(
            pod={"securityContext": {"runAsNonRoot": DROP}},
            server={"securityContext": {"runAsNonRoot": True}},
        ),
    ),
    passes("pod-non-root", "another user", secure(runAsUser=999)),
    undecided(
        "pod-non-root", "unknown", workload(pod={"securityContext": {"runAsNonRoot": UNKNOWN}})
    ),
    fails("pod-non-root", "the container wins", secure(runAsNonRoot=False)),
    fails("pod-non-root", "nobody", workload(pod={"securityContext": {"runAsNonRoot": DROP}})),
    fails("pod-non-root", "user 0", secure(runAsUser=0)),
    fails("pod-non-root", "init as root", workload(init={"securityContext": {"runAsUser": 0}})),
    passes("pod-read-only-root", "plain", workload(init={})),
    passes("pod-read-only-root", "job", workload("Job")),
    passes("pod-read-only-root", "service", manifest("Service")),
    fails("pod-read-only-root", "missing", secure(readOnlyRootFilesystem=DROP)),
    fails("pod-read-only-root", "false", secure(readOnlyRootFilesystem=False)),
    fails("pod-read-only-root", "no context", workload(server={"securityContext": DROP})),
    passes("pod-capabilities", "drop all", workload(init={})),
    passes(
        "pod-capabilities", "an allowed one", secure(capabilities={"add": ["NET_BIND_SERVICE"]})
    ),
    passes("pod-capabilities", "spelled otherwise", secure(capabilities={"drop": ["CAP_ALL"]})),
    passes(
        "pod-capabilities",
        "allowed by setting",
        secure(capabilities={"add": ["CHOWN"]}),
        allowed=["CHOWN"],
    ),
    fails("pod-capabilities", "some dropped", secure(capabilities={"drop": ["NET_RAW"]})),
    fails("pod-capabilities", "added", secure(capabilities={"add": ["CAP_SYS_ADMIN"]})),
    fails("pod-capabilities", "none", workload(init={"securityContext": DROP})),
    passes("pod-seccomp", "of the pod", workload(init={})),
    passes("pod-seccomp", "local profile", secure(seccompProfile={"type": "Localhost"})),
    passes(
        "pod-seccomp",
        "of the container alone",
        workload(
            pod={"securityContext": DROP},
            server={"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
        ),
    ),
    fails("pod-seccomp", "none", workload(pod={"securityContext": {"seccompProfile": DROP}})),
    fails("pod-seccomp", "container wins", secure(seccompProfile={"type": "Unconfined"})),
    fails("pod-seccomp", "null", workload("Job", pod={"securityContext": None})),
    passes("pod-kernel-defaults", "plain", workload(init={})),
    passes("pod-kernel-defaults", "container type", secure(seLinuxOptions={"type": "container_t"})),
    passes(
        "pod-kernel-defaults",
        "safe sysctl",
        workload(
            pod={
                "securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}
            }
        ),
    ),
    fails("pod-kernel-defaults", "AppArmor", secure(appArmorProfile={"type": "Unconfined"})),
    fails(
        "pod-kernel-defaults",
        "AppArmor by annotation",
        workload(
            template={
                "metadata": {
                    "annotations": {
                        "container.apparmor.security.beta.kubernetes.io/server": "unconfined"
                    }
                }
            }
        ),
    ),
    fails("pod-kernel-defaults", "SELinux type", secure(seLinuxOptions={"type": "spc_t"})),
    fails("pod-kernel-defaults", "SELinux user", secure(seLinuxOptions={"user": "system_u"})),
    fails("pod-kernel-defaults", "proc", secure(procMount="Unmasked")),
    fails(
        "pod-kernel-defaults",
        "unsafe sysctl",
        workload(pod={"securityContext": {"sysctls": [{"name": "kernel.msgmax"}]}}),
    ),
    passes("pod-no-host-access", "plain", workload()),
    passes("pod-no-host-access", "false", workload(pod={"hostNetwork": False})),
    passes("pod-no-host-access", "no host port", workload("DaemonSet", init={})),
    fails("pod-no-host-access", "network", workload(pod={"hostNetwork": True})),
    fails("pod-no-host-access", "processes", workload("CronJob", pod={"hostPID": True})),
    fails("pod-no-host-access", "memory", workload("Rollout", pod={"hostIPC": True})),
    fails(
        "pod-no-host-access",
        "port",
        workload(server={"ports": [{"containerPort": 80, "hostPort": 80}]}),
    ),
    passes("pod-no-host-path", "no volume", workload()),
    passes(
        "pod-no-host-path", "empty dir", workload(pod={"volumes": [{"name": "a", "emptyDir": {}}]})
    ),
    passes(
        "pod-no-host-path",
        "a mount that is called so",
        workload(server={"volumeMounts": [{"name": "hostPath", "mountPath": "/var/run"}]}),
    ),
    fails("pod-no-host-path", "path", volume("/data")),
    fails("pod-no-host-path", "socket", volume("/run/containerd/containerd.sock")),
    fails("pod-no-host-path", "cron job", volume("/", "CronJob")),
    passes("pod-service-account", "own account", workload()),
    passes(
        "pod-service-account",
        "says that it needs it",
        workload(pod={"automountServiceAccountToken": True}),
    ),
    passes("pod-service-account", "unknown name", workload(pod={"serviceAccountName": UNKNOWN})),
    fails("pod-service-account", "not said", workload(pod={"automountServiceAccountToken": DROP})),
    fails("pod-service-account", "no account", workload(pod={"serviceAccountName": DROP})),
    fails("pod-service-account", "default", workload("Job", pod={"serviceAccountName": "default"})),
    passes("namespace-pod-security", "restricted", namespace()),
    passes(
        "namespace-pod-security",
        "by setting",
        namespace(metadata={"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}),
        levels=["restricted", "baseline"],
    ),
    passes("namespace-pod-security", "another kind", workload()),
    fails(
        "namespace-pod-security",
        "privileged",
        namespace(metadata={"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}),
    ),
    fails("namespace-pod-security", "no labels", namespace(metadata={"labels": DROP})),
    fails(
        "namespace-pod-security",
        "warns only",
        namespace(
            metadata={
                "labels": {
                    "pod-security.kubernetes.io/enforce": DROP,
                    "pod-security.kubernetes.io/warn": "restricted",
                }
            }
        ),
    ),
]
