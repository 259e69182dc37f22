"""The system nodes of an EKS cluster, and the walls around nodes."""

import re
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from stanchion.children import child_options
from stanchion.foundation.cluster.contract import WEBHOOK_PORTS, ClusterArgs

GRAVITON = re.compile(r"(a1|[a-z]+\d+g[a-z]*)\.")
"""Instance types with ARM processors: a `g` after the generation's number."""
_DISK_GB = 50
_ROOT_DEVICE = "/dev/xvda"  # of Amazon Linux 2023


class Walls:
    """The security groups of control plane and nodes, and what may pass between them.

    Nodes reach each other and the API; the control plane reaches the ports of webhooks and of
    the kubelet; nothing else comes in. Out, nodes may go anywhere: routes of the network and
    network policies decide that. EKS' own security group of the cluster stays with the control
    plane, to which it gives its way out, and is on no node.
    """

    def __init__(
        self,
        name: str,
        args: ClusterArgs,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        environment = args["environment"]

        def group(part: str, description: str, **more: str) -> aws.ec2.SecurityGroup:
            full_name = f"{environment}-{part}"
            return aws.ec2.SecurityGroup(
                f"{name}-{part}",
                name=full_name,
                description=description,
                vpc_id=args["network"]["network_id"],
                tags={**tags, "Name": full_name, **more},
                opts=opts,
            )

        def admit(
            part: str,
            description: str,
            *,
            into: aws.ec2.SecurityGroup,
            source: aws.ec2.SecurityGroup,
            port: int | None = None,
        ) -> aws.vpc.SecurityGroupIngressRule:
            return aws.vpc.SecurityGroupIngressRule(
                f"{name}-{part}",
                security_group_id=into.id,
                referenced_security_group_id=source.id,
                description=description,
                ip_protocol="-1" if port is None else "tcp",
                from_port=port,
                to_port=port,
                tags=tags,
                opts=opts,
            )

        self.control_plane = group("control-plane", "Control plane of the cluster")
        owned = {f"kubernetes.io/cluster/{environment}": "owned"}
        self.nodes = group("nodes", "Nodes of the cluster", **owned)
        self.rules: list[pulumi.Resource] = [
            admit(
                f"control-plane-to-nodes-{port}",
                "Control plane to webhooks, aggregated APIs and the kubelet",
                into=self.nodes,
                source=self.control_plane,
                port=port,
            )
            for port in WEBHOOK_PORTS
        ]
        self.rules += [
            admit(
                "nodes-to-nodes",
                "Nodes and pods among themselves",
                into=self.nodes,
                source=self.nodes,
            ),
            admit(
                "nodes-to-control-plane",
                "Nodes to the Kubernetes API",
                into=self.control_plane,
                source=self.nodes,
                port=443,
            ),
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-nodes-out",
                security_group_id=self.nodes.id,
                description="Out as the routes of the network allow",
                cidr_ipv4="0.0.0.0/0",
                ip_protocol="-1",
                tags=tags,
                opts=opts,
            ),
        ]


def system_nodes(
    parent: pulumi.ComponentResource,
    name: str,
    args: ClusterArgs,
    opts: pulumi.ResourceOptions | None,
    *,
    cluster: aws.eks.Cluster,
    role: aws.iam.Role,
    group: aws.ec2.SecurityGroup,
    tags: Mapping[str, str],
    after: list[pulumi.Resource],
) -> aws.eks.NodeGroup:
    """A managed node group that takes critical add-ons alone.

    Its desired size belongs to whatever scales it once it is there.
    """
    nodes, full_name = args["system_nodes"], f"{args['environment']}-system"
    named = {**tags, "Name": full_name}
    template = aws.ec2.LaunchTemplate(
        f"{name}-system-template",
        name=full_name,
        update_default_version=True,
        vpc_security_group_ids=[group.id],
        metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled",
            http_tokens="required",
            # One hop ends at the node: a pod cannot take the node's role.
            http_put_response_hop_limit=1,
        ),
        block_device_mappings=[
            aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                device_name=_ROOT_DEVICE,
                ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                    volume_size=_DISK_GB,
                    volume_type="gp3",
                    encrypted="true",
                    delete_on_termination="true",
                ),
            )
        ],
        tag_specifications=[
            aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=each, tags=named)
            for each in ("instance", "volume", "network-interface")
        ],
        tags=tags,
        opts=child_options(parent, opts),
    )
    arm = GRAVITON.match(nodes["machine"])
    return aws.eks.NodeGroup(
        f"{name}-system",
        cluster_name=cluster.name,
        node_group_name="system",
        node_role_arn=role.arn,
        subnet_ids=args["network"]["subnet_ids"],
        version=args["version"],
        ami_type="AL2023_ARM_64_STANDARD" if arm else "AL2023_x86_64_STANDARD",
        capacity_type="ON_DEMAND",
        instance_types=[nodes["machine"]],
        launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
            id=template.id, version=template.latest_version.apply(str)
        ),
        scaling_config=aws.eks.NodeGroupScalingConfigArgs(
            min_size=nodes["minimum"], desired_size=nodes["minimum"], max_size=nodes["maximum"]
        ),
        update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
        node_repair_config=aws.eks.NodeGroupNodeRepairConfigArgs(enabled=True),
        taints=[
            aws.eks.NodeGroupTaintArgs(key="CriticalAddonsOnly", value="true", effect="NO_SCHEDULE")
        ],
        tags=tags,
        opts=pulumi.ResourceOptions.merge(
            child_options(parent, opts, depends_on=after),
            pulumi.ResourceOptions(ignore_changes=["scalingConfig.desiredSize"]),
        ),
    )
