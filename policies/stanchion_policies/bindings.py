"""Rights in the cluster: who holds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stanchion_policies.access import (
    CONTROLLERS,
    INTO_PODS,
    MAKING_PODS,
    OWN,
    SECRETS,
    Right,
    granted,
    grants_everything,
    is_controllers,
    is_kubernetes_own,
)
from stanchion_policies.cluster import Cluster
from stanchion_policies.kubernetes import KubernetesObject
from stanchion_policies.reading import entries, get, items, text
from stanchion_policies.rules import (
    Rule,
    Settings,
    Severity,
    cis,
    cluster_policy,
    object_policy,
    strings,
)

BINDINGS = ("RoleBinding", "ClusterRoleBinding")
SYSTEM_GROUPS = (
    "system:anonymous",
    "system:authenticated",
    "system:masters",
    "system:serviceaccounts",
    "system:unauthenticated",
)
"""Everybody, or those who may do everything whatever is bound to them."""
POWERFUL = frozenset({"cluster-admin", "admin", "edit"})
"""Kubernetes' own roles that read secrets, make pods and get into them."""
_RUNS_PODS = "so its subjects run pods under any service account of the namespace"

BUILT_IN = POWERFUL | {"view"}


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
    "rbac-not-for-system-groups",
    kinds=BINDINGS,
    severity=Severity.CRITICAL,
    fix="Name the groups, users or service accounts that need the role.",
    framework=cis("5.1.1"),
    settings={**OWN, "groups": strings("Groups and users that are meant.", *SYSTEM_GROUPS)},
)
def not_for_system_groups(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """No role is bound to Kubernetes' own groups, which are everybody or may do everything."""
    for subject in [] if is_kubernetes_own(item, settings) else items(item.body, "subjects"):
        if text(subject, "name") in settings.strings("groups"):
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


def _is_powerful(item: KubernetesObject) -> bool:
    """Whether a binding is of one of Kubernetes' own roles that may do nearly everything."""
    reference = entries(item.body, "roleRef")
    return text(reference, "kind") == "ClusterRole" and text(reference, "name") in POWERFUL


def _rights_of(
    item: KubernetesObject,
    role: KubernetesObject | None,
    rights: Sequence[Right],
    why: str,
    *,
    starts_jobs: bool = False,
) -> Iterator[str]:
    """Those of some rights that a binding gives, by a role of the stack or Kubernetes' own."""
    if role is None and _is_powerful(item):
        yield f"roleRef is {text(item.body, 'roleRef', 'name')}, {why}"
    if role is not None:
        for found in granted(role, rights, starts_jobs=starts_jobs):
            yield f"roleRef is {role.title}, whose {found}, {why}"


def _not_bound(name: str, description: str, why: str, rights: Sequence[Right]) -> Rule:
    """A policy that nobody is bound to a role with some rights, Kubernetes' own roles included."""

    def check(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
        if is_kubernetes_own(item, settings):
            return
        yield from _rights_of(item, _role(item, cluster), rights, why)

    check.__doc__ = description
    return cluster_policy(
        name,
        kinds=BINDINGS,
        severity=Severity.HIGH,
        fix="Bind a role without that right, or take the right out of the role.",
        framework=cis("5.1.1"),
        settings=OWN,
    )(check)


no_bound_secrets = _not_bound(
    "rbac-no-secrets-read-bound",
    "Nobody is bound to a role that reads every secret.",
    "so its subjects read every secret",
    SECRETS,
)
no_bound_exec = _not_bound(
    "rbac-no-exec-bound",
    "Nobody is bound to a role that opens a way into running pods.",
    "so its subjects get into running pods",
    INTO_PODS,
)


@cluster_policy(
    "rbac-no-pod-creation-bound",
    kinds=BINDINGS,
    severity=Severity.HIGH,
    fix="Bind a role without that right, or take the right out of the role.",
    framework=cis("5.1.1"),
    settings={**OWN, **CONTROLLERS},
)
def no_bound_pods(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """Nobody is bound to a role that makes pods."""
    if is_kubernetes_own(item, settings):
        return
    role = _role(item, cluster)
    own = role is not None and is_controllers(role, settings) and _is_for_its_own(item, role)
    yield from _rights_of(item, role, MAKING_PODS, _RUNS_PODS, starts_jobs=own)


def _is_for_its_own(item: KubernetesObject, role: KubernetesObject) -> bool:
    """Whether all that a binding gives the role to is the service account of the role's name."""
    own = ("ServiceAccount", role.name, role.namespace)
    return all(
        (text(each, "kind"), text(each, "name"), text(each, "namespace") or item.namespace) == own
        for each in items(item.body, "subjects")
    )


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
