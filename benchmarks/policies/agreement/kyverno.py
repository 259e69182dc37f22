"""Kyverno's policy library: `**/.kyverno-test/kyverno-test.yaml` and the resources it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from stanchion_policies.pod_security import GIVEN

from benchmarks.policies.agreement.labels import Label, ask, identity, read

_HOST = ("pod-no-host-network", "pod-no-host-pid", "pod-no-host-ipc")
_SIZES = ("workload-cpu-request", "workload-memory-request", "workload-memory-limit")
_BASELINE = sorted(GIVEN - {"NET_RAW"})
POLICIES = {
    "check-deprecated-apis": ask("api-version-served"),
    "deployment-has-multiple-replicas": ask("workload-replicas"),
    "disallow-capabilities": ask("pod-adds-no-capability", allowed=_BASELINE),
    "disallow-container-sock-mounts": ask("pod-no-runtime-socket"),
    "require-network-policy": ask("network-policy-selects-pod", egress=False),
    "require-requests-limits": ask(*_SIZES),
    "validate-probes": ask("workload-probes-differ"),
    "disallow-capabilities-strict/require-drop-all": ask("pod-drops-capabilities"),
    "disallow-capabilities-strict/adding-capabilities-strict": ask("pod-adds-no-capability"),
    "disallow-default-namespace": ask("namespace-stated"),
    "disallow-empty-ingress-host": ask("ingress-host"),
    "disallow-host-namespaces": ask(*_HOST),
    "disallow-host-path": ask("pod-no-host-path"),
    "disallow-host-ports": ask("pod-no-host-port"),
    "disallow-host-process": ask("pod-no-host-process"),
    "disallow-latest-tag": ask("image-pinned"),
    "disallow-privilege-escalation": ask("pod-no-privilege-escalation"),
    "disallow-privileged-containers": ask("pod-not-privileged"),
    "disallow-proc-mount": ask("pod-proc-mount"),
    "disallow-selinux": ask("pod-selinux"),
    "drop-all-capabilities": ask("pod-drops-capabilities"),
    "forbid-cpu-limits": ask("workload-cpu-limit", demand="forbidden"),
    "imagepullpolicy-always": ask("image-pull-policy"),
    "no-loadbalancer-service": ask("service-type", types=["ClusterIP", "NodePort"]),
    "prevent-bare-pods": ask("workload-has-controller"),
    "require-cpu-limits": ask("workload-cpu-limit"),
    "drop-cap-net-raw": ask("pod-drops-net-raw"),
    "require-image-checksum": ask("image-digest"),
    "require-pod-priorityclassname": ask("workload-priority-class"),
    "require-ro-rootfs": ask("pod-read-only-root"),
    "require-run-as-non-root-user/run-as-non-root-user": ask("pod-no-root-user"),
    "require-run-as-nonroot": ask("pod-non-root-enforced"),
    "restrict-apparmor-profiles": ask("pod-apparmor"),
    "restrict-automount-sa-token": ask("pod-service-account-token"),
    "restrict-binding-clusteradmin": ask("rbac-no-cluster-admin"),
    "restrict-binding-system-groups": ask("rbac-not-for-system-groups"),
    "restrict-clusterrole-csr": ask("rbac-no-certificate-approval"),
    "restrict-clusterrole-mutating-validating-admission-webhooks": ask("rbac-no-webhook-control"),
    "restrict-clusterrole-nodesproxy": ask("rbac-no-exec"),
    "restrict-escalation-verbs-roles": ask("rbac-no-escalation", "rbac-no-impersonation"),
    "restrict-ingress-defaultbackend": ask("ingress-host"),
    "restrict-nodeport": ask("service-type", types=["ClusterIP", "LoadBalancer"]),
    "restrict-external-ips": ask("service-external-ips"),
    "restrict-seccomp": ask("pod-seccomp-not-unconfined"),
    "restrict-seccomp-strict": ask("pod-seccomp"),
    "restrict-secret-role-verbs": ask("rbac-no-secrets-read"),
    "restrict-sysctls": ask("pod-sysctls"),
    "restrict-volume-types": ask("pod-volume-types"),
    "restrict-wildcard-resources": ask("rbac-no-wildcards", fields=["resources"]),
    "restrict-wildcard-verbs": ask("rbac-no-wildcards", fields=["verbs"]),
    "secrets-not-from-env-vars": ask("secrets-as-files"),
}
"""By the policy's name, or by policy and rule where its rules ask different things."""


def labels(root: Path) -> Iterator[Label]:
    """A label for each check and each object that a test names."""
    for path in sorted(root.glob("*/**/.kyverno-test/kyverno-test.yaml")):
        test = yaml.safe_load(path.read_text())
        files = [path.parent / file for file in test.get("resources") or ()]
        objects = [body for file in files if file.is_file() for body in read(file)]
        outcomes: dict[tuple[str, int], bool] = {}
        for result in test.get("results") or ():
            if result.get("result") not in {"pass", "fail"}:
                continue
            named = {str(name).rpartition("/")[2] for name in result.get("resources") or ()}
            for place, body in enumerate(objects):
                kind, name = identity(body)
                if kind == result.get("kind", kind) and name in named:
                    meant = (_check(result), place)
                    violated = result.get("result") == "fail"
                    outcomes[meant] = outcomes.get(meant, False) or violated
        for (check, place), violated in outcomes.items():
            yield Label(check, " ".join(identity(objects[place])), (objects[place],), violated)


def _check(result: Mapping[str, Any]) -> str:
    """The check that a result is of."""
    policy, one = result["policy"], f"{result['policy']}/{result.get('rule')}"
    return one if one in POLICIES else policy
