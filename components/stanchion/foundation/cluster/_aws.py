"""Kubernetes as EKS."""

import json
import re
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.foundation.cluster import _aws_addons as addons
from stanchion.foundation.cluster._aws_nodes import Walls, system_nodes
from stanchion.foundation.cluster.contract import (
    DEFAULT_LOG_DAYS,
    ApiMode,
    ClusterArgs,
    ClusterBackend,
    ClusterParts,
)
from stanchion.foundation.cluster.kubeconfig import kubeconfig
from stanchion.foundation.location import ClusterReference, aws_partition
from stanchion.foundation.pod_identity import cluster_arn, pod_trust
from stanchion.foundation.tags import cloud_tags

LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
# fmt: off
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
            2922, 3288, 3653)
# fmt: on
"""What CloudWatch offers."""
CLUSTER_POLICIES = ("AmazonEKSClusterPolicy",)
NODE_POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryPullOnly",
)
EBS_CSI_POLICIES = ("service-role/AmazonEBSCSIDriverPolicy",)
_ADMINISTRATOR = "AmazonEKSClusterAdminPolicy"
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_MACHINE = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")


class AwsCluster:
    """An EKS control plane with a managed node group for its own workloads."""

    def check(self, check: Checks, args: ClusterArgs) -> None:
        """What EKS has no place for."""
        for at, role in enumerate(args["administrators"]):
            if not _ROLE.fullmatch(role):
                check.refuse(
                    f"administrators[{at}]",
                    f"'{role}' is no ARN of an IAM role",
                    "write arn:aws:iam::ACCOUNT:role/NAME",
                )
        if args["version"] not in addons.MINOR_VERSIONS:
            check.refuse(
                "version",
                f"'{args['version']}' is no version of EKS in standard support",
                f"write one of {', '.join(addons.MINOR_VERSIONS)}",
            )
        if args.get("log_days", DEFAULT_LOG_DAYS) not in LOG_DAYS:
            check.refuse(
                "log_days",
                f"CloudWatch cannot keep logs for {args.get('log_days')} days",
                f"write one of {', '.join(map(str, LOG_DAYS))}",
            )
        if not _MACHINE.fullmatch(args["system_nodes"]["machine"]):
            check.refuse(
                "system_nodes.machine",
                f"'{args['system_nodes']['machine']}' is no EC2 instance type",
                "write one as m7i.large",
            )
        if len(args["network"]["subnet_ids"]) < 2:
            check.refuse("network.subnet_ids", "are fewer than 2, which EKS needs", "add zones")

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: ClusterArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> ClusterParts:
        """Roles, key, log group, control plane, rights, walls, add-ons and nodes."""
        environment, location = args["environment"], args["location"]
        tags = cloud_tags(
            owner=args["owner"], cost_center=args["cost_center"], environment=environment
        )
        child, partition = child_options(parent, opts), aws_partition(location["region"])
        role, role_policies = _role(
            f"{name}-role",
            f"{environment}-cluster",
            _service_trust("eks.amazonaws.com"),
            CLUSTER_POLICIES,
            partition=partition,
            tags=tags,
            opts=child,
        )
        walls = Walls(name, args, tags, child)
        cluster = _control_plane(
            parent,
            name,
            args,
            opts,
            role=role,
            walls=walls,
            role_policies=role_policies,
            tags=tags,
        )
        _administrators(name, args, cluster, tags, child)
        provider = aws.iam.OpenIdConnectProvider(
            f"{name}-oidc",
            url=cluster.identities[0].oidcs[0].issuer,
            client_id_lists=["sts.amazonaws.com"],
            tags=tags,
            opts=child,
        )

        node_role, node_policies = _role(
            f"{name}-node-role",
            f"{environment}-nodes",
            _service_trust("ec2.amazonaws.com"),
            NODE_POLICIES,
            partition=partition,
            tags=tags,
            opts=child,
        )
        essential = addons.before_nodes(name, cluster, args["version"], tags=tags, opts=child)
        nodes = system_nodes(
            parent,
            name,
            args,
            opts,
            cluster=cluster,
            role=node_role,
            group=walls.nodes,
            tags=tags,
            after=[*node_policies, *walls.rules, *essential],
        )
        namespace, account = addons.EBS_CSI_ACCOUNT
        ebs_role, ebs_policies = _role(
            f"{name}-ebs-csi-role",
            f"{environment}-ebs-csi",
            pod_trust(
                account=location["account"],
                cluster=cluster_arn(location["region"], location["account"], environment),
                namespace=namespace,
                service_account=account,
            ),
            EBS_CSI_POLICIES,
            partition=partition,
            tags=tags,
            opts=child,
        )
        upon = child_options(parent, opts, depends_on=[nodes, *ebs_policies])
        addons.upon_nodes(name, cluster, args["version"], ebs_role, tags=tags, opts=upon)

        authority = cluster.certificate_authority.data
        return ClusterParts(
            reference=ClusterReference(
                name=environment,
                version=args["version"],
                endpoint=cluster.endpoint,
                certificate_authority=authority,
                node_role=node_role.arn,
                node_security_group_id=walls.nodes.id,
                identity_provider=provider.arn,
            ),
            kubeconfig=kubeconfig(
                environment,
                cluster.endpoint,
                authority,
                (
                    *("aws", "eks", "get-token", "--output", "json"),
                    *("--cluster-name", environment, "--region", location["region"]),
                ),
            ),
            name=nodes.cluster_name,
        )


