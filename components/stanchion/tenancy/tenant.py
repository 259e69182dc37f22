"""A team's namespace: owner, quota, access and network walls."""

from enum import StrEnum
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, network
from stanchion.checks import Checks
from stanchion.children import child_options, once_made
from stanchion.labels import metadata

DEFAULT_CPU, DEFAULT_MEMORY = "4", "8Gi"


class Role(StrEnum):
    """What a group may do in a tenant's namespace."""

    VIEWER = "viewer"
    """See everything but Secrets: Kubernetes' own role `view`."""
    EDITOR = "editor"
    """Change workloads and Secrets, not rights: Kubernetes' own role `edit`."""
    ADMIN = "admin"
    """Editor, and give rights within the namespace: Kubernetes' own role `admin`."""


_CLUSTER_ROLES = {Role.VIEWER: "view", Role.EDITOR: "edit", Role.ADMIN: "admin"}


class TenantAccess(TypedDict):
    """A group and its role."""

    group: str
    """Name of the group as the cluster's authentication reports it."""
    role: Role
    """viewer, editor or admin."""


class TenantQuota(TypedDict):
    """The most that all pods of the namespace together may ask for."""

    cpu: NotRequired[str]
    """Sum of CPU requests in cores. Default: 4. CPU limits are not summed: spare time is free."""
    memory: NotRequired[str]
    """Sum of memory requests, and of memory limits. Default: 8Gi."""
    pods: NotRequired[int]
    """Pods that are not finished, 1 to 10000. Default: 30."""
    storage: NotRequired[str]
    """Sum of volume claims. Default: 20Gi."""
    volume_claims: NotRequired[int]
    """Number of volume claims, 0 to 10000. Default: 10."""
    gpus: NotRequired[int]
    """Sum of NVIDIA GPUs, 0 to 100000. Default: 0, none."""


class TenantArgs(TypedDict):
    """Arguments of `Tenant`."""

    namespace: str
    """Name of the namespace, and of the tenant in labels."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    access: NotRequired[list[TenantAccess]]
    """Groups and their roles. Default: nobody but cluster administrators."""
    quota: NotRequired[TenantQuota]
    """The most the namespace may ask for. Default: the defaults of `TenantQuota`."""
    allow_same_namespace: NotRequired[bool]
    """Whether pods of the namespace may reach each other. Default: false."""
    tracking_client: NotRequired[bool]
    """Whether the tracking server admits pods of this namespace. Default: false."""


class Tenant(pulumi.ComponentResource):
    """A namespace that a team can be given: labelled, limited, and closed by default.

    Pods are held to the restricted pod-security level, all traffic in and out is denied but
    for cluster DNS, and containers that say nothing get small defaults. Services of type
    NodePort and LoadBalancer are refused by quota.

    It deliberately makes no service account and no registry credentials, and opens no
    connection a workload needs: a workload's own component does that for itself.
    """

    namespace: pulumi.Output[str]
    """The namespace's name, known as soon as its quota and walls are in place."""

    def __init__(
        self, name: str, args: TenantArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = _checked(name, args)
        super().__init__("stanchion:index:Tenant", name, {}, opts)
        tenant = args["namespace"]
        labelled = labels.standard(
            labels.selector("tenant", tenant),
            owner=args["owner"],
            cost_center=args["cost_center"],
            extra={labels.TENANT: tenant},
        )
        namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=metadata(tenant, None, {**labelled, **_namespace_labels(args)}),
            opts=child_options(self, opts),
        )
        inside = child_options(self, opts, depends_on=[namespace])
        quota = k8s.core.v1.ResourceQuota(
            f"{name}-quota",
            metadata=metadata("quota", tenant, labelled),
            spec=k8s.core.v1.ResourceQuotaSpecArgs(hard=_quota(args.get("quota", {}))),
            opts=inside,
        )
        limits = k8s.core.v1.LimitRange(
            f"{name}-limits",
            metadata=metadata("limits", tenant, labelled),
            spec=k8s.core.v1.LimitRangeSpecArgs(limits=[_CONTAINER_DEFAULTS]),
            opts=inside,
        )
        walls = [
            k8s.networking.v1.NetworkPolicy(
                f"{name}-{wall}",
                metadata=metadata(wall, tenant, labelled),
                spec=spec,
                opts=inside,
            )
            for wall, spec in _walls(args).items()
        ]
        for role, groups in _groups_by_role(args).items():
            k8s.rbac.v1.RoleBinding(
                f"{name}-{role}",
                metadata=metadata(role, tenant, labelled),
                role_ref=k8s.rbac.v1.RoleRefArgs(
                    api_group=_RBAC, kind="ClusterRole", name=_CLUSTER_ROLES[role]
                ),
                subjects=[
                    k8s.rbac.v1.SubjectArgs(api_group=_RBAC, kind="Group", name=group)
                    for group in groups
                ],
                opts=inside,
            )

        self.namespace = once_made(tenant, namespace, quota, limits, *walls)
        self.register_outputs({"namespace": self.namespace})


