"""Rights in the cluster: what roles allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from stanchion_policies.kubernetes import KubernetesObject
from stanchion_policies.reading import items, texts
from stanchion_policies.rules import Rule, Settings, Severity, cis, object_policy, strings

ROLES = ("Role", "ClusterRole")
WRITING = ("create", "update", "patch")


class Right(NamedTuple):
    """What one rule of a role may grant.

    Attributes:
        group: The API group, empty for the core group.
        resources: The resources, any of which is meant.
        verbs: The verbs, any of which is meant.
        everywhere: Whether a verb that is written out is meant on any resource.
    """

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    everywhere: bool = False

    def granted_by(self, rule: Any) -> str:
        """The verb and resource that a rule grants of it, `*` included; empty where none."""
        groups = texts(rule, "apiGroups") or [self.group]
        verbs, resources = texts(rule, "verbs"), texts(rule, "resources")
        if self.everywhere:
            plain = next((each for each in verbs if each in self.verbs), "")
            if plain:
                return f"{plain} on {', '.join(resources)}"
        if "*" not in groups and self.group not in groups:
            return ""
        verb = next((each for each in verbs if each in {*self.verbs, "*"}), "")
        named = {*self.resources, *(f"*/{name.partition('/')[2]}" for name in self.resources), "*"}
        resource = next((each for each in resources if each in named), "")
        return f"{verb} on {resource}" if verb and resource else ""


SECRETS = (Right("", ("secrets",), ("get", "list", "watch")),)
INTO_PODS = (
    Right("", ("pods/exec", "pods/attach"), ("get", "create")),
    Right("", ("pods/portforward", "nodes/proxy"), ("get", "create")),
)
MAKING_PODS = (
    Right("", ("pods", "replicationcontrollers"), WRITING),
    Right("apps", ("deployments", "statefulsets", "daemonsets", "replicasets"), WRITING),
    Right("batch", ("jobs", "cronjobs"), WRITING),
)
RBAC = "rbac.authorization.k8s.io"
EVERYTHING = ("get", "list", "watch", "create", "update", "patch", "delete")


OWN = {
    "own": strings(
        "Names, with * for any text, that Kubernetes reserves for roles and bindings of its own, "
        "which the API server puts right again.",
        "system:*",
        "cluster-admin",
        "admin",
        "edit",
        "view",
    )
}


def is_kubernetes_own(item: KubernetesObject, settings: Settings) -> bool:
    """Whether Kubernetes itself makes the role or binding."""
    return any(fnmatchcase(item.name, name) for name in settings.strings("own"))


CONTROLLERS = {
    "controllers": strings(
        "Names, with * for any text, of Roles of the platform's controllers: such a Role may make "
        "Jobs, and be bound to the service account of its own name alone.",
        "*-retraining",
    )
}


def is_controllers(role: KubernetesObject, settings: Settings) -> bool:
    """Whether a role is that of a controller, within a namespace."""
    names = settings.strings("controllers")
    return role.is_a("Role") and any(fnmatchcase(role.name, name) for name in names)


def _rules(item: KubernetesObject, settings: Settings) -> Iterator[tuple[str, Any]]:
    """The rules of a role that Kubernetes does not make itself, with their places."""
    if not is_kubernetes_own(item, settings):
        for place, rule in enumerate(items(item.body, "rules")):
            yield f"rules[{place}]", rule


def grants_everything(role: KubernetesObject) -> bool:
    """Whether a role allows all verbs on all resources of all API groups."""
    return any(
        "*" in texts(rule, "apiGroups")
        and "*" in texts(rule, "resources")
        and ("*" in texts(rule, "verbs") or {*EVERYTHING} <= {*texts(rule, "verbs")})
        for rule in items(role.body, "rules")
    )


@object_policy(
    "rbac-no-wildcards",
    kinds=ROLES,
    severity=Severity.HIGH,
    fix="List the API groups, resources and verbs that are needed.",
    framework=cis("5.1.3"),
    settings={
        **OWN,
        "fields": strings(
            "Fields of a rule in which a * is refused.",
            "apiGroups",
            "resources",
            "verbs",
            "nonResourceURLs",
        ),
    },
)
def no_wildcards(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A role lists what it allows."""
    for where, rule in _rules(item, settings):
        for field in settings.strings("fields"):
            if any("*" in word for word in texts(rule, field)):
                yield f"{where}.{field} has a *, which also grants what comes later"


