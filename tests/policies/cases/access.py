"""Cases of the policies about rights in the cluster."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes
from policies.manifests import Manifest, manifest
from stanchion_policies.access import EVERYTHING

RULE: dict[str, Any] = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}


def rules(kind: str = "Role", **rule: Any) -> Manifest:
    """A role with one rule."""
    return manifest(kind, rules=[{**RULE, **rule}])


def system(**rule: Any) -> Manifest:
    """A role of Kubernetes' own with one rule."""
    return manifest("ClusterRole", "system:kube-scheduler", rules=[{**RULE, **rule}])


def own_role(**rule: Any) -> Manifest:
    """The ClusterRole `own` with one rule."""
    return manifest("ClusterRole", "own", rules=[{**RULE, **rule}])


def binding(
    kind: str = "RoleBinding", role: str = "view", *, kind_: str = "Group", **subject: Any
) -> Manifest:
    """A binding of a ClusterRole to a subject, which is a group unless `kind_` says otherwise."""
    who = {"kind": kind_, "name": "team-growth", **subject}
    return manifest(kind, roleRef={"kind": "ClusterRole", "name": role}, subjects=[who])


def to_role(name: str) -> Manifest:
    """A binding of a Role of its namespace."""
    return manifest("RoleBinding", roleRef={"kind": "Role", "name": name}, subjects=[])


