"""kube-score: `score/testdata/*`, graded as `score/*_test.go` says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.policies.agreement.labels import Label, ask, read

_SIZES = (
    "workload-cpu-request",
    "workload-cpu-limit",
    "workload-memory-request",
    "workload-memory-limit",
)
POLICIES = {
    "Container Ephemeral Storage Request and Limit": ask("workload-ephemeral-storage-limit"),
    "Container Image Pull Policy": ask("image-pull-policy", demand="always"),
    "Container Image Tag": ask("image-pinned"),
    "Container Resources": ask(*_SIZES),
    "Container Seccomp Profile": ask("pod-seccomp", annotations=True),
    "Container Security Context Privileged": ask("pod-not-privileged"),
    "Container Security Context ReadOnlyRootFilesystem": ask("pod-read-only-root"),
    "Container Security Context User Group ID": ask("pod-high-user-id", "pod-high-group-id"),
    "Deployment Replicas": ask("workload-replicas"),
    "Deployment Strategy": ask("workload-rolling-update"),
    "Deployment has PodDisruptionBudget": ask("disruption-budget-exists"),
    "Deployment has host PodAntiAffinity": ask("topology-spread"),
    "Deployment targeted by HPA does not have replicas configured": ask(
        "autoscaler-owns-replicas", requests=False
    ),
    "Environment Variable Key Duplication": ask("workload-env-unique"),
    "HorizontalPodAutoscaler Replicas": ask("autoscaler-bounds"),
    "HorizontalPodAutoscaler has target": ask("autoscaler-target-exists"),
    "Ingress targets Service": ask("ingress-backend-exists"),
    "NetworkPolicy targets Pod": ask("network-policy-selects-something"),
    "Pod NetworkPolicy": ask("network-policy-selects-pod"),
    "Pod Probes Identical": ask("workload-probes-differ"),
    "PodDisruptionBudget has policy": ask("disruption-budget-valid"),
    "Service Targets Pod": ask("service-selects-pods"),
    "Service Type": ask("service-type"),
    "Stable version": ask("api-version-served"),
    "StatefulSet Pod Selector labels match template metadata labels": ask(
        "selector-matches-template"
    ),
    "StatefulSet has PodDisruptionBudget": ask("disruption-budget-exists"),
    "StatefulSet has ServiceName": ask("stateful-set-service"),
    "StatefulSet has host PodAntiAffinity": ask("topology-spread"),
}
_CALL = re.compile(
    r'testExpectedScore(?:WithConfig)?\(\s*t,(?P<given>.*?)"(?P<check>[A-Z][^"]+)",\s*'
    r"scorecard\.Grade(?P<grade>\w+)",
    re.DOTALL,
)
_CHANGED = re.compile(r"Ignore|Annotation: true|KubernetesVersion|MinReplicas\w+: +[^2]")
"""Options that change what the check asks."""


def labels(root: Path) -> Iterator[Label]:
    """A label for each grade that a test expects without options that change the check."""
    for source in sorted(root.glob("score/*_test.go")):
        for call in _CALL.finditer(source.read_text()):
            files = re.findall(r'"([\w./-]+\.yaml)"', call["given"])
            if not files or _CHANGED.search(call["given"]):
                continue
            paths = [root / "score" / "testdata" / file for file in files]
            objects = tuple(body for path in paths if path.exists() for body in read(path))
            if objects:
                yield Label(call["check"], ", ".join(files), objects, call["grade"] != "AllOK")
