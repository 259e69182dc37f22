"""One compliant service, one field broken at a time: the policies meant for it speak, no others.

The cases show each policy alone; here all run at once, so a policy that is set off by a fault
which is not its own is found too.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from policies.cases.operations import burning, monitor
from policies.conftest import Packs
from policies.manifests import (
    DIGEST,
    DROP,
    NAMESPACE,
    Manifest,
    autoscaler,
    budget,
    default_deny,
    ingress,
    manifest,
    namespace,
    network_policy,
    put,
    resource,
    service,
    workload,
)

MODEL = [
    {"name": "MODEL_NAME", "value": "churn"},
    {"name": "MODEL_VERSION", "value": "7"},
    {"name": "MODEL_DIGEST", "value": DIGEST},
]
POD = ("Deployment", "spec", "template", "spec")
SERVER = (*POD, "containers", 0)
SAFETY = (*SERVER, "securityContext")
HPA, PDB = "HorizontalPodAutoscaler", "PodDisruptionBudget"
UNPINNED = {"image-pinned", "image-digest", "image-pull-policy"}

Path = tuple[str | int, ...]


def compliant() -> dict[str, Manifest]:
    """Everything that a model service is made of, by kind."""
    deployment = workload(server={"env": MODEL}, init={})
    who = {"kind": "Group", "name": "team-growth"}
    objects = [
        namespace(),
        manifest("ConfigMap", data={"threshold": "0.7"}),
        deployment,
        service(),
        autoscaler(),
        budget(),
        network_policy(),
        ingress(),
        manifest("Role", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
        manifest("RoleBinding", roleRef={"kind": "Role", "name": "churn"}, subjects=[who]),
        workload("CronJob", "report"),
        manifest("ServiceAccount"),
        monitor(),
        burning("churn", "5m", "1h"),
    ]
    by_kind = {str(item["kind"]): item for item in objects}
    return {**by_kind, "deny": default_deny(), "dashboard": dashboard(), "drift": drift()}


def dashboard() -> Manifest:
    """What shows the service in Grafana."""
    return manifest("ConfigMap", "dashboard", metadata={"labels": {"grafana_dashboard": "1"}})


def drift() -> Manifest:
    """The job that watches whether the model still fits."""
    labels = {"app.kubernetes.io/instance": "churn", "app.kubernetes.io/component": "drift"}
    return workload("CronJob", "drift", metadata={"labels": labels})


def broken(path: Path, value: Any) -> dict[str, Manifest]:
    """The compliant objects with one field set, or taken away."""
    objects = copy.deepcopy(compliant())
    put(objects, path, value)
    return objects


def violated(objects: dict[str, Manifest], packs: Packs) -> set[str]:
    pack = packs({"all": "mandatory"})
    resources = [resource(body) for body in objects.values()]
    found = pack.analyze_all(resources) + pack.analyze_stack(resources)
    assert not [finding for finding in found if finding.undecided]
    return {finding.policy for finding in found}


MUTATIONS: list[tuple[Path, Any, set[str]]] = [
    ((*SERVER, "livenessProbe"), DROP, {"workload-liveness-probe"}),
    ((*SERVER, "readinessProbe"), DROP, {"workload-readiness-probe"}),
    (
        (*SERVER, "resources", "requests", "cpu"),
        DROP,
        {"workload-cpu-request", "autoscaler-owns-replicas"},
    ),
    ((*SERVER, "resources", "requests", "memory"), "2Gi", {"workload-requests-within-limits"}),
    ((*SERVER, "resources", "limits", "memory"), DROP, {"workload-memory-limit"}),
    ((*SERVER, "image"), "registry.example/churn", UNPINNED),
    ((*SERVER, "imagePullPolicy"), "Never", {"image-pull-policy"}),
    ((*SERVER, "ports", 0, "name"), "web", {"service-selects-pods", "workload-probe-ports"}),
    ((*SERVER, "ports", 0, "hostPort"), 8080, {"pod-no-host-port"}),
    ((*SERVER, "env", 1, "value"), "champion", {"model-pinned"}),
    (
        (*SERVER, "env", 2),
        {"name": "API_TOKEN", "value": "hunter2"},
        {"model-pinned", "no-credentials-in-clear"},
    ),
    ((*SERVER, "envFrom"), [{"secretRef": {"name": "churn"}}], {"secrets-as-files"}),
    ((*SAFETY, "privileged"), True, {"pod-not-privileged"}),
    ((*SAFETY, "allowPrivilegeEscalation"), DROP, {"pod-no-privilege-escalation"}),
    ((*SAFETY, "readOnlyRootFilesystem"), False, {"pod-read-only-root"}),
    ((*SAFETY, "runAsUser"), 0, {"pod-non-root", "pod-no-root-user", "pod-high-user-id"}),
    ((*SAFETY, "capabilities"), DROP, {"pod-drops-capabilities", "pod-drops-net-raw"}),
    ((*SAFETY, "procMount"), "Unmasked", {"pod-proc-mount"}),
    ((*POD, "securityContext", "runAsNonRoot"), DROP, {"pod-non-root-enforced"}),
    ((*POD, "securityContext", "seccompProfile"), DROP, {"pod-seccomp"}),
    ((*POD, "initContainers", 0, "securityContext", "privileged"), True, {"pod-not-privileged"}),
    ((*POD, "initContainers", 0, "image"), "busybox", UNPINNED),
    ((*POD, "serviceAccountName"), "default", {"pod-service-account"}),
    ((*POD, "automountServiceAccountToken"), DROP, {"pod-service-account-token"}),
    ((*POD, "hostPID"), True, {"pod-no-host-pid"}),
    (
        (*POD, "volumes"),
        [{"name": "a", "hostPath": {"path": "/"}}],
        {"pod-no-host-path", "pod-volume-types", "pod-no-runtime-socket"},
    ),
    ((*POD, "terminationGracePeriodSeconds"), 0, {"workload-graceful-end", "serving-drains"}),
    ((*POD, "topologySpreadConstraints"), DROP, {"topology-spread"}),
    (("Deployment", "metadata", "labels"), {}, {"owner-labels"}),
    (("Deployment", "spec", "replicas"), 3, {"autoscaler-owns-replicas"}),
    (("Deployment", "spec", "strategy"), {"type": "Recreate"}, {"workload-rolling-update"}),
    (
        ("Deployment", "spec", "selector", "matchLabels"),
        {"app": "x"},
        {"selector-matches-template"},
    ),
    (("ConfigMap", "data", "password"), "hunter2", {"no-credentials-in-clear"}),
    (("ConfigMap", "metadata", "namespace"), "default", {"namespace-stated"}),
    (("Service", "spec", "type"), "NodePort", {"service-type"}),
    (
        ("Service", "spec", "selector"),
        {"app": "x"},
        {"service-selects-pods", "serving-scraped"},
    ),
    (("Service", "spec", "ports", 0, "port"), 81, {"ingress-backend-exists"}),
    (("Service", "metadata", "name"), "other", {"ingress-backend-exists"}),
    (("Ingress", "spec", "tls"), DROP, {"ingress-tls"}),
    ((HPA, "spec", "minReplicas"), 1, {"autoscaler-bounds", "workload-replicas"}),
    ((HPA, "spec", "maxReplicas"), DROP, {"autoscaler-bounds"}),
    (
        (HPA, "spec", "scaleTargetRef", "name"),
        "other",
        {"autoscaler-target-exists", "workload-replicas"},
    ),
    ((PDB, "spec", "maxUnavailable"), 0, {"disruption-budget-permits-eviction"}),
    (
        (PDB, "spec", "selector", "matchLabels"),
        {"app": "x"},
        {"disruption-budget-exists", "disruption-budget-selects-pods"},
    ),
    (("deny", "spec", "policyTypes"), ["Ingress"], {"network-default-deny"}),
    (("deny", "metadata", "namespace"), "x", {"network-default-deny"}),
    (
        ("Role", "rules", 0, "verbs"),
        ["*"],
        {"rbac-no-wildcards", "rbac-no-pod-creation", "rbac-no-pod-creation-bound"},
    ),
    (
        ("Role", "rules", 0, "resources"),
        ["secrets"],
        {"rbac-no-secrets-read", "rbac-no-secrets-read-bound"},
    ),
    (
        ("RoleBinding", "roleRef", "name"),
        "cluster-admin",
        {"rbac-no-cluster-admin", "rbac-role-exists"},
    ),
    (("Namespace", "metadata", "labels"), {}, {"namespace-pod-security"}),
    (("CronJob", "spec", "concurrencyPolicy"), DROP, {"cron-job-concurrency"}),
    (
        ("CronJob", "metadata", "namespace"),
        NAMESPACE + "-2",
        {"network-default-deny", "network-policy-selects-pod", "service-account-exists"},
    ),
]


def test_a_compliant_service_has_no_finding(packs: Packs) -> None:
    assert not violated(compliant(), packs)


@pytest.mark.parametrize(
    ("path", "value", "policies"),
    MUTATIONS,
    ids=[
        f"{'.'.join(map(str, path))}={'missing' if value is DROP else value}"
        for path, value, _ in MUTATIONS
    ],
)
def test_a_broken_field_sets_off_its_policies_and_no_other(
    path: Path, value: Any, policies: set[str], packs: Packs
) -> None:
    assert violated(broken(path, value), packs) == policies
