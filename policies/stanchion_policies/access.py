"""Rights in the cluster: roles and who holds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stanchion_policies.kubernetes import KubernetesObject
from stanchion_policies.reading import get, items, text, texts
from stanchion_policies.rules import Settings, Severity, cis, flag, object_policy

ROLES = ("Role", "ClusterRole")
BINDINGS = ("RoleBinding", "ClusterRoleBinding")
ESCALATING = frozenset({"escalate", "bind", "impersonate"})
READING = frozenset({"get", "list", "watch", "*"})
INTO_PODS = frozenset({"pods/exec", "pods/attach", "pods/portforward", "nodes/proxy"})
EVERYONE = frozenset({"system:anonymous", "system:unauthenticated", "system:authenticated"})


@object_policy(
    "rbac-no-wildcards",
    kinds=ROLES,
    severity=Severity.HIGH,
    fix="List the API groups, resources and verbs that are needed.",
    framework=cis("5.1.3"),
)
def no_wildcards(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A role lists what it allows."""
    for place, rule in enumerate(items(item.body, "rules")):
        for field in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
            if "*" in texts(rule, field):
                yield f"rules[{place}].{field} is *, which also grants what comes later"


@object_policy(
    "rbac-no-escalation",
    kinds=ROLES,
    severity=Severity.HIGH,
    fix="Remove the right, or name the objects it is for in resourceNames.",
    framework=cis("5.1.2, 5.1.8"),
    settings={
        "secrets": flag("Whether roles may read every secret of a namespace.", default=False)
    },
)
def no_escalation(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A role does not open the way to more rights than it grants."""
    for place, rule in enumerate(items(item.body, "rules")):
        if items(rule, "resourceNames"):
            continue
        where, verbs, resources = f"rules[{place}]", texts(rule, "verbs"), texts(rule, "resources")
        for verb in verbs:
            if verb in ESCALATING:
                yield f"{where} grants {verb}, a way to any other right"
        if not settings.flag("secrets") and _reads_secrets(verbs, resources):
            yield f"{where} reads every secret; name them in resourceNames"
        for resource in resources:
            if resource in INTO_PODS:
                yield f"{where} grants {resource}, a way into running pods"


def _reads_secrets(verbs: Sequence[str], resources: Sequence[str]) -> bool:
    return "secrets" in resources and any(verb in READING for verb in verbs)


@object_policy(
    "rbac-no-cluster-admin",
    kinds=BINDINGS,
    severity=Severity.CRITICAL,
    fix="Bind a role with the rights that are needed, to a group or service account by name.",
    framework=cis("5.1.1"),
)
def no_cluster_admin(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Nobody is bound to cluster-admin, and nothing to everybody."""
    if get(item.body, "roleRef", "name") == "cluster-admin":
        yield "roleRef is cluster-admin; bind a narrower role"
    for subject in items(item.body, "subjects"):
        if text(subject, "name") in EVERYONE:
            yield f"grants {text(item.body, 'roleRef', 'name')} to {text(subject, 'name')}"
        if get(subject, "kind") == "ServiceAccount" and get(subject, "name") == "default":
            yield "grants rights to a default service account, which every pod has unasked"
