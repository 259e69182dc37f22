"""Objects beside the workloads of our own production environment, broken."""

from __future__ import annotations

from policies.manifests import DROP
from policies.mutations.mutation import OTHERS, SCALER, Mutation, changed, served

BUDGET = ("PodDisruptionBudget", "wine")
BINDING = ("RoleBinding", "viewer")
DOOR = ("Ingress", "mlflow")

AMONG = [
    changed(
        "api-version-served",
        "PodDisruptionBudget",
        "wine",
        ("apiVersion",),
        "policy/v1beta1",
        "policy/v1",
        type_token="kubernetes:policy/v1beta1:PodDisruptionBudget",
    ),
    changed("workload-replicas", *SCALER, ("spec", "minReplicas"), 1, about="Deployment"),
    changed("autoscaler-bounds", *SCALER, ("spec", "maxReplicas"), DROP),
    changed("autoscaler-target-exists", *SCALER, ("spec", "scaleTargetRef", "name"), "nobody"),
    served(
        "autoscaler-owns-replicas",
        ("spec", "replicas"),
        3,
        about="HorizontalPodAutoscaler",
        heeded=True,
    ),
    served(
        "disruption-budget-exists",
        (),
        None,
        "PodDisruptionBudget",
        without=("PodDisruptionBudget",),
    ),
    changed("disruption-budget-permits-eviction", *BUDGET, ("spec", "maxUnavailable"), 0),
    changed("disruption-budget-valid", *BUDGET, ("spec", "minAvailable"), 1),
    Mutation(
        "disruption-budget-below-autoscaler",
        *BUDGET,
        {("spec", "maxUnavailable"): DROP, ("spec", "minAvailable"): 2},
        "spec.minAvailable",
    ),
    changed(
        "disruption-budget-selects-pods",
        *BUDGET,
        ("spec", "selector", "matchLabels"),
        OTHERS,
        "spec.selector",
    ),
    changed("namespace-pod-security", "Namespace", "demo", ("metadata", "labels"), DROP, "enforce"),
    changed("service-type", "Service", "wine", ("spec", "type"), "NodePort", "NodePort"),
    changed("service-external-ips", "Service", "wine", ("spec", "externalIPs"), ["192.0.2.1"]),
    changed("service-selects-pods", "Service", "wine", ("spec", "selector"), OTHERS),
    served("network-policy-selects-pod", (), None, "NetworkPolicy", without=("NetworkPolicy",)),
    changed(
        "network-default-deny",
        "NetworkPolicy",
        "default-deny",
        ("spec", "policyTypes"),
        ["Ingress"],
        "egress",
        about="Namespace",
    ),
    changed(
        "network-policy-selects-something",
        "NetworkPolicy",
        "wine",
        ("spec", "podSelector"),
        {"matchLabels": OTHERS},
    ),
    changed(
        "network-policy-peer-exists",
        "NetworkPolicy",
        "wine",
        ("spec", "ingress", 0, "from", 0, "podSelector", "matchLabels"),
        OTHERS,
        "podSelector",
    ),
    changed(
        "rbac-no-cluster-admin", *BINDING, ("roleRef", "name"), "cluster-admin", "cluster-admin"
    ),
    changed(
        "rbac-not-for-system-groups",
        *BINDING,
        ("subjects", 0, "name"),
        "system:authenticated",
        "system:authenticated",
    ),
    changed(
        "rbac-not-for-default-account",
        *BINDING,
        ("subjects", 0),
        {"kind": "ServiceAccount", "name": "default", "namespace": "demo"},
        "default",
    ),
    changed("rbac-no-secrets-read-bound", *BINDING, ("roleRef", "name"), "edit", "roleRef"),
    changed("rbac-no-exec-bound", *BINDING, ("roleRef", "name"), "edit", "roleRef"),
    changed("rbac-no-pod-creation-bound", *BINDING, ("roleRef", "name"), "edit", "roleRef"),
    changed("rbac-role-exists", *BINDING, ("roleRef",), {"kind": "Role", "name": "none"}),
]

INGRESS = [
    changed("ingress-tls", *DOOR, ("spec", "tls"), DROP),
    changed("ingress-host", *DOOR, ("spec", "rules", 0, "host"), DROP),
    changed(
        "ingress-no-snippets",
        *DOOR,
        ("metadata", "annotations", "nginx.ingress.kubernetes.io/server-snippet"),
        "return 200;",
        "server-snippet",
    ),
    changed(
        "ingress-backend-exists",
        *DOOR,
        ("spec", "rules", 0, "http", "paths", 0, "backend", "service", "name"),
        "nobody",
        "nobody",
    ),
]

MUTATIONS = [*AMONG, *INGRESS]