@object_policy(
    "rbac-not-everything",
    kinds=ROLES,
    severity=Severity.CRITICAL,
    fix="List what the role is for; cluster-admin is there for whoever may do everything.",
    framework=cis("5.1.3"),
    settings=OWN,
)
def not_everything(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A role does not allow everything."""
    if grants_everything(item) and not is_kubernetes_own(item, settings):
        yield "allows all verbs on all resources of all API groups; list what it is for"


def _starts_jobs(rule: Any) -> bool:
    """Whether a rule is about Jobs alone, and changes none that exist."""
    verbs = {*texts(rule, "verbs")} - {"create"}
    of_jobs = texts(rule, "apiGroups") == ["batch"] and texts(rule, "resources") == ["jobs"]
    return of_jobs and verbs <= {"get", "list", "watch"}


def granted(
    role: KubernetesObject, rights: Sequence[Right], *, starts_jobs: bool = False
) -> Iterator[str]:
    """The rights that a role grants, objects by name left out: `rules[0] grants get on secrets`.

    Args:
        role: The role.
        rights: Those that are meant.
        starts_jobs: Whether to leave out rules that make Jobs and do no more.
    """
    for place, rule in enumerate(items(role.body, "rules")):
        if items(rule, "resourceNames") or (starts_jobs and _starts_jobs(rule)):
            continue
        for found in filter(None, (right.granted_by(rule) for right in rights)):
            yield f"rules[{place}] grants {found}"


def _without(name: str, description: str, why: str, fix: str, clause: str, *rights: Right) -> Rule:
    """A policy that roles do not grant some rights, but to objects by name."""

    def check(item: KubernetesObject, settings: Settings) -> Iterator[str]:
        for found in () if is_kubernetes_own(item, settings) else granted(item, rights):
            yield f"{found}, {why}"

    check.__doc__ = description
    return object_policy(
        name, kinds=ROLES, severity=Severity.HIGH, fix=fix, framework=cis(clause), settings=OWN
    )(check)


BY_NAME = "Remove the right, or name the objects it is for in resourceNames."

no_secrets = _without(
    "rbac-no-secrets-read",
    "A role does not read every secret.",
    "so it reads every secret",
    BY_NAME,
    "5.1.2",
    *SECRETS,
)
no_exec = _without(
    "rbac-no-exec",
    "A role opens no way into running pods.",
    "a way into running pods and their secrets",
    "Remove the right: a person who must look inside gets it for an hour, by name.",
    "5.1.10",
    *INTO_PODS,
)
no_escalation = _without(
    "rbac-no-escalation",
    "A role does not open the way to more rights than it grants.",
    "a way to any other right",
    BY_NAME,
    "5.1.8",
    Right(RBAC, ("roles", "clusterroles"), ("escalate", "bind")),
    Right(RBAC, ("rolebindings", "clusterrolebindings"), ("bind",)),
)
no_impersonation = _without(
    "rbac-no-impersonation",
    "A role does not let its holder act as somebody else.",
    "so its holder acts as somebody else, with all their rights",
    BY_NAME,
    "5.1.8",
    Right("", ("users", "groups", "serviceaccounts"), ("impersonate",), everywhere=True),
    Right("authentication.k8s.io", ("uids", "userextras"), ("impersonate",)),
)
no_binding = _without(
    "rbac-no-binding",
    "A role does not give rights to anybody.",
    "so its holder gives rights to others and itself",
    "Remove the right: who declares the platform binds roles.",
    "5.1.8",
    Right(RBAC, ("roles", "clusterroles", "rolebindings", "clusterrolebindings"), WRITING),
)


@object_policy(
    "rbac-no-pod-creation",
    kinds=ROLES,
    severity=Severity.HIGH,
    fix="Leave making pods to the deployment pipeline and to controllers.",
    framework=cis("5.1.4"),
    settings={**OWN, **CONTROLLERS},
)
def no_pods(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A role makes no pods, which run with the rights of any service account."""
    if is_kubernetes_own(item, settings):
        return
    for found in granted(item, MAKING_PODS, starts_jobs=is_controllers(item, settings)):
        yield f"{found}, so its holder runs pods under any service account of the namespace"


no_tokens = _without(
    "rbac-no-token-creation",
    "A role makes no tokens of service accounts.",
    "so its holder becomes any service account of the namespace",
    BY_NAME,
    "5.1.13",
    Right("", ("serviceaccounts/token",), ("create",)),
)
no_certificates = _without(
    "rbac-no-certificate-approval",
    "A role approves no certificates, with which anybody can be anybody.",
    "so its holder signs a certificate for any name",
    "Remove the right; leave approval to the cluster's own controller.",
    "5.1.11",
    Right("certificates.k8s.io", ("certificatesigningrequests/approval",), ("update", "patch")),
    Right("certificates.k8s.io", ("signers",), ("approve",)),
)
no_webhooks = _without(
    "rbac-no-webhook-control",
    "A role does not control admission webhooks, which see and change every object.",
    "so its holder sees and changes every object",
    BY_NAME,
    "5.1.12",
    Right(
        "admissionregistration.k8s.io",
        ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
        (*WRITING, "delete", "deletecollection"),
    ),
)
