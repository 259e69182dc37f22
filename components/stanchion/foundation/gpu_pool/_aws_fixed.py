"""A managed node group of fixed size: capacity blocks, and EFA in a placement group."""

import base64

import pulumi
import pulumi_aws as aws

from stanchion.catalog.machines import Machine
from stanchion.catalog.pools import CapacityKind
from stanchion.children import child_options
from stanchion.foundation.gpu_pool._aws_elastic import sharing_labels
from stanchion.foundation.gpu_pool.contract import (
    GPU_DEVICE,
    GPU_TAINT_VALUE,
    GpuPoolArgs,
    PoolPlan,
)

# How AL2023 reads its settings; EKS adds those of the cluster to the same message.
_RAID0 = """\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="STANCHION"

--STANCHION
Content-Type: application/node.eks.aws

apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  instance:
    localStorage:
      strategy: RAID0

--STANCHION--
"""


def build(
    parent: pulumi.ComponentResource,
    name: str,
    args: GpuPoolArgs,
    plan: PoolPlan,
    opts: pulumi.ResourceOptions | None,
) -> None:
    """Placement group, launch template and node group."""
    region, child = args["location"]["region"], child_options(parent, opts)
    block = CapacityKind.CAPACITY_BLOCK in plan.capacity
    together = None
    # Capacity blocks are close together already, and take no placement group.
    if args.get("efa") and not block:
        together = aws.ec2.PlacementGroup(
            f"{name}-together",
            name=f"{args['environment']}-{plan.name}",
            region=region,
            strategy="cluster",
            tags=plan.tags,
            opts=child,
        )
    template = aws.ec2.LaunchTemplate(
        f"{name}-template",
        name=f"{args['environment']}-{plan.name}",
        region=region,
        instance_type=_chosen(args, plan).name,
        update_default_version=True,
        instance_market_options=(
            aws.ec2.LaunchTemplateInstanceMarketOptionsArgs(market_type="capacity-block")
            if block
            else None
        ),
        capacity_reservation_specification=_reservation(args),
        placement=(
            aws.ec2.LaunchTemplatePlacementArgs(group_name=together.name) if together else None
        ),
        block_device_mappings=[_root_disk(args)],
        metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        network_interfaces=_adapters(args, plan) or None,
        vpc_security_group_ids=(
            None if args.get("efa") else [args["cluster"]["node_security_group_id"]]
        ),
        user_data=(base64.b64encode(_RAID0.encode()).decode() if args.get("nvme_cache") else None),
        tag_specifications=[
            aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=made, tags=plan.tags)
            for made in ("instance", "volume", "network-interface")
        ],
        tags=plan.tags,
        opts=child,
    )
    subnets = dict(zip(args["location"]["zones"], args["network"]["subnet_ids"], strict=True))
    aws.eks.NodeGroup(
        f"{name}-nodes",
        node_group_name=plan.name,
        region=region,
        cluster_name=args["cluster"]["name"],
        version=args["cluster"]["version"],
        node_role_arn=args["cluster"]["node_role"],
        subnet_ids=[subnets[zone] for zone in plan.zones],
        ami_type="AL2023_x86_64_NVIDIA" if plan.gpus else "AL2023_x86_64_STANDARD",
        capacity_type="CAPACITY_BLOCK" if block else "ON_DEMAND",
        launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
            id=template.id, version=template.latest_version.apply(str)
        ),
        scaling_config=aws.eks.NodeGroupScalingConfigArgs(
            desired_size=plan.max_nodes, min_size=plan.min_nodes, max_size=plan.max_nodes
        ),
        update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
        node_repair_config=aws.eks.NodeGroupNodeRepairConfigArgs(enabled=True),
        labels={**plan.labels, **sharing_labels(args)},
        taints=(
            [
                aws.eks.NodeGroupTaintArgs(
                    key=GPU_DEVICE, value=GPU_TAINT_VALUE, effect="NO_SCHEDULE"
                )
            ]
            if plan.gpus
            else None
        ),
        tags=plan.tags,
        opts=child_options(parent, opts, keep=args.get("keep", False)),
    )


def _chosen(args: GpuPoolArgs, plan: PoolPlan) -> Machine:
    """The one machine type of a launch template: the smallest that has what is asked for."""
    return next(each for each in plan.machines if each.efa or not args.get("efa"))


def _reservation(
    args: GpuPoolArgs,
) -> aws.ec2.LaunchTemplateCapacityReservationSpecificationArgs | None:
    if "reservation" not in args:
        return None
    return aws.ec2.LaunchTemplateCapacityReservationSpecificationArgs(
        capacity_reservation_target=(
            aws.ec2.LaunchTemplateCapacityReservationSpecificationCapacityReservationTargetArgs(
                capacity_reservation_id=args["reservation"]
            )
        )
    )


def _root_disk(args: GpuPoolArgs) -> aws.ec2.LaunchTemplateBlockDeviceMappingArgs:
    return aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
        device_name="/dev/xvda",
        ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
            volume_size=args.get("disk_gb", 200),
            volume_type="gp3",
            encrypted="true",
            delete_on_termination="true",
        ),
    )


def _adapters(
    args: GpuPoolArgs, plan: PoolPlan
) -> list[aws.ec2.LaunchTemplateNetworkInterfaceArgs]:
    """One adapter on each network card; beyond the first they carry no IP address."""
    if not args.get("efa"):
        return []
    return [
        aws.ec2.LaunchTemplateNetworkInterfaceArgs(
            network_card_index=card,
            device_index=1 if card else 0,
            interface_type="efa-only" if card else "efa",
            security_groups=[args["cluster"]["node_security_group_id"]],
            associate_public_ip_address="false" if card == 0 else None,
            delete_on_termination="true",
        )
        for card in range(_chosen(args, plan).efa)
    ]
