"""Kubescape: `rules/<rule>/test/<case>/input/*` and the `expected.json` beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.policies.agreement.labels import Label, ask, read

_BOUND_EXEC = ask("rbac-no-exec-bound")
POLICIES = {
    "alert-any-hostpath": ask("pod-no-host-path"),
    "cluster-admin-role": ask("rbac-no-cluster-admin"),
    "configmap-in-default-namespace": ask("namespace-stated"),
    "configured-liveness-probe": ask("workload-liveness-probe"),
    "configured-readiness-probe": ask("workload-readiness-probe"),
    "container-hostPort": ask("pod-no-host-port"),
    "containers-mounting-docker-socket": ask("pod-no-runtime-socket"),
    "dangling-ingress-backend": ask("ingress-backend-exists"),
    "dangling-networkpolicy": ask("network-policy-selects-something"),
    "drop-capability-netraw": ask("pod-drops-net-raw"),
    "duplicate-env-var": ask("workload-env-unique"),
    "exec-into-container-v1": _BOUND_EXEC,
    "host-ipc-privileges": ask("pod-no-host-ipc"),
    "host-network-access": ask("pod-no-host-network"),
    "host-pid-ipc-privileges": ask("pod-no-host-pid", "pod-no-host-ipc"),
    "host-pid-privileges": ask("pod-no-host-pid"),
    "hpa-has-target": ask("autoscaler-target-exists"),
    "image-not-pinned-to-digest": ask("image-digest", "image-digest-valid"),
    "immutable-container-filesystem": ask("pod-read-only-root"),
    "ingress-in-default-namespace": ask("namespace-stated"),
    "ingress-no-tls": ask("ingress-tls"),
    "insecure-capabilities": ask("pod-adds-no-capability"),
    "mismatching-selector": ask("selector-matches-template"),
    "naked-pods": ask("workload-has-controller"),
    "no-rolling-update-strategy": ask("workload-rolling-update"),
    "non-existent-service-account": ask("service-account-exists"),
    "non-root-containers": ask("pod-non-root"),
    "pods-in-default-namespace": ask("namespace-stated"),
    "resources-cpu-limit-and-request": ask(
        "workload-cpu-request", "workload-cpu-limit", "workload-requests-within-limits"
    ),
    "resources-cpu-limits": ask("workload-cpu-limit"),
    "resources-cpu-requests": ask("workload-cpu-request"),
    "resources-memory-limit-and-request": ask(
        "workload-memory-request", "workload-memory-limit", "workload-requests-within-limits"
    ),
    "resources-memory-limits": ask("workload-memory-limit"),
    "resources-memory-requests": ask("workload-memory-request"),
    "rule-allow-privilege-escalation": ask("pod-no-privilege-escalation"),
    "rule-can-approve-cert-signing-request": ask("rbac-no-certificate-approval"),
    "rule-can-bind-escalate": ask("rbac-no-escalation"),
    "rule-can-create-pod": ask("rbac-no-pod-creation-bound"),
    "rule-can-create-service-account-token": ask("rbac-no-token-creation"),
    "rule-can-impersonate-users-groups-v1": ask("rbac-no-impersonation"),
    "rule-can-list-get-secrets-v1": ask("rbac-no-secrets-read-bound"),
    "rule-can-modify-admission-webhooks": ask("rbac-no-webhook-control"),
    "rule-can-portforward-v1": _BOUND_EXEC,
    "rule-credentials-configmap": ask("no-credentials-in-clear"),
    "rule-credentials-in-env-var": ask("no-credentials-in-clear", "secrets-as-files"),
    "rule-list-all-cluster-admins-v1": ask("rbac-no-cluster-admin"),
    "rule-privileged-container": ask("pod-not-privileged", "pod-adds-no-capability"),
    "rule-secrets-in-env-var": ask("secrets-as-files"),
    "service-in-default-namespace": ask("namespace-stated"),
    "service-with-no-workload": ask("service-selects-pods"),
    "set-hostprocess-true": ask("pod-no-host-process"),
    "set-seccomp-profile": ask("pod-seccomp"),
    "set-sysctls-params": ask("pod-sysctls"),
}


def labels(root: Path) -> Iterator[Label]:
    """A label for each case that has objects: an expectation without alerts is a clean one."""
    for path in sorted(root.glob("rules/*/test/*/expected.json")):
        files = sorted((path.parent / "input").rglob("*"))
        objects = tuple(body for file in files if file.is_file() for body in read(file))
        try:
            alerts = json.loads(path.read_text() or "[]")
        except json.JSONDecodeError:
            continue
        if objects:
            yield Label(path.parents[2].name, path.parent.name, objects, bool(alerts))