CASES: list[Case] = [
    passes("rbac-no-wildcards", "listed", rules()),
    passes("rbac-no-wildcards", "of Kubernetes itself", system(verbs=["*"])),
    fails("rbac-no-wildcards", "within a name", rules(resources=["pods/*"])),
    passes("rbac-no-wildcards", "no rules", manifest("Role")),
    fails("rbac-no-wildcards", "verbs", rules(verbs=["*"])),
    fails("rbac-no-wildcards", "resources", rules("ClusterRole", resources=["*"])),
    fails("rbac-no-wildcards", "groups", rules(apiGroups=["apps", "*"])),
    passes(
        "rbac-no-secrets-read", "one of them", rules(resources=["secrets"], resourceNames=["own"])
    ),
    passes("rbac-no-secrets-read", "plain", rules()),
    passes("rbac-no-secrets-read", "reads only", rules(resources=["secrets"], verbs=["create"])),
    passes(
        "rbac-no-secrets-read",
        "of Kubernetes itself",
        system(resources=["secrets"], verbs=["list"]),
    ),
    fails("rbac-no-secrets-read", "list", rules(resources=["secrets"], verbs=["list"])),
    fails("rbac-no-secrets-read", "any verb", rules(resources=["secrets"], verbs=["*"])),
    fails("rbac-no-secrets-read", "with all else", rules(resources=["*"])),
    passes("rbac-no-exec", "plain", rules()),
    passes("rbac-no-exec", "reads only", rules(resources=["pods", "pods/log"])),
    passes(
        "rbac-no-exec", "of Kubernetes itself", system(resources=["pods/exec"], verbs=["create"])
    ),
    fails("rbac-no-exec", "exec", rules(resources=["pods/exec"], verbs=["create"])),
    fails("rbac-no-exec", "by a socket", rules(resources=["pods/attach"])),
    fails("rbac-no-exec", "every subresource of a name", rules(resources=["*/exec"])),
    passes("rbac-no-escalation", "plain", rules()),
    passes(
        "rbac-no-escalation",
        "reads only",
        rules(apiGroups=["rbac.authorization.k8s.io"], resources=["roles"]),
    ),
    passes(
        "rbac-no-escalation",
        "of Kubernetes itself",
        system(apiGroups=["rbac.authorization.k8s.io"], resources=["roles"], verbs=["escalate"]),
    ),
    fails(
        "rbac-no-escalation",
        "escalate",
        rules(apiGroups=["rbac.authorization.k8s.io"], resources=["roles"], verbs=["escalate"]),
    ),
    fails(
        "rbac-no-escalation",
        "bind",
        rules(apiGroups=["rbac.authorization.k8s.io"], resources=["clusterroles"], verbs=["bind"]),
    ),
    fails("rbac-no-escalation", "impersonate", rules(resources=["users"], verbs=["impersonate"])),
    fails(
        "rbac-no-escalation",
        "any verb",
        rules(apiGroups=["rbac.authorization.k8s.io"], resources=["clusterroles"], verbs=["*"]),
    ),
    passes("rbac-no-binding", "plain", rules()),
    passes(
        "rbac-no-binding",
        "reads only",
        rules(apiGroups=["rbac.authorization.k8s.io"], resources=["rolebindings"]),
    ),
    passes(
        "rbac-no-binding",
        "of Kubernetes itself",
        system(
            apiGroups=["rbac.authorization.k8s.io"], resources=["rolebindings"], verbs=["create"]
        ),
    ),
    fails(
        "rbac-no-binding",
        "binds",
        rules(
            apiGroups=["rbac.authorization.k8s.io"], resources=["rolebindings"], verbs=["create"]
        ),
    ),
    fails(
        "rbac-no-binding",
        "changes roles",
        rules(apiGroups=["rbac.authorization.k8s.io"], resources=["roles"], verbs=["patch"]),
    ),
    fails(
        "rbac-no-binding",
        "of the cluster",
        rules(
            kind="ClusterRole",
            apiGroups=["rbac.authorization.k8s.io"],
            resources=["clusterrolebindings"],
            verbs=["update"],
        ),
    ),
    passes("rbac-no-pod-creation", "plain", rules()),
    passes(
        "rbac-no-pod-creation", "reads only", rules(resources=["pods"], verbs=["get", "delete"])
    ),
    passes(
        "rbac-no-pod-creation", "of Kubernetes itself", system(resources=["pods"], verbs=["create"])
    ),
    fails("rbac-no-pod-creation", "pods", rules(resources=["pods"], verbs=["create"])),
    fails(
        "rbac-no-pod-creation",
        "through a controller",
        rules(apiGroups=["apps"], resources=["deployments"], verbs=["patch"]),
    ),
    fails(
        "rbac-no-pod-creation",
        "jobs",
        rules(apiGroups=["batch"], resources=["jobs"], verbs=["create"]),
    ),
    passes("rbac-no-token-creation", "plain", rules()),
    passes("rbac-no-token-creation", "reads only", rules(resources=["serviceaccounts"])),
    passes(
        "rbac-no-token-creation",
        "of Kubernetes itself",
        system(resources=["serviceaccounts/token"], verbs=["create"]),
    ),
    fails(
        "rbac-no-token-creation",
        "create",
        rules(resources=["serviceaccounts/token"], verbs=["create"]),
    ),
    fails(
        "rbac-no-token-creation",
        "any verb",
        rules(resources=["serviceaccounts/token"], verbs=["*"]),
    ),
    fails("rbac-no-token-creation", "every token", rules(resources=["*/token"], verbs=["create"])),
    passes("rbac-no-certificate-approval", "plain", rules()),
    passes(
        "rbac-no-certificate-approval",
        "reads only",
        rules(
            apiGroups=["certificates.k8s.io"],
            resources=["certificatesigningrequests"],
            verbs=["create"],
        ),
    ),
    passes(
        "rbac-no-certificate-approval",
        "of Kubernetes itself",
        system(apiGroups=["certificates.k8s.io"], resources=["signers"], verbs=["approve"]),
    ),
    fails(
        "rbac-no-certificate-approval",
        "approve",
        rules(apiGroups=["certificates.k8s.io"], resources=["signers"], verbs=["approve"]),
    ),
    fails(
        "rbac-no-certificate-approval",
        "update",
        rules(
            apiGroups=["certificates.k8s.io"],
            resources=["certificatesigningrequests/approval"],
            verbs=["update"],
        ),
    ),
    fails(
        "rbac-no-certificate-approval",
        "any group",
        rules(apiGroups=["*"], resources=["signers"], verbs=["*"]),
    ),
    passes("rbac-no-webhook-control", "plain", rules()),
    passes(
        "rbac-no-webhook-control",
        "reads only",
        rules(
            apiGroups=["admissionregistration.k8s.io"],
            resources=["validatingwebhookconfigurations"],
        ),
    ),
    passes(
        "rbac-no-webhook-control",
        "of Kubernetes itself",
        system(
            apiGroups=["admissionregistration.k8s.io"],
            resources=["mutatingwebhookconfigurations"],
            verbs=["create"],
        ),
    ),
    fails(
        "rbac-no-webhook-control",
        "create",
        rules(
            apiGroups=["admissionregistration.k8s.io"],
            resources=["mutatingwebhookconfigurations"],
            verbs=["create"],
        ),
    ),
    fails(
        "rbac-no-webhook-control",
        "patch",
        rules(
            apiGroups=["admissionregistration.k8s.io"],
            resources=["validatingwebhookconfigurations"],
            verbs=["patch"],
        ),
    ),
    fails(
        "rbac-no-webhook-control",
        "all of the group",
        rules(apiGroups=["admissionregistration.k8s.io"], resources=["*"], verbs=["update"]),
    ),
    passes("rbac-no-cluster-admin", "a group", binding()),
    passes(
        "rbac-no-cluster-admin", "a role that lists its rights", binding(role="own"), own_role()
    ),
    passes("rbac-no-cluster-admin", "no subjects", manifest("RoleBinding", roleRef={})),
    fails("rbac-no-cluster-admin", "admin", binding("ClusterRoleBinding", "cluster-admin")),
    fails("rbac-no-cluster-admin", "in one namespace", binding("RoleBinding", "cluster-admin")),
    fails(
        "rbac-no-cluster-admin",
        "by another name",
        binding("ClusterRoleBinding", "own"),
        own_role(apiGroups=["*"], resources=["*"], verbs=["*"]),
    ),
    fails(
        "rbac-no-cluster-admin",
        "every verb by name",
        binding("RoleBinding", "own"),
        own_role(apiGroups=["*"], resources=["*"], verbs=[*EVERYTHING]),
    ),
    passes("rbac-not-for-everybody", "a group", binding()),
    passes("rbac-not-for-everybody", "no subjects", manifest("RoleBinding", roleRef={})),
    passes(
        "rbac-not-for-everybody",
        "of Kubernetes itself",
        manifest(
            "ClusterRoleBinding",
            "system:public-info-viewer",
            roleRef={"name": "view"},
            subjects=[{"kind": "Group", "name": "system:unauthenticated"}],
        ),
    ),
    fails("rbac-not-for-everybody", "authenticated", binding(name="system:authenticated")),
    fails("rbac-not-for-everybody", "anonymous", binding(kind_="User", name="system:anonymous")),
    fails(
        "rbac-not-for-everybody",
        "every account",
        binding("ClusterRoleBinding", name="system:serviceaccounts"),
    ),
    passes(
        "rbac-not-for-default-account", "its own", binding(kind_="ServiceAccount", name="churn")
    ),
    passes(
        "rbac-not-for-default-account", "a user of that name", binding(kind_="User", name="default")
    ),
    passes("rbac-not-for-default-account", "no subjects", manifest("RoleBinding", roleRef={})),
    fails("rbac-not-for-default-account", "alone", binding(kind_="ServiceAccount", name="default")),
    fails(
        "rbac-not-for-default-account",
        "in the cluster",
        binding("ClusterRoleBinding", kind_="ServiceAccount", name="default", namespace="growth"),
    ),
    fails(
        "rbac-not-for-default-account",
        "among others",
        manifest(
            "RoleBinding",
            roleRef={"name": "view"},
            subjects=[{"name": "a"}, {"kind": "ServiceAccount", "name": "default"}],
        ),
    ),
    passes("rbac-role-exists", "of Kubernetes", binding()),
    passes("rbac-role-exists", "in the stack", binding(role="own"), own_role()),
    passes("rbac-role-exists", "reserved", binding(role="system:auth-delegator")),
    fails("rbac-role-exists", "not there", binding(role="own")),
    fails("rbac-role-exists", "another kind", to_role("churn"), own_role()),
    fails(
        "rbac-role-exists",
        "other namespace",
        to_role("churn"),
        manifest("Role", metadata={"namespace": "other"}),
    ),
]
