"""Cases of the policies about who holds which rights."""

from __future__ import annotations

from typing import Any

from policies.cases.access import RULE, rules, starts_jobs
from policies.cases.case import Case, fails, passes
from policies.manifests import Manifest, manifest
from stanchion_policies.access import EVERYTHING


def own_role(**rule: Any) -> Manifest:
    """The ClusterRole `own` with one rule."""
    return manifest("ClusterRole", "own", rules=[{**RULE, **rule}])


def binding(
    kind: str = "RoleBinding", role: str = "view", *, kind_: str = "Group", **subject: Any
) -> Manifest:
    """A binding of a ClusterRole to a subject, which is a group unless `kind_` says otherwise."""
    who = {"kind": kind_, "name": "team-growth", **subject}
    return manifest(kind, roleRef={"kind": "ClusterRole", "name": role}, subjects=[who])


def to_role(name: str = "churn") -> Manifest:
    """A binding of a Role of its namespace."""
    return manifest("RoleBinding", roleRef={"kind": "Role", "name": name}, subjects=[])


def to_controller(**subject: Any) -> Manifest:
    """A binding of a retraining trigger's role."""
    reference = {"kind": "Role", "name": "churn-retraining"}
    return manifest("RoleBinding", roleRef=reference, subjects=[subject])


def bound(policy: str, **right: Any) -> list[Case]:
    """Cases of a policy against binding a right."""
    return [
        passes(policy, "a role without it", binding(role="own"), own_role()),
        passes(policy, "nobody is bound to it", binding(), own_role(**right)),
        passes(policy, "a role of Kubernetes without it", binding(role="view")),
        fails(policy, "a role with it", binding(role="own"), own_role(**right)),
        fails(policy, "a role of Kubernetes with it", binding(role="edit")),
        fails(policy, "in one namespace", to_role(), rules(**right)),
    ]


CASES: list[Case] = [
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
    passes("rbac-not-for-system-groups", "a group", binding()),
    passes("rbac-not-for-system-groups", "no subjects", manifest("RoleBinding", roleRef={})),
    passes(
        "rbac-not-for-system-groups",
        "of Kubernetes itself",
        manifest(
            "ClusterRoleBinding",
            "system:public-info-viewer",
            roleRef={"name": "view"},
            subjects=[{"kind": "Group", "name": "system:unauthenticated"}],
        ),
    ),
    passes(
        "rbac-not-for-system-groups",
        "not meant by setting",
        binding(name="system:authenticated"),
        groups=["system:masters"],
    ),
    fails("rbac-not-for-system-groups", "who may do everything", binding(name="system:masters")),
    fails("rbac-not-for-system-groups", "authenticated", binding(name="system:authenticated")),
    fails(
        "rbac-not-for-system-groups", "anonymous", binding(kind_="User", name="system:anonymous")
    ),
    fails(
        "rbac-not-for-system-groups",
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
    *bound("rbac-no-secrets-read-bound", resources=["secrets"], verbs=["list"]),
    *bound("rbac-no-exec-bound", resources=["pods/exec"], verbs=["create"]),
    *bound("rbac-no-pod-creation-bound", resources=["pods"], verbs=["create"]),
    passes(
        "rbac-no-pod-creation-bound",
        "a controller's own account",
        to_controller(kind="ServiceAccount", name="churn-retraining"),
        starts_jobs(),
    ),
    fails(
        "rbac-no-pod-creation-bound",
        "a controller's role for another account",
        to_controller(kind="ServiceAccount", name="default"),
        starts_jobs(),
    ),
    fails(
        "rbac-no-pod-creation-bound",
        "a controller's role for an account elsewhere",
        to_controller(kind="ServiceAccount", name="churn-retraining", namespace="other"),
        starts_jobs(),
    ),
    fails(
        "rbac-no-pod-creation-bound",
        "a controller's role for people",
        to_controller(kind="Group", name="churn-retraining"),
        starts_jobs(),
    ),
    passes("rbac-role-exists", "of Kubernetes", binding()),
    passes("rbac-role-exists", "in the stack", binding(role="own"), own_role()),
    passes("rbac-role-exists", "reserved", binding(role="system:auth-delegator")),
    fails("rbac-role-exists", "not there", binding(role="own")),
    fails("rbac-role-exists", "another kind", to_role(), own_role()),
    fails(
        "rbac-role-exists",
        "other namespace",
        to_role(),
        manifest("Role", metadata={"namespace": "other"}),
    ),
]
