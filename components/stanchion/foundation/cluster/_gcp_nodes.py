"""The system nodes of a GKE cluster, and the account of all its nodes."""

import pulumi
import pulumi_gcp as gcp

from stanchion.foundation.cluster.contract import ClusterArgs
from stanchion.foundation.tags import cloud_tags

NODE_ROLES = ("roles/container.defaultNodeServiceAccount",)
"""To write logs and metrics, and nothing else."""
_DISK_GB = 50


def node_account(
    name: str, environment: str, project: str, opts: pulumi.ResourceOptions
) -> tuple[gcp.serviceaccount.Account, list[pulumi.Resource]]:
    """A service account with what nodes need, in place of the project's default account."""
    account = gcp.serviceaccount.Account(
        f"{name}-nodes",
        account_id=f"{environment}-nodes",
        display_name=f"Nodes of the cluster {environment}",
        project=project,
        opts=opts,
    )
    roles: list[pulumi.Resource] = [
        gcp.projects.IAMMember(
            f"{name}-nodes-{role.rpartition('.')[2]}",
            project=project,
            role=role,
            member=pulumi.Output.concat("serviceAccount:", account.email),
            opts=opts,
        )
        for role in NODE_ROLES
    ]
    return account, roles


def system_nodes(
    name: str,
    args: ClusterArgs,
    cluster: gcp.container.Cluster,
    account: gcp.serviceaccount.Account,
    opts: pulumi.ResourceOptions,
) -> gcp.container.NodePool:
    """A node pool that takes critical add-ons alone; its size belongs to GKE's autoscaler."""
    container, nodes, location = gcp.container, args["system_nodes"], args["location"]
    return container.NodePool(
        f"{name}-system",
        name="system",
        project=location["account"],
        location=location["region"],
        cluster=cluster.name,
        initial_node_count=1,
        autoscaling=container.NodePoolAutoscalingArgs(
            total_min_node_count=nodes["minimum"],
            total_max_node_count=nodes["maximum"],
            location_policy="BALANCED",
        ),
        management=container.NodePoolManagementArgs(auto_repair=True, auto_upgrade=True),
        upgrade_settings=container.NodePoolUpgradeSettingsArgs(
            strategy="SURGE", max_surge=1, max_unavailable=0
        ),
        node_config=container.NodePoolNodeConfigArgs(
            machine_type=nodes["machine"],
            image_type="COS_CONTAINERD",
            disk_type="pd-balanced",
            disk_size_gb=_DISK_GB,
            service_account=account.email,
            # What the account may do is decided by its roles alone.
            oauth_scopes=["https://www.googleapis.com/auth/cloud-platform"],
            metadata={"disable-legacy-endpoints": "true"},
            workload_metadata_config=container.NodePoolNodeConfigWorkloadMetadataConfigArgs(
                mode="GKE_METADATA"
            ),
            shielded_instance_config=container.NodePoolNodeConfigShieldedInstanceConfigArgs(
                enable_secure_boot=True, enable_integrity_monitoring=True
            ),
            taints=[
                # The one taint that all of GKE's own Deployments tolerate.
                container.NodePoolNodeConfigTaintArgs(
                    key="components.gke.io/gke-managed-components",
                    value="true",
                    effect="NO_SCHEDULE",
                )
            ],
            resource_labels=cloud_tags(
                owner=args["owner"],
                cost_center=args["cost_center"],
                environment=args["environment"],
            ),
        ),
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(ignore_changes=["initialNodeCount"])
        ),
    )