_RBAC = "rbac.authorization.k8s.io"
_CONTAINER_DEFAULTS = k8s.core.v1.LimitRangeItemArgs(
    type="Container",
    default_request={"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "256Mi"},
    # No default CPU limit: it would throttle pods that leave theirs out on purpose.
    default={"memory": "256Mi", "ephemeral-storage": "1Gi"},
)


def _checked(name: str, args: TenantArgs) -> TenantArgs:
    check = Checks("Tenant", name)
    args = check.arguments(TenantArgs, args)
    check.name("namespace", args["namespace"])
    check.label("owner", args["owner"])
    check.label("cost_center", args["cost_center"])
    quota = args.get("quota", {})
    for field in ("cpu", "memory", "storage"):
        check.quantity(f"quota.{field}", str(quota.get(field, "1")))
    check.between("quota.pods", quota.get("pods", 1), 1, 10_000)
    check.between("quota.volume_claims", quota.get("volume_claims", 0), 0, 10_000)
    check.between("quota.gpus", quota.get("gpus", 0), 0, 100_000)
    access = args.get("access", [])
    for at, grant in enumerate(access):
        if not grant["group"].strip():
            check.refuse(f"access[{at}].group", "is empty", "name a group")
        if grant["group"] in _EVERYONE:
            check.refuse(
                f"access[{at}].group",
                f"'{grant['group']}' is everyone, not a team",
                "name the team's own group",
            )
    check.unique("access", [f"{grant['group']} as {grant['role']}" for grant in access])
    check.done()
    return args


_EVERYONE = {"system:authenticated", "system:unauthenticated", "system:serviceaccounts"}


def _namespace_labels(args: TenantArgs) -> dict[str, str]:
    chosen = {
        f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")
    }
    if args.get("tracking_client", False):
        chosen[labels.TRACKING_CLIENT] = "true"
    return chosen


def _quota(quota: TenantQuota) -> dict[str, str]:
    memory = quota.get("memory", DEFAULT_MEMORY)
    return {
        "requests.cpu": quota.get("cpu", DEFAULT_CPU),
        "requests.memory": memory,
        "limits.memory": memory,
        "pods": str(quota.get("pods", 30)),
        "requests.storage": quota.get("storage", "20Gi"),
        "persistentvolumeclaims": str(quota.get("volume_claims", 10)),
        "requests.nvidia.com/gpu": str(quota.get("gpus", 0)),
        "services.nodeports": "0",
        "services.loadbalancers": "0",
    }


def _walls(args: TenantArgs) -> dict[str, k8s.networking.v1.NetworkPolicySpecArgs]:
    everything = k8s.meta.v1.LabelSelectorArgs()
    walls = {
        "default-deny": network.policy_spec({}, admit=[], allow=[]),
        "allow-dns": k8s.networking.v1.NetworkPolicySpecArgs(
            pod_selector=everything, policy_types=["Egress"], egress=[network.dns_egress()]
        ),
    }
    if args.get("allow_same_namespace", False):
        own = k8s.networking.v1.NetworkPolicyPeerArgs(pod_selector=everything)
        walls["allow-same-namespace"] = network.policy_spec(
            {},
            admit=[k8s.networking.v1.NetworkPolicyIngressRuleArgs(from_=[own])],
            allow=[k8s.networking.v1.NetworkPolicyEgressRuleArgs(to=[own])],
        )
    return walls


def _groups_by_role(args: TenantArgs) -> dict[Role, list[str]]:
    access = args.get("access", [])
    return {
        role: groups
        for role in Role
        if (groups := [grant["group"] for grant in access if grant["role"] is role])
    }
