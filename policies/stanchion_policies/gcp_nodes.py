"""Nodes of GKE clusters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stanchion_policies.gcp_cluster import CLUSTER, is_autopilot
from stanchion_policies.reading import entries, filled, get, known, present, text
from stanchion_policies.rules import Settings, Severity, cis_gke, resource_policy
from stanchion_policies.stack import CloudResource

NODE_POOL = "gcp:container/nodePool:NodePool"
DEFAULT_ACCOUNT = "-compute@developer.gserviceaccount.com"


@resource_policy(
    "gcp-gke-private-nodes",
    kinds=(CLUSTER, NODE_POOL),
    severity=Severity.HIGH,
    fix="Set privateClusterConfig.enablePrivateNodes: true, and use Cloud NAT to go out.",
    framework=cis_gke("5.6.5"),
)
def private_nodes(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Nodes have no public address; those of a pool that does not say are as their cluster's."""
    if item.type == CLUSTER:
        if get(item.props, "privateClusterConfig", "enablePrivateNodes") is not True:
            yield "privateClusterConfig.enablePrivateNodes is not true"
    elif get(item.props, "networkConfig", "enablePrivateNodes") is False:
        yield "networkConfig.enablePrivateNodes is false"


@resource_policy(
    "gcp-gke-workload-identity",
    kinds=(CLUSTER, NODE_POOL),
    severity=Severity.HIGH,
    fix="Set workloadIdentityConfig.workloadPool on the cluster and "
    "nodeConfig.workloadMetadataConfig.mode: GKE_METADATA on each pool.",
    framework=cis_gke("5.2.2, 5.4.1"),
)
def workload_identity(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Pods have identities of their own, not the node's."""
    if item.type == NODE_POOL:
        mode = text(item.props, "nodeConfig", "workloadMetadataConfig", "mode")
        if mode != "GKE_METADATA":
            yield (
                "nodeConfig.workloadMetadataConfig.mode is not GKE_METADATA, so pods get the "
                "node's credentials"
            )
    elif not is_autopilot(item) and not filled(
        item.props, "workloadIdentityConfig", "workloadPool"
    ):
        yield "workloadIdentityConfig.workloadPool is missing"


@resource_policy(
    "gcp-gke-node-account",
    kinds=(CLUSTER, NODE_POOL),
    severity=Severity.HIGH,
    fix="Make a service account with roles/container.defaultNodeServiceAccount and name it in "
    "nodeConfig.serviceAccount.",
    framework=cis_gke("5.2.1"),
)
def node_account(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Nodes run as an account of their own, not as the project's default one."""
    for place, config in _node_configs(item):
        if not filled(config, "serviceAccount"):
            yield f"{place}.serviceAccount is missing, so nodes run as the default account"
            continue
        # An account that is not known yet is one that the deployment makes.
        account = str(known(config, "serviceAccount"))
        if account == "default" or account.endswith(DEFAULT_ACCOUNT):
            yield f"{place}.serviceAccount is the project's default account"


def _node_configs(item: CloudResource) -> Iterator[tuple[str, Any]]:
    """Where a resource says what its nodes are; an empty one where it ought to and does not."""
    if item.type == NODE_POOL:
        yield "nodeConfig", entries(item.props, "nodeConfig")
        return
    if is_autopilot(item):
        return
    if present(item.props, "nodeConfig") or get(item.props, "removeDefaultNodePool") is not True:
        yield "nodeConfig", entries(item.props, "nodeConfig")
    if get(item.props, "clusterAutoscaling", "enabled") is True:
        yield (
            "clusterAutoscaling.autoProvisioningDefaults",
            entries(item.props, "clusterAutoscaling", "autoProvisioningDefaults"),
        )


@resource_policy(
    "gcp-gke-shielded-nodes",
    kinds=(CLUSTER, NODE_POOL),
    severity=Severity.MEDIUM,
    fix="Leave enableShieldedNodes on, and set nodeConfig.shieldedInstanceConfig.enableSecureBoot "
    "and enableIntegrityMonitoring to true.",
    framework=cis_gke("5.5.5, 5.5.6, 5.5.7"),
)
def shielded_nodes(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Nodes boot what is signed, and prove that they did."""
    if item.type == CLUSTER:
        if get(item.props, "enableShieldedNodes") is False:
            yield "enableShieldedNodes is false"
        return
    shield = entries(item.props, "nodeConfig", "shieldedInstanceConfig")
    for setting in ("enableSecureBoot", "enableIntegrityMonitoring"):
        # Google turns integrity monitoring on by itself, secure boot it does not.
        if get(shield, setting, default=setting == "enableIntegrityMonitoring") is not True:
            yield f"nodeConfig.shieldedInstanceConfig.{setting} is not true"


@resource_policy(
    "gcp-gke-node-maintenance",
    kinds=(NODE_POOL,),
    severity=Severity.MEDIUM,
    fix="Set management.autoRepair and management.autoUpgrade to true.",
    framework=cis_gke("5.5.2, 5.5.3"),
)
def node_maintenance(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Nodes are repaired and upgraded by themselves; queued ones live too short to be repaired."""
    queued = get(item.props, "queuedProvisioning", "enabled") is True
    for setting in ("autoUpgrade",) if queued else ("autoRepair", "autoUpgrade"):
        if get(item.props, "management", setting) is not True:
            yield f"management.{setting} is not true"


@resource_policy(
    "gcp-gke-node-image",
    kinds=(NODE_POOL,),
    severity=Severity.LOW,
    fix="Set nodeConfig.imageType: COS_CONTAINERD.",
    framework=cis_gke("5.5.1"),
)
def node_image(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Nodes run the Container-Optimized OS."""
    image = text(item.props, "nodeConfig", "imageType", default="COS_CONTAINERD")
    if image.upper() != "COS_CONTAINERD":
        yield f"nodeConfig.imageType is {image}"
