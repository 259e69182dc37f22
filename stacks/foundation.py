"""The foundation of an environment: in a cloud its network, cluster, registry and pools.

The stack that holds this layer makes it; the stacks above find it in what that one exports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as k8s
from base_stack import BaseStack
from environment import Environment
from foundation_args import (
    CheckedPool,
    budget_args,
    cluster_args,
    network_args,
    operators_args,
    pool_args,
)
from images import CLOUD_IMAGES
from provider import AnyCloud, LocalProvider, location
from pydantic.alias_generators import to_camel
from stanchion import (
    Budget,
    Cluster,
    ClusterReference,
    GpuPool,
    Grant,
    ImageRegistry,
    Location,
    Network,
    NetworkReference,
    Operators,
    Placement,
    WorkloadIdentity,
)
from stanchion.credentials import SECRET_STORE

if TYPE_CHECKING:
    from stanchion_cli.cluster.layout import Layout


@dataclass(frozen=True)
class Site:
    """Where in a cloud the layers above are made."""

    environment: str
    location: Location
    network: NetworkReference
    cluster: ClusterReference
    secret_store: pulumi.Output[str]
    """Store through which External Secrets reads the cloud's secrets, known once it is there."""


@dataclass(frozen=True)
class Foundation:
    """What the layers above are built upon."""

    environment: str
    """Name of the environment."""
    opts: pulumi.ResourceOptions
    """Providers of the cluster and, where there is one, of the cloud."""
    workloads: pulumi.ResourceOptions
    """The same for what has pods of its own: made after the nodes and the controllers that it
    needs, and gone before them."""
    site: Site | None
    """The cloud's; None for an environment of one Kubernetes alone."""
    placements: Mapping[str, Placement]
    """Of the pools, by their names."""
    pools: Mapping[str, pulumi.ResourceOptions]
    """For what runs on one pool alone: `workloads` that wait for no other pool."""
    kubeconfig: pulumi.Input[str] | None = None
    """Of the cloud's cluster; it holds no credentials."""
    bundled: str | None = None
    """Name of the node on this machine that is its cluster, if it is one."""
    operators: Sequence[str] = ()
    """Controllers that this node is to have."""

    def cluster_summary(self) -> Mapping[str, object]:
        """Which cluster it is and how to reach it, for the stack's outputs."""
        reference = _in_the_notation_of_outputs(self.site.cluster) if self.site else {"name": None}
        node = {"bundled": self.bundled, "operators": [*self.operators]} if self.bundled else {}
        return {"bundled": None, "kubeconfig": self.kubeconfig, **node, **reference}

    def identity(
        self,
        account: str,
        *,
        tenant: str,
        owner: str,
        cost_center: str,
        grants: Sequence[Grant],
    ) -> WorkloadIdentity | None:
        """Rights in the cloud for a tenant's service account; None where there is none to have.

        Args:
            account: The service account.
            tenant: Its tenant, whose namespace it is in.
            owner: Team that answers for it.
            cost_center: Where its cost is booked.
            grants: The rights.
        """
        if self.site is None or not grants:
            return None
        return WorkloadIdentity(
            f"{account}-identity",
            {
                "location": self.site.location,
                "environment": self.site.environment,
                "owner": owner,
                "cost_center": cost_center,
                "cluster": self.site.cluster,
                "namespace": tenant,
                "service_account": account,
                "grants": list(grants),
            },
            self.opts,
        )

    def network_summary(self) -> Mapping[str, object] | None:
        """Which network it is in, for the stack's outputs; None for a cluster that was there."""
        return _in_the_notation_of_outputs(self.site.network) if self.site else None


def _in_the_notation_of_outputs(reference: Mapping[str, object]) -> dict[str, object]:
    return {to_camel(key): value for key, value in reference.items()}


