"""Polaris: `test/checks/<check>/{success,failure}*.yaml`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.policies.agreement.labels import Label, ask, read

_OWN = ("system:*", "cluster-admin", "admin", "edit", "view", "gce:*")
"""Names that Polaris takes for Kubernetes' own, one of GKE's among them."""

_BOUND = ask("rbac-no-exec-bound", "rbac-role-exists", own=_OWN)
POLICIES = {
    "automountServiceAccountToken": ask("pod-service-account-token"),
    "clusterrolePodExecAttach": ask("rbac-no-exec", own=_OWN),
    "clusterrolebindingClusterAdmin": ask("rbac-no-cluster-admin", own=_OWN),
    "clusterrolebindingPodExecAttach": _BOUND,
    "cpuLimitsMissing": ask("workload-cpu-limit"),
    "cpuRequestsMissing": ask("workload-cpu-request"),
    "dangerousCapabilities": ask("pod-adds-no-capability"),
    "deploymentMissingReplicas": ask("workload-replicas"),
    "hostIPCSet": ask("pod-no-host-ipc"),
    "hostNetworkSet": ask("pod-no-host-network"),
    "hostPIDSet": ask("pod-no-host-pid"),
    "hostPathSet": ask("pod-no-host-path"),
    "hostPortSet": ask("pod-no-host-port"),
    "hostProcess": ask("pod-no-host-process"),
    "hpaMaxAvailability": ask("autoscaler-bounds", minimum=0),
    "hpaMinAvailability": ask("autoscaler-bounds"),
    "insecureCapabilities": ask("pod-drops-capabilities", byName=True),
    "livenessProbeMissing": ask("workload-liveness-probe"),
    "memoryLimitsMissing": ask("workload-memory-limit"),
    "memoryRequestsMissing": ask("workload-memory-request"),
    "missingNetworkPolicy": ask("network-policy-selects-pod"),
    "missingPodDisruptionBudget": ask("disruption-budget-exists", replicas=1),
    "notReadOnlyRootFilesystem": ask("pod-read-only-root"),
    "pdbDisruptionsIsZero": ask("disruption-budget-permits-eviction"),
    "pdbMinAvailableGreaterThanHPAMinReplicas": ask("disruption-budget-below-autoscaler"),
    "priorityClassNotSet": ask("workload-priority-class"),
    "privilegeEscalationAllowed": ask("pod-no-privilege-escalation"),
    "procMount": ask("pod-proc-mount"),
    "pullPolicyNotAlways": ask("image-pull-policy", demand="always"),
    "readinessProbeMissing": ask("workload-readiness-probe"),
    "rolePodExecAttach": ask("rbac-no-exec", own=_OWN),
    "rolebindingClusterAdminClusterRole": ask("rbac-no-cluster-admin", own=_OWN),
    "rolebindingClusterAdminRole": ask("rbac-no-cluster-admin", own=_OWN),
    "rolebindingClusterRolePodExecAttach": _BOUND,
    "rolebindingRolePodExecAttach": _BOUND,
    "runAsPrivileged": ask("pod-not-privileged"),
    "runAsRootAllowed": ask("pod-non-root"),
    "sensitiveConfigmapContent": ask("no-credentials-in-clear"),
    "sensitiveContainerEnvVar": ask("no-credentials-in-clear"),
    "tagNotSpecified": ask("image-pinned"),
    "tlsSettingsMissing": ask("ingress-tls"),
    "topologySpreadConstraint": ask("topology-spread"),
}


"""`nakedPod`, `oneController` and the like are examples of checks of one's own."""


def labels(root: Path) -> Iterator[Label]:
    """A label for each file."""
    for path in sorted(root.glob("test/checks/*/*.yaml")):
        outcome, check = path.name.partition(".")[0].partition("-")[0], path.parent.name
        if outcome in {"success", "failure"} and (objects := read(path)):
            yield Label(check, path.name, objects, outcome == "failure")
