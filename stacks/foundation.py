"""The foundation of an environment: in a cloud its network, cluster, registry and pools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as k8s
from environment import Environment
from foundation_args import budget_args, cluster_args, network_args, operators_args, pool_args
from images import CLOUD_IMAGES
from provider import LocalProvider, location
from stanchion import (
    Budget,
    Cluster,
    ClusterReference,
    GpuPool,
    ImageRegistry,
    Location,
    Network,
    NetworkReference,
    Operators,
    Placement,
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
    bundled: str | None = None
    """Name of the node on this machine that is its cluster, if it is one."""

    def summary(self) -> Mapping[str, object]:
        """Which cluster it is, for the stack's outputs."""
        return {"bundled": self.bundled, "name": self.site and self.site.cluster["name"]}


def build_foundation(environment: Environment, name: str) -> Foundation:
    """Make the foundation of the environment `name`, or find the cluster that is its own."""
    provider = environment.provider
    if isinstance(provider, LocalProvider):
        cluster = _existing_cluster(provider)
        opts = pulumi.ResourceOptions(provider=cluster)
        return Foundation(name, opts, opts, None, {}, {}, provider.bundled)
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
    inside = _provider(kubeconfig=kubernetes.kubeconfig)
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
    )


def _upon(opts: pulumi.ResourceOptions, *pools: GpuPool) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[*pools]))


def _existing_cluster(provider: LocalProvider) -> k8s.Provider:
    if provider.bundled is None:
        return _provider(kubeconfig=provider.kubeconfig, context=provider.context)
    node = bundled_node(provider.bundled)
    return _provider(kubeconfig=str(node.kubeconfig), context=node.node)


def _provider(*, kubeconfig: pulumi.Input[str] | None, context: str | None = None) -> k8s.Provider:
    """The one cluster that everything of the environment is made in."""
    return k8s.Provider(
        "cluster",
        kubeconfig=kubeconfig,
        context=context,
        cluster_identifier=f"{pulumi.get_project()}-{pulumi.get_stack()}",
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
