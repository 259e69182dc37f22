"""Rights in the cluster: who holds them."""

from __future__ import annotations

from collections.abc import Iterator

from stanchion_policies.access import OWN, grants_everything, is_kubernetes_own
from stanchion_policies.cluster import Cluster
from stanchion_policies.kubernetes import KubernetesObject
from stanchion_policies.reading import get, items, text
from stanchion_policies.rules import Settings, Severity, cis, cluster_policy, object_policy

BINDINGS = ("RoleBinding", "ClusterRoleBinding")
EVERYBODY = frozenset(
    {"system:anonymous", "system:unauthenticated", "system:authenticated"}
    | {"system:serviceaccounts"}
)
BUILT_IN = frozenset({"cluster-admin", "admin", "edit", "view"})


def _role(item: KubernetesObject, cluster: Cluster) -> KubernetesObject | None:
    """The role that a binding refers to, where the stack has it."""
    kind, name = text(item.body, "roleRef", "kind"), text(item.body, "roleRef", "name")
    if kind == "Role":
        return cluster.find("Role", item.namespace, name)
    return next((role for role in cluster.of("ClusterRole") if role.name == name), None)


@cluster_policy(
    "rbac-no-cluster-admin",
    kinds=BINDINGS,
    severity=Severity.CRITICAL,
    fix="Bind a role with the rights that are needed, to a group or service account by name.",
    framework=cis("5.1.1"),
    settings=OWN,
)
def no_cluster_admin(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """Nobody is bound to cluster-admin, nor to a role that allows as much."""
    if is_kubernetes_own(item, settings):
        return
    if get(item.body, "roleRef", "name") == "cluster-admin":
        yield "roleRef is cluster-admin; bind a narrower role"
        return
    role = _role(item, cluster)
    if role is not None and grants_everything(role):
        yield f"roleRef is {role.title}, which allows everything; bind a narrower role"


@object_policy(
    "rbac-not-for-everybody",
    kinds=BINDINGS,
    severity=Severity.CRITICAL,
    fix="Name the groups, users or service accounts that need the role.",
    framework=cis("5.1.1"),
    settings=OWN,
)
def not_for_everybody(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """No role is bound to everybody."""
    for subject in [] if is_kubernetes_own(item, settings) else items(item.body, "subjects"):
        if text(subject, "name") in EVERYBODY:
            yield f"grants {text(item.body, 'roleRef', 'name')} to {text(subject, 'name')}"


@object_policy(
    "rbac-not-for-default-account",
    kinds=BINDINGS,
    severity=Severity.HIGH,
    fix="Give the workload a ServiceAccount of its own and bind the role to it.",
    framework=cis("5.1.5"),
)
def not_for_default_account(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """No role is bound to a default service account, which every pod has unasked."""
    for subject in items(item.body, "subjects"):
        if get(subject, "kind") == "ServiceAccount" and get(subject, "name") == "default":
            yield "grants rights to a default service account, which every pod has unasked"


@cluster_policy(
    "rbac-role-exists",
    kinds=BINDINGS,
    severity=Severity.MEDIUM,
    fix="Correct roleRef, or declare the role: whoever may make one of that name decides what the "
    "binding grants.",
)
def role_exists(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """A binding's role exists: Kubernetes' own, or one of the stack."""
    kind, name = text(item.body, "roleRef", "kind"), text(item.body, "roleRef", "name")
    own = kind == "ClusterRole" and (name in BUILT_IN or name.startswith("system:"))
    if not own and _role(item, cluster) is None:
        yield f"roleRef names {kind} {name}, which is not in the stack"