def _control_plane(
    parent: pulumi.ComponentResource,
    name: str,
    args: ClusterArgs,
    opts: pulumi.ResourceOptions | None,
    *,
    role: aws.iam.Role,
    walls: Walls,
    role_policies: Sequence[pulumi.Resource],
    tags: Mapping[str, str],
) -> aws.eks.Cluster:
    environment, keep = args["environment"], args.get("keep", False)
    kept = child_options(parent, opts, keep=keep)
    key = aws.kms.Key(
        f"{name}-key",
        description=f"Secrets of the cluster {environment}",
        enable_key_rotation=True,
        deletion_window_in_days=30,
        tags=tags,
        opts=kept,
    )
    aws.kms.Alias(
        f"{name}-key-alias",
        name=f"alias/{environment}-cluster",
        target_key_id=key.key_id,
        opts=child_options(parent, opts),
    )
    # Made first: EKS would make it itself, without an end to what it keeps.
    logs = aws.cloudwatch.LogGroup(
        f"{name}-logs",
        name=f"/aws/eks/{environment}/cluster",
        retention_in_days=args.get("log_days", DEFAULT_LOG_DAYS),
        tags=tags,
        opts=kept,
    )
    mode = args["api"]["mode"]
    allowed = {
        ApiMode.PRIVATE: None,
        ApiMode.RESTRICTED: args["api"].get("allowed_cidrs"),
        ApiMode.PUBLIC: ["0.0.0.0/0"],
    }[mode]
    return aws.eks.Cluster(
        f"{name}-cluster",
        name=environment,
        role_arn=role.arn,
        version=args["version"],
        access_config=aws.eks.ClusterAccessConfigArgs(
            authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
        ),
        bootstrap_self_managed_addons=False,
        deletion_protection=keep,
        enabled_cluster_log_types=LOGS,
        encryption_config=aws.eks.ClusterEncryptionConfigArgs(
            provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=key.arn),
            resources=["secrets"],
        ),
        upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
        vpc_config=aws.eks.ClusterVpcConfigArgs(
            subnet_ids=args["network"]["subnet_ids"],
            security_group_ids=[walls.control_plane.id],
            endpoint_private_access=True,
            endpoint_public_access=mode is not ApiMode.PRIVATE,
            public_access_cidrs=allowed,
        ),
        tags=tags,
        opts=child_options(parent, opts, depends_on=[logs, *role_policies], keep=keep),
    )


def _administrators(
    name: str,
    args: ClusterArgs,
    cluster: aws.eks.Cluster,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> None:
    partition = aws_partition(args["location"]["region"])
    for principal in args["administrators"]:
        who = principal.partition(":iam::")[2].replace(":role/", "-").replace("/", "-")
        entry = aws.eks.AccessEntry(
            f"{name}-administrator-{who}",
            cluster_name=cluster.name,
            principal_arn=principal,
            type="STANDARD",
            tags=tags,
            opts=opts,
        )
        aws.eks.AccessPolicyAssociation(
            f"{name}-administrator-{who}-rights",
            cluster_name=cluster.name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:{partition}:eks::aws:cluster-access-policy/{_ADMINISTRATOR}",
            access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=opts,
        )


def _service_trust(service: str) -> str:
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [allowed]})


def _role(
    name: str,
    role_name: str,
    trust: str,
    policies: Sequence[str],
    *,
    partition: str,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
    """A role with managed policies of AWS, and what makes them its own."""
    role = aws.iam.Role(name, name=role_name, assume_role_policy=trust, tags=tags, opts=opts)
    attached: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy.rpartition('/')[2]}",
            role=role.name,
            policy_arn=f"arn:{partition}:iam::aws:policy/{policy}",
            opts=opts,
        )
        for policy in policies
    ]
    return role, attached


BACKEND: ClusterBackend = AwsCluster()
