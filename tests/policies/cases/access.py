"""Cases of the policies about what roles allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from policies.cases.case import Case, fails, passes
from policies.manifests import Manifest, manifest
from stanchion_policies.access import EVERYTHING as VERBS

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
RULE: dict[str, Any] = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}


def rules(kind: str = "Role", /, **rule: Any) -> Manifest:
    """A role with one rule."""
    return manifest(kind, rules=[{**RULE, **rule}])


def system(**rule: Any) -> Manifest:
    """A role of Kubernetes' own with one rule."""
    return manifest("ClusterRole", "system:kube-scheduler", rules=[{**RULE, **rule}])


def starts_jobs(
    kind: str = "Role", verb: str = "create", resources: Sequence[str] = ("jobs",)
) -> Manifest:
    """The role of a retraining trigger, with one rule."""
    rule = {"apiGroups": ["batch"], "resources": [*resources], "verbs": ["list", verb]}
    return manifest(kind, "churn-retraining", rules=[rule])


CASES: list[Case] = [
    passes("rbac-no-wildcards", "listed", rules()),
    passes("rbac-no-wildcards", "of Kubernetes itself", system(verbs=["*"])),
    fails("rbac-no-wildcards", "within a name", rules(resources=["pods/*"])),
    passes("rbac-no-wildcards", "no rules", manifest("Role")),
    fails("rbac-no-wildcards", "verbs", rules(verbs=["*"])),
    fails("rbac-no-wildcards", "resources", rules("ClusterRole", resources=["*"])),
    fails("rbac-no-wildcards", "groups", rules(apiGroups=["apps", "*"])),
    passes("rbac-not-everything", "listed", rules()),
    passes("rbac-not-everything", "all of one group", rules(resources=["*"], verbs=["*"])),
    passes("rbac-not-everything", "of Kubernetes itself", system(**EVERYTHING)),
    fails("rbac-not-everything", "by three stars", rules(**EVERYTHING)),
    fails("rbac-not-everything", "of the cluster", rules("ClusterRole", **EVERYTHING)),
    fails("rbac-not-everything", "every verb by name", rules(**{**EVERYTHING, "verbs": [*VERBS]})),
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
    fails(
        "rbac-no-escalation",
        "any verb",
        rules(apiGroups=["rbac.authorization.k8s.io"], resources=["clusterroles"], verbs=["*"]),
    ),
    passes("rbac-no-impersonation", "plain", rules()),
    passes("rbac-no-impersonation", "reads only", rules(resources=["users", "groups"])),
    passes(
        "rbac-no-impersonation", "of Kubernetes itself", system(resources=["users"], verbs=["*"])
    ),
    fails("rbac-no-impersonation", "of anything", rules(verbs=["impersonate"])),
    fails("rbac-no-impersonation", "users", rules(resources=["users"], verbs=["impersonate"])),
    fails("rbac-no-impersonation", "accounts", rules(resources=["serviceaccounts"], verbs=["*"])),
    fails(
        "rbac-no-impersonation",
        "further attributes",
        rules(
            "ClusterRole",
            apiGroups=["authentication.k8s.io"],
            resources=["uids"],
            verbs=["impersonate"],
        ),
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
    passes("rbac-no-pod-creation", "jobs of a controller", starts_jobs()),
    fails("rbac-no-pod-creation", "jobs of every namespace", starts_jobs("ClusterRole")),
    fails("rbac-no-pod-creation", "a controller that changes jobs", starts_jobs(verb="patch")),
    fails("rbac-no-pod-creation", "no controller is known", starts_jobs(), controllers=[]),
    fails(
        "rbac-no-pod-creation",
        "more than jobs",
        starts_jobs(resources=["jobs", "cronjobs"]),
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
]