def build_foundation(environment: Environment, name: str) -> Foundation:
    """Make the foundation of the environment `name`, or find the cluster that is its own."""
    provider = environment.provider
    if isinstance(provider, LocalProvider):
        return _of_existing_cluster(environment, provider, name)
    cloud = provider.pulumi_provider()
    in_cloud = pulumi.ResourceOptions(provider=cloud)
    network = Network("network", network_args(environment, provider, name), in_cloud)
    kubernetes = Cluster(
        "cluster", cluster_args(environment, provider, name, network.reference), in_cloud
    )
    ImageRegistry(
        "images",
        {
            "location": location(provider),
            "environment": name,
            "owner": environment.owner,
            "cost_center": environment.cost_center,
            "images": list(CLOUD_IMAGES),
            "keep": environment.keep,
        },
        in_cloud,
    )
    Budget("budget", budget_args(environment, provider, name), in_cloud)
    inside = _provider(name, kubeconfig=kubernetes.kubeconfig)
    # A cluster named by a text alone is no dependency, and its rights have to outlive its objects.
    everywhere = pulumi.ResourceOptions(providers=[cloud, inside], depends_on=[kubernetes])
    operators = Operators(
        "operators", operators_args(environment, provider, name, kubernetes.reference), everywhere
    )
    site = Site(
        name,
        location(provider),
        network.reference,
        kubernetes.reference,
        operators.ready.apply(lambda _: SECRET_STORE),
    )
    upon_operators = pulumi.ResourceOptions.merge(
        everywhere, pulumi.ResourceOptions(depends_on=[operators])
    )
    pools = {
        pool.name: GpuPool(
            f"pool-{pool.name}",
            pool_args(environment, provider, name, pool, (site.network, site.cluster)),
            upon_operators,
        )
        for pool in environment.pools
    }
    return Foundation(
        environment=name,
        opts=everywhere,
        workloads=_upon(upon_operators, *pools.values()),
        site=site,
        placements={pool: made.placement for pool, made in pools.items()},
        pools={pool: _upon(upon_operators, made) for pool, made in pools.items()},
        kubeconfig=kubernetes.kubeconfig,
    )


def find_foundation(
    environment: Environment,
    name: str,
    pools: Sequence[CheckedPool],
    base: BaseStack,
) -> Foundation:
    """Find the foundation of the environment `name` in what `base` exports; it makes none of it."""
    provider = environment.provider
    if isinstance(provider, LocalProvider):
        return _of_existing_cluster(environment, provider, name)
    site = _found_site(environment, provider, name, base)
    kubeconfig = base.output("cluster")["kubeconfig"]
    inside = _provider(name, kubeconfig=kubeconfig)
    opts = pulumi.ResourceOptions(providers=[provider.pulumi_provider(), inside])
    placements = {each.pool.name: each.placement for each in pools if each.placement is not None}
    return Foundation(
        environment=name,
        opts=opts,
        workloads=opts,
        site=site,
        placements=placements,
        pools=dict.fromkeys(placements, opts),
        kubeconfig=kubeconfig,
    )


def _found_site(environment: Environment, provider: AnyCloud, name: str, base: BaseStack) -> Site:
    cluster, network = base.output("cluster"), base.output("network")
    subnets = network["subnetIds"]

    def of_cluster(key: str) -> pulumi.Output[str]:
        # What a provider leaves empty, the engine does not keep.
        return cluster.apply(lambda known: known.get(key))

    return Site(
        name,
        location(provider),
        # Names of ranges are for clusters alone, and the cluster is there.
        NetworkReference(
            network_id=network["networkId"],
            subnet_ids=[subnets[at] for at in range(provider.subnets)],
            cidr=network_args(environment, provider, name)["cidr"],
            pods_range="",
            services_range="",
        ),
        ClusterReference(
            name=name,
            version=of_cluster("version"),
            endpoint=of_cluster("endpoint"),
            certificate_authority=of_cluster("certificateAuthority"),
            node_role=of_cluster("nodeRole"),
            node_security_group_id=of_cluster("nodeSecurityGroupId"),
            identity_provider=of_cluster("identityProvider"),
        ),
        pulumi.Output.from_input(SECRET_STORE),
    )


def _upon(opts: pulumi.ResourceOptions, *pools: GpuPool) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[*pools]))


def _of_existing_cluster(
    environment: Environment, provider: LocalProvider, name: str
) -> Foundation:
    if provider.bundled is None:
        cluster = _provider(name, kubeconfig=provider.kubeconfig, context=provider.context)
    else:
        node = bundled_node(provider.bundled)
        cluster = _provider(name, kubeconfig=str(node.kubeconfig), context=node.node)
    opts = pulumi.ResourceOptions(provider=cluster)
    return Foundation(
        name,
        opts,
        opts,
        None,
        {},
        {},
        bundled=provider.bundled,
        operators=environment.operators.enabled or (),
    )


def _provider(
    name: str, *, kubeconfig: pulumi.Input[str] | None, context: str | None = None
) -> k8s.Provider:
    """The one cluster that everything of the environment is made in."""
    return k8s.Provider(
        "cluster",
        kubeconfig=kubeconfig,
        context=context,
        cluster_identifier=f"{pulumi.get_project()}-{name}",
        enable_server_side_apply=True,
    )


def bundled_node(name: str) -> Layout:
    """Where the bundled node of that name keeps its kubeconfig; a preview needs none.

    Raises:
        pulumi.RunError: when an update would find no node there; nothing is created by then.
    """
    from stanchion_cli.cluster.layout import Layout

    node = Layout.of(name)
    if not pulumi.runtime.is_dry_run() and not node.kubeconfig.exists():
        raise pulumi.RunError(
            f"stanchion:provider.bundled: no node {name} runs on this machine; "
            f"`stanchion up {pulumi.get_stack()}` starts it, loads its images and goes on from here"
        )
    return node
