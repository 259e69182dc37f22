"""Checkov: `tests/kubernetes/checks/example_*`, whose file names tell the outcome."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.policies.agreement.labels import Label, ask, read

POLICIES = {
    "test_AllowProvilegeEscalation": ask("pod-no-privilege-escalation"),
    "test_AllowedCapabilities": ask("pod-adds-no-capability", allowed=[]),
    "test_AllowedCapabilitiesSysAdmin": ask("pod-adds-no-capability"),
    "test_DefaultNamespace": ask("namespace-stated"),
    "test_DefaultServiceAccountBinding": ask("rbac-not-for-default-account"),
    "test_DockerSocketVolume": ask("pod-no-runtime-socket"),
    "test_HostPort": ask("pod-no-host-port"),
    "test_ImageDigest": ask("image-digest"),
    "test_ImagePullPolicyAlways": ask("image-pull-policy", demand="always"),
    "test_ImageTagFixed": ask("image-pinned"),
    "test_DropCapabilities": ask("pod-drops-net-raw"),
    "test_NginxIngressCVE202125742AllSnippets": ask("ingress-no-snippets"),
    "test_PrivilegedContainers": ask("pod-not-privileged"),
    "test_RbacApproveCertificateSigningRequests": ask("rbac-no-certificate-approval"),
    "test_RbacBindRoleBindings": ask("rbac-no-escalation"),
    "test_RbacControlWebhooks": ask("rbac-no-webhook-control"),
    "test_RbacEscalateRoles": ask("rbac-no-escalation"),
    "test_ReadOnlyFilesystem": ask("pod-read-only-root"),
    "test_RootContainers": ask("pod-non-root"),
    "test_RootContainersHighUID": ask("pod-high-user-id"),
    "test_Seccomp": ask("pod-seccomp", annotations=True),
    "test_Secrets": ask("secrets-as-files"),
    "test_ServiceAccountTokens": ask("pod-service-account-token"),
    "test_ShareHostIPC": ask("pod-no-host-ipc"),
    "test_ShareHostPID": ask("pod-no-host-pid"),
    "test_SharedHostNetworkNamespace": ask("pod-no-host-network"),
    "test_WildcardRoles": ask("rbac-no-wildcards"),
    "test_CPULimits": ask("workload-cpu-limit"),
    "test_CPURequests": ask("workload-cpu-request"),
    "test_MemoryLimits": ask("workload-memory-limit"),
    "test_MemoryRequests": ask("workload-memory-request"),
    "test_LivenessProbe": ask("workload-liveness-probe"),
    "test_ReadinessProbe": ask("workload-readiness-probe"),
}
_HOST = {"IPC": "test_ShareHostIPC", "PID": "test_ShareHostPID"}


def labels(root: Path) -> Iterator[Label]:
    """A label for each file whose name tells one outcome."""
    folder = root / "tests" / "kubernetes" / "checks"
    for test in sorted(folder.glob("test_*.py")):
        example = re.search(r"example_\w+", test.read_text())
        for path in sorted((folder / example[0]).rglob("*")) if example else ():
            outcomes = set(re.findall(r"PASS|FAIL", path.name.upper()))
            numbered = re.search(r"\d(PASS|FAIL)", path.name)
            objects = read(path) if path.is_file() and len(outcomes) == 1 else ()
            if objects and not (numbered and len(objects) > 1):
                yield Label(test.stem, path.name, objects, outcomes == {"FAIL"})
