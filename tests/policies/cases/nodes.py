"""Cases of the policies about a pod and its node: kernel, host access, identity."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import DROP, UNKNOWN, Manifest, manifest, workload
from stanchion_policies.kernel import SECCOMP

APPARMOR = "container.apparmor.security.beta.kubernetes.io/server"


def secure(**context: Any) -> Manifest:
    """A workload whose container has a changed security context."""
    return workload(server={"securityContext": context})


def volume(path: str, kind: str = "Deployment") -> Manifest:
    """A workload that mounts a path of its node."""
    return workload(kind, pod={"volumes": [{"name": "host", "hostPath": {"path": path}}]})


def typed(**kind: Any) -> Manifest:
    """A workload with a volume of a type."""
    return workload(pod={"volumes": [{"name": "data", **kind}]})


def sysctl(*names: str) -> Manifest:
    """A workload whose pod sets sysctls."""
    stated = [{"name": name, "value": "1"} for name in names]
    return workload(pod={"securityContext": {"sysctls": stated}})


def apparmor(profile: str) -> Manifest:
    """A workload with the annotation that AppArmor had before it had a field."""
    return workload(template={"metadata": {"annotations": {APPARMOR: profile}}})


def seccomp(profile: str) -> Manifest:
    """A workload without a seccomp profile but in the annotation that was before the field."""
    return workload(
        pod={"securityContext": DROP},
        template={"metadata": {"annotations": {SECCOMP: profile}}},
    )


def shared(policy: str, field: str) -> list[Case]:
    """Cases of a policy against sharing a namespace of the node."""
    return [
        passes(policy, "plain", workload()),
        passes(policy, "false", workload(pod={field: False})),
        passes(policy, "null", workload("Pod", pod={field: None})),
        undecided(policy, "unknown", workload(pod={field: UNKNOWN})),
        fails(policy, "deployment", workload(pod={field: True})),
        fails(policy, "cron job", workload("CronJob", pod={field: True})),
        fails(policy, "rollout", workload("Rollout", pod={field: True})),
    ]


KERNEL: list[Case] = [
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
    passes(
        "pod-seccomp", "by annotation, by setting", seccomp("runtime/default"), annotations=True
    ),
    fails("pod-seccomp", "by annotation", seccomp("runtime/default")),
    fails("pod-seccomp", "unconfined by annotation", seccomp("unconfined"), annotations=True),
    passes("pod-seccomp-not-unconfined", "of the pod", workload(init={})),
    passes("pod-seccomp-not-unconfined", "not said", workload(pod={"securityContext": DROP})),
    passes("pod-seccomp-not-unconfined", "local", secure(seccompProfile={"type": "Localhost"})),
    fails("pod-seccomp-not-unconfined", "own", secure(seccompProfile={"type": "Unconfined"})),
    fails(
        "pod-seccomp-not-unconfined",
        "the pod's, whatever its containers say",
        workload(
            pod={"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
            server={"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
        ),
    ),
    fails(
        "pod-seccomp-not-unconfined",
        "an init container's",
        workload("Job", init={"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
    ),
    passes("pod-apparmor", "plain", workload(init={})),
    passes("pod-apparmor", "default", secure(appArmorProfile={"type": "RuntimeDefault"})),
    passes("pod-apparmor", "a local profile by annotation", apparmor("localhost/churn")),
    fails("pod-apparmor", "unconfined", secure(appArmorProfile={"type": "Unconfined"})),
    fails("pod-apparmor", "by annotation", apparmor("unconfined")),
    fails(
        "pod-apparmor",
        "of the pod",
        workload("Job", pod={"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
    ),
    passes("pod-selinux", "plain", workload(init={})),
    passes("pod-selinux", "container type", secure(seLinuxOptions={"type": "container_t"})),
    passes("pod-selinux", "a level alone", secure(seLinuxOptions={"level": "s0:c1"})),
    fails("pod-selinux", "another type", secure(seLinuxOptions={"type": "spc_t"})),
    fails("pod-selinux", "user", secure(seLinuxOptions={"user": "system_u"})),
    fails(
        "pod-selinux",
        "the pod's, whatever its containers say",
        workload(
            pod={"securityContext": {"seLinuxOptions": {"type": "spc_t"}}},
            server={"securityContext": {"seLinuxOptions": {"type": "container_t"}}},
        ),
    ),
    fails(
        "pod-selinux",
        "role of the pod",
        workload("Job", pod={"securityContext": {"seLinuxOptions": {"role": "sysadm_r"}}}),
    ),
    passes("pod-proc-mount", "plain", workload(init={})),
    passes("pod-proc-mount", "default", secure(procMount="Default")),
    passes("pod-proc-mount", "null", secure(procMount=None)),
    fails("pod-proc-mount", "unmasked", secure(procMount="Unmasked")),
    fails("pod-proc-mount", "init", workload(init={"securityContext": {"procMount": "Unmasked"}})),
    fails(
        "pod-proc-mount",
        "cron job",
        workload("CronJob", server={"securityContext": {"procMount": "Unmasked"}}),
    ),
    passes(
        "pod-proc-mount",
        "users of its own, by setting",
        workload(pod={"hostUsers": False}, server={"securityContext": {"procMount": "Unmasked"}}),
        ownUsers=True,
    ),
    fails(
        "pod-proc-mount",
        "users of its own",
        workload(pod={"hostUsers": False}, server={"securityContext": {"procMount": "Unmasked"}}),
    ),
    passes("pod-sysctls", "none", workload()),
    passes("pod-sysctls", "safe", sysctl("net.ipv4.tcp_syncookies")),
    passes("pod-sysctls", "empty", sysctl()),
    fails("pod-sysctls", "of the node", sysctl("kernel.msgmax")),
    fails("pod-sysctls", "one of two", sysctl("net.ipv4.tcp_syncookies", "net.core.somaxconn")),
    fails(
        "pod-sysctls",
        "without a name",
        workload("Pod", pod={"securityContext": {"sysctls": [{"value": "1"}]}}),
    ),
]

HOST: list[Case] = [
    *shared("pod-no-host-network", "hostNetwork"),
    *shared("pod-no-host-pid", "hostPID"),
    *shared("pod-no-host-ipc", "hostIPC"),
    passes("pod-no-host-port", "plain", workload()),
    passes("pod-no-host-port", "zero is none", workload(server={"ports": [{"hostPort": 0}]})),
    passes("pod-no-host-port", "no ports", workload("DaemonSet", init={})),
    fails("pod-no-host-port", "port", workload(server={"ports": [{"hostPort": 80}]})),
    fails("pod-no-host-port", "init", workload("Job", init={"ports": [{"hostPort": 80}]})),
    fails(
        "pod-no-host-port",
        "one of two",
        workload(server={"ports": [{"containerPort": 1}, {"containerPort": 2, "hostPort": 2}]}),
    ),
    passes("pod-no-host-path", "no volume", workload()),
    passes("pod-no-host-path", "empty dir", typed(emptyDir={})),
    passes(
        "pod-no-host-path",
        "a mount that is called so",
        workload(server={"volumeMounts": [{"name": "hostPath", "mountPath": "/var/run"}]}),
    ),
    fails("pod-no-host-path", "path", volume("/data")),
    fails("pod-no-host-path", "socket", volume("/run/containerd/containerd.sock")),
    fails("pod-no-host-path", "cron job", volume("/", "CronJob")),
    passes("pod-no-runtime-socket", "no volume", workload()),
    passes("pod-no-runtime-socket", "another path", volume("/var/log")),
    passes("pod-no-runtime-socket", "a folder of that name", volume("/srv/docker.sock.d")),
    passes("pod-no-runtime-socket", "beside it", volume("/var/run/secrets")),
    fails("pod-no-runtime-socket", "its folder", volume("/var/run", "CronJob")),
    fails("pod-no-runtime-socket", "everything", volume("/")),
    fails("pod-no-runtime-socket", "elsewhere", volume("/opt/run/containerd.sock")),
    fails("pod-no-runtime-socket", "containerd", volume("/run/containerd/containerd.sock")),
    fails("pod-no-runtime-socket", "Docker", volume("/var/run/docker.sock", "DaemonSet")),
    fails("pod-no-runtime-socket", "CRI-O", volume("/var/run/crio/crio.sock/")),
    passes("pod-volume-types", "no volume", workload()),
    passes("pod-volume-types", "a claim", typed(persistentVolumeClaim={"claimName": "data"})),
    passes("pod-volume-types", "memory", typed(emptyDir={"medium": "Memory"})),
    fails("pod-volume-types", "the node's", typed(hostPath={"path": "/data"})),
    fails("pod-volume-types", "NFS", typed(nfs={"server": "nfs.example", "path": "/"})),
    fails("pod-volume-types", "a disk by its id", typed(awsElasticBlockStore={"volumeID": "v-1"})),
    passes("pod-probes-itself", "plain", workload()),
    passes("pod-probes-itself", "no probe", workload(server={"livenessProbe": DROP})),
    passes(
        "pod-probes-itself", "empty", workload(server={"livenessProbe": {"httpGet": {"host": ""}}})
    ),
    fails(
        "pod-probes-itself", "probe", workload(server={"livenessProbe": {"httpGet": {"host": "a"}}})
    ),
    fails(
        "pod-probes-itself",
        "socket",
        workload(server={"startupProbe": {"tcpSocket": {"host": "a"}}}),
    ),
    fails(
        "pod-probes-itself",
        "hook",
        workload(
            "Job", server={"lifecycle": {"preStop": {"httpGet": {"host": "169.254.169.254"}}}}
        ),
    ),
]

TOKEN = {"automountServiceAccountToken": DROP}
IDENTITY: list[Case] = [
    passes("pod-service-account", "own account", workload()),
    passes("pod-service-account", "unknown name", workload(pod={"serviceAccountName": UNKNOWN})),
    passes(
        "pod-service-account",
        "by the field's older name",
        workload(pod={"serviceAccountName": DROP, "serviceAccount": "churn"}),
    ),
    fails("pod-service-account", "no account", workload(pod={"serviceAccountName": DROP})),
    fails("pod-service-account", "default", workload("Job", pod={"serviceAccountName": "default"})),
    fails("pod-service-account", "empty", workload(pod={"serviceAccountName": ""})),
    passes("pod-service-account-token", "not mounted", workload()),
    passes(
        "pod-service-account-token",
        "its account says it",
        workload(pod=TOKEN),
        manifest("ServiceAccount", automountServiceAccountToken=False),
    ),
    passes(
        "pod-service-account-token",
        "says that it needs it",
        workload(pod={"automountServiceAccountToken": True}),
        mounted="stated",
    ),
    fails("pod-service-account-token", "not said", workload(pod=TOKEN)),
    fails(
        "pod-service-account-token",
        "mounted",
        workload("Job", pod={"automountServiceAccountToken": True}),
    ),
    fails(
        "pod-service-account-token",
        "the pod wins over its account",
        workload(pod={"automountServiceAccountToken": True}),
        manifest("ServiceAccount", automountServiceAccountToken=False),
    ),
    fails(
        "pod-service-account-token",
        "another account says it",
        workload(pod=TOKEN),
        manifest("ServiceAccount", "other", automountServiceAccountToken=False),
    ),
]

CASES = [*KERNEL, *HOST, *IDENTITY]
