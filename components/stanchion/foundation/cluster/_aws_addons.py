"""The managed add-ons of an EKS cluster, pinned."""

import json
from collections.abc import Mapping
from typing import NamedTuple

import pulumi
import pulumi_aws as aws

VPC_CNI = "v1.22.4-eksbuild.3"
POD_IDENTITY_AGENT = "v1.3.10-eksbuild.3"
EBS_CSI_DRIVER = "v1.66.0-eksbuild.1"


class MinorVersion(NamedTuple):
    """The add-ons that go with one minor version of Kubernetes."""

    coredns: str
    kube_proxy: str


MINOR_VERSIONS = {
    "1.34": MinorVersion("v1.12.4-eksbuild.29", "v1.34.6-eksbuild.21"),
    "1.35": MinorVersion("v1.13.2-eksbuild.31", "v1.35.3-eksbuild.29"),
    "1.36": MinorVersion("v1.14.3-eksbuild.14", "v1.36.0-eksbuild.17"),
}
"""The versions that EKS had in standard support in November 2026, with its default add-ons."""
EBS_CSI_ACCOUNT = ("kube-system", "ebs-csi-controller-sa")
"""Namespace and service account of the EBS driver's controller."""


def before_nodes(
    name: str,
    cluster: aws.eks.Cluster,
    version: str,
    *,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """What a node needs to become ready: network, service addresses, identities."""
    # Without enableNetworkPolicy, EKS takes network policies and enforces none.
    enforced = json.dumps({"enableNetworkPolicy": "true"})
    return [
        _addon(name, cluster, "vpc-cni", VPC_CNI, tags=tags, opts=opts, configuration=enforced),
        _addon(
            name, cluster, "kube-proxy", MINOR_VERSIONS[version].kube_proxy, tags=tags, opts=opts
        ),
        _addon(name, cluster, "eks-pod-identity-agent", POD_IDENTITY_AGENT, tags=tags, opts=opts),
    ]


def upon_nodes(
    name: str,
    cluster: aws.eks.Cluster,
    version: str,
    ebs_role: aws.iam.Role,
    *,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> None:
    """What runs as Deployments, and is not healthy before there are nodes."""
    _addon(name, cluster, "coredns", MINOR_VERSIONS[version].coredns, tags=tags, opts=opts)
    _addon(name, cluster, "aws-ebs-csi-driver", EBS_CSI_DRIVER, tags=tags, opts=opts, role=ebs_role)


def _addon(
    name: str,
    cluster: aws.eks.Cluster,
    addon: str,
    version: str,
    *,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
    configuration: str | None = None,
    role: aws.iam.Role | None = None,
) -> aws.eks.Addon:
    associations = None
    if role is not None:
        associations = [
            aws.eks.AddonPodIdentityAssociationArgs(
                role_arn=role.arn, service_account=EBS_CSI_ACCOUNT[1]
            )
        ]
    return aws.eks.Addon(
        f"{name}-{addon}",
        cluster_name=cluster.name,
        addon_name=addon,
        addon_version=version,
        configuration_values=configuration,
        pod_identity_associations=associations,
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        tags=tags,
        opts=opts,
    )
