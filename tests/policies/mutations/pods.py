"""Workloads and jobs of our own production environment, broken."""

from __future__ import annotations

from policies.manifests import DROP
from policies.mutations.mutation import (
    CLEANING,
    JOB,
    LIMITS,
    MAIN,
    OTHERS,
    POD,
    REQUESTS,
    SAFETY,
    Path,
    changed,
    served,
)

SELECTOR: Path = ("spec", "selector", "matchLabels")
SOCKET = {"name": "tmp", "hostPath": {"path": "/var/run/docker.sock"}}

READY = {
    "httpGet": {"path": "/v2/health/ready", "port": "http"},
    "failureThreshold": 2,
    "periodSeconds": 2,
    "timeoutSeconds": 2,
}

WORKLOADS = [
    served("workload-liveness-probe", (*MAIN, "livenessProbe"), DROP),
    served("workload-readiness-probe", (*MAIN, "readinessProbe"), DROP),
    served("workload-probes-differ", (*MAIN, "livenessProbe"), READY),
    served("workload-probe-ports", (*MAIN, "livenessProbe", "httpGet", "port"), "nowhere"),
    served("workload-cpu-request", (*REQUESTS, "cpu"), DROP),
    served("workload-memory-request", (*REQUESTS, "memory"), DROP),
    served("workload-memory-limit", (*LIMITS, "memory"), DROP),
    served("workload-ephemeral-storage-limit", (*LIMITS, "ephemeral-storage"), DROP),
    served("workload-requests-within-limits", (*REQUESTS, "memory"), "64Gi"),
    served("workload-rolling-update", ("spec", "strategy"), {"type": "Recreate"}),
    served("workload-graceful-end", (*POD, "terminationGracePeriodSeconds"), 0),
    served("workload-env-unique", (*MAIN, "env", 1, "name"), "MODEL_NAME", "MODEL_NAME"),
    served("workload-restarts", (*POD, "restartPolicy"), "Never"),
    served("namespace-stated", ("metadata", "namespace"), "default"),
    served("owner-labels", ("metadata", "labels"), DROP, "metadata.labels"),
    served("selector-matches-template", SELECTOR, OTHERS, "selector"),
    served("topology-spread", (*POD, "topologySpreadConstraints"), DROP),
    served("image-pinned", (*MAIN, "image"), "docker.io/library/nginx:latest", "latest"),
    served("image-digest", (*MAIN, "image"), "docker.io/library/nginx:1.27", "digest"),
    served("image-digest-valid", (*MAIN, "image"), "registry.example/a@sha256:12", "digest"),
    served("image-pull-policy", (*MAIN, "imagePullPolicy"), "Never"),
    served("pod-not-privileged", (*SAFETY, "privileged"), True),
    served("pod-no-host-process", (*SAFETY, "windowsOptions"), {"hostProcess": True}),
    served("pod-no-privilege-escalation", (*SAFETY, "allowPrivilegeEscalation"), DROP),
    served("pod-non-root", (*POD, "securityContext"), DROP, "runAsNonRoot"),
    served("pod-no-root-user", (*SAFETY, "runAsUser"), 0),
    served("pod-no-root-group", (*POD, "securityContext", "fsGroup"), 0),
    served("pod-non-root-enforced", (*POD, "securityContext", "runAsNonRoot"), DROP),
    served("pod-read-only-root", (*SAFETY, "readOnlyRootFilesystem"), False),
    served("pod-drops-capabilities", (*SAFETY, "capabilities"), DROP),
    served("pod-drops-net-raw", (*SAFETY, "capabilities"), DROP, "NET_RAW"),
    served("pod-adds-no-capability", (*SAFETY, "capabilities", "add"), ["NET_ADMIN"], "NET_ADMIN"),
    served("pod-seccomp", (*POD, "securityContext", "seccompProfile"), DROP),
    served("pod-seccomp-not-unconfined", (*SAFETY, "seccompProfile"), {"type": "Unconfined"}),
    served("pod-apparmor", (*SAFETY, "appArmorProfile"), {"type": "Unconfined"}),
    served("pod-selinux", (*SAFETY, "seLinuxOptions"), {"type": "spc_t"}),
    served("pod-proc-mount", (*SAFETY, "procMount"), "Unmasked"),
    served(
        "pod-sysctls",
        (*POD, "securityContext", "sysctls"),
        [{"name": "kernel.msgmax", "value": "1"}],
        "kernel.msgmax",
    ),
    served("pod-no-host-network", (*POD, "hostNetwork"), True),
    served("pod-no-host-pid", (*POD, "hostPID"), True),
    served("pod-no-host-ipc", (*POD, "hostIPC"), True),
    served("pod-no-host-port", (*MAIN, "ports", 0, "hostPort"), 8080),
    served("pod-no-host-path", (*POD, "volumes", 0), SOCKET, "hostPath"),
    served("pod-no-runtime-socket", (*POD, "volumes", 0), SOCKET, "docker.sock"),
    served("pod-volume-types", (*POD, "volumes", 0), {"name": "tmp", "nfs": {}}, "nfs"),
    served("pod-probes-itself", (*MAIN, "livenessProbe", "httpGet", "host"), "example.org"),
    served("pod-service-account", (*POD, "serviceAccountName"), "default"),
    served("pod-service-account-token", (*POD, "automountServiceAccountToken"), True),
    served("service-account-exists", (*POD, "serviceAccountName"), "nobody", "nobody"),
    served(
        "no-credentials-in-clear",
        (*MAIN, "env", 3),
        {"name": "API_PASSWORD", "value": "hunter2-x"},
        "API_PASSWORD",
    ),
    served("secrets-as-files", (*MAIN, "envFrom"), [{"secretRef": {"name": "wine-registry"}}]),
]

JOBS = [
    changed("job-limits", *CLEANING, (*JOB, "backoffLimit"), DROP),
    changed(
        "job-restart-policy",
        *CLEANING,
        (*JOB, "template", "spec", "restartPolicy"),
        "Always",
    ),
    changed("cron-job-concurrency", *CLEANING, ("spec", "concurrencyPolicy"), DROP),
    changed("cron-job-deadline", *CLEANING, ("spec", "startingDeadlineSeconds"), DROP),
]

MUTATIONS = [*WORKLOADS, *JOBS]
