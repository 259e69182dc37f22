"""Managed Kubernetes, hardened from the start."""

import ipaddress

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.cloud import choose
from stanchion.foundation.cluster.contract import (
    ApiAccess,
    ApiMode,
    ClusterArgs,
    ClusterBackend,
    ReleaseChannel,
    SystemNodes,
)
from stanchion.foundation.location import ClusterReference, check_location

__all__ = ["ApiAccess", "ApiMode", "Cluster", "ClusterArgs", "ReleaseChannel", "SystemNodes"]


class Cluster(pulumi.ComponentResource):
    """A Kubernetes control plane (EKS or GKE) and the nodes of the cluster's own workloads.

    Its nodes have no public addresses, its secrets are encrypted with a key of its own, its
    control plane is logged, network policies are enforced, and pods reach the cloud through
    `WorkloadIdentity` alone. The system nodes are tainted, `CriticalAddonsOnly` on EKS and
    `components.gke.io/gke-managed-components` on GKE: what shall run there tolerates both. It
    deliberately has no nodes for workloads, no charts, and no objects inside Kubernetes: those
    need the cluster first. On GKE, nodes may pull images only from registries that admit
    `reference.node_role`.

    Where the API is public, GKE's is so by its DNS name, with IAM before it, and its address
    stays private; EKS' address itself is public.

    On Google Cloud, IAM knows no single cluster: its administrators administer every cluster of
    the project, so give each environment its own. A KMS key ring there cannot be deleted, so a
    name serves once for each project.
    """

    reference: ClusterReference
    """What components built upon it take."""
    kubeconfig: pulumi.Output[str]
    """Kubeconfig as JSON that asks `aws` or `gke-gcloud-auth-plugin` for credentials and holds
    none."""
    name: pulumi.Output[str]
    """Name of the cluster, known once its system nodes are there."""

    def __init__(
        self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args, backend = checked(name, args)
        super().__init__("stanchion:index:Cluster", name, {}, opts)

        parts = backend.build(self, name, args, opts)
        self.reference = parts.reference
        self.kubeconfig = parts.kubeconfig
        self.name = parts.name
        self.register_outputs(
            {"reference": self.reference, "kubeconfig": self.kubeconfig, "name": self.name}
        )


def checked(name: str, args: ClusterArgs) -> tuple[ClusterArgs, ClusterBackend]:
    """The arguments, held to their types and bounds, with what they choose.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("Cluster", name)
    args = check.arguments(ClusterArgs, args)
    backend: ClusterBackend = choose(check, args["location"]["cloud"], __name__)
    check_location(check, args["location"])
    check.name("environment", args["environment"])
    check.label("owner", args["owner"])
    check.label("cost_center", args["cost_center"])
    _check_api(check, args["api"])
    if not args["administrators"]:
        check.refuse("administrators", "is empty, so nobody could use it", "name a role")
    check.unique("administrators", args["administrators"])
    _check_nodes(check, args["system_nodes"])
    backend.check(check, args)
    check.done()
    return args, backend


def _check_api(check: Checks, api: ApiAccess) -> None:
    allowed = api.get("allowed_cidrs", [])
    if api["mode"] is ApiMode.RESTRICTED and not allowed:
        check.refuse(
            "api.allowed_cidrs",
            "is empty, and api.mode: restricted admits only what it lists",
            "list addresses, or write mode: private",
        )
    if api["mode"] is not ApiMode.RESTRICTED and allowed:
        check.refuse(
            "api.allowed_cidrs",
            f"is given, and api.mode: {api['mode']} does not look at it",
            "write mode: restricted, or remove it",
        )
    for at, cidr in enumerate(allowed):
        field = f"api.allowed_cidrs[{at}]"
        try:
            block = ipaddress.IPv4Network(cidr)
        except ValueError:
            check.refuse(field, f"'{cidr}' is no IPv4 range", "write one as 203.0.113.0/24")
            continue
        if block.prefixlen == 0:
            check.refuse(
                field,
                f"'{cidr}' is everyone",
                "list the ranges that connect, or say it openly with mode: public",
            )


def _check_nodes(check: Checks, nodes: SystemNodes) -> None:
    check.between("system_nodes.minimum", nodes["minimum"], 1, 100)
    check.between("system_nodes.maximum", nodes["maximum"], 1, 100)
    if nodes["minimum"] > nodes["maximum"]:
        check.refuse(
            "system_nodes.minimum",
            f"{nodes['minimum']} is above system_nodes.maximum, {nodes['maximum']}",
            "lower one or raise the other",
        )
