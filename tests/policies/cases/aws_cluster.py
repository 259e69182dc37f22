"""Cases of the policies about EKS."""

from __future__ import annotations

import json
from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.cloud_resources import altered, cloud
from policies.manifests import DROP, UNKNOWN, Manifest, manifest
from stanchion_cli.policies import AnalyzedResource

CLUSTER: dict[str, Any] = {
    "name": "ml",
    "version": "1.99",
    "roleArn": "arn:aws:iam::111122223333:role/cluster",
    "enabledClusterLogTypes": ["api", "audit", "authenticator"],
    "deletionProtection": True,
    "accessConfig": {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    },
    "encryptionConfig": {"provider": {"keyArn": "arn:aws:kms:k"}, "resources": ["secrets"]},
    "vpcConfig": {
        "subnetIds": ["subnet-1"],
        "endpointPrivateAccess": True,
        "endpointPublicAccess": False,
    },
}
RANGES = ["203.0.113.0/24"]


def cluster(**change: Any) -> AnalyzedResource:
    """A cluster with changes."""
    return cloud("aws:eks/cluster:Cluster", "ml", **altered(CLUSTER, change))


def reached(**change: Any) -> AnalyzedResource:
    """A cluster with a public endpoint and changes to its `vpcConfig`."""
    return cluster(vpcConfig={"endpointPublicAccess": True, **change})


def nodes(**props: Any) -> AnalyzedResource:
    """A node group."""
    base = {"nodeRoleArn": "arn:aws:iam::1:role/n", "subnetIds": ["subnet-1"]}
    scaling = {"minSize": 1, "maxSize": 3, "desiredSize": 1}
    return cloud(
        "aws:eks/nodeGroup:NodeGroup",
        **{**base, "clusterName": "ml", "scalingConfig": scaling, **props},
    )


def plugin(written: Any, name: str = "vpc-cni", **more: Any) -> AnalyzedResource:
    """An add-on of the cluster with a configuration."""
    cluster_name = {"clusterName": "ml", **more}
    return cloud("aws:eks/addon:Addon", addonName=name, configurationValues=written, **cluster_name)


def controller(on: str) -> Manifest:
    """What turns the network policies of Auto Mode on."""
    return manifest(
        "ConfigMap",
        "amazon-vpc-cni",
        metadata={"namespace": "kube-system"},
        data={"enable-network-policy-controller": on},
    )


AUTO = cluster(computeConfig={"enabled": True})
ENFORCED = json.dumps({"enableNetworkPolicy": "true"})

REACH = [
    passes("aws-eks-endpoint", "private", cluster()),
    passes("aws-eks-endpoint", "ranges", reached(publicAccessCidrs=RANGES)),
    passes(
        "aws-eks-endpoint", "another provider's cluster", cloud("gcp:container/cluster:Cluster")
    ),
    undecided("aws-eks-endpoint", "ranges not known", reached(publicAccessCidrs=[UNKNOWN])),
    fails("aws-eks-endpoint", "no ranges", reached()),
    fails("aws-eks-endpoint", "not said, and public by default", cluster(vpcConfig=DROP)),
    fails("aws-eks-endpoint", "everybody", reached(publicAccessCidrs=["0.0.0.0/0"])),
    fails("aws-eks-endpoint", "halves", reached(publicAccessCidrs=["0.0.0.0/1", "128.0.0.0/1"])),
    fails(
        "aws-eks-endpoint",
        "ranges, where none are to be",
        reached(publicAccessCidrs=RANGES),
        public=False,
    ),
    passes("aws-eks-network-policy", "on", cluster(), plugin(ENFORCED)),
    passes(
        "aws-eks-network-policy",
        "on, of a cluster whose name is not known yet",
        cluster(name=DROP),
        cloud(
            "aws:eks/addon:Addon",
            derived={"clusterName": cluster(name=DROP)},
            addonName="vpc-cni",
            configurationValues=ENFORCED,
        ),
    ),
    passes("aws-eks-network-policy", "Auto Mode", AUTO, controller("true")),
    fails("aws-eks-network-policy", "Auto Mode, nothing said", AUTO),
    fails("aws-eks-network-policy", "Auto Mode, off", AUTO, controller("false")),
    undecided("aws-eks-network-policy", "not known", cluster(), plugin(UNKNOWN)),
    fails("aws-eks-network-policy", "no plugin", cluster(), plugin("{}", "coredns")),
    fails("aws-eks-network-policy", "off by default", cluster(), plugin("{}")),
    fails(
        "aws-eks-network-policy", "another cluster's", cluster(), plugin(ENFORCED, clusterName="b")
    ),
    fails("aws-eks-network-policy", "no JSON", cluster(), plugin("enableNetworkPolicy: true")),
    passes("aws-eks-nodes-no-ssh", "none", nodes()),
    passes("aws-eks-nodes-no-ssh", "no key", nodes(remoteAccess={})),
    passes(
        "aws-eks-nodes-no-ssh",
        "from a security group",
        nodes(remoteAccess={"ec2SshKey": "admin", "sourceSecurityGroupIds": ["sg-1"]}),
    ),
    fails("aws-eks-nodes-no-ssh", "from everywhere", nodes(remoteAccess={"ec2SshKey": "admin"})),
    fails("aws-eks-nodes-no-ssh", "key not known", nodes(remoteAccess={"ec2SshKey": UNKNOWN})),
    fails(
        "aws-eks-nodes-no-ssh",
        "no group in the list",
        nodes(remoteAccess={"ec2SshKey": "admin", "sourceSecurityGroupIds": []}),
    ),
]

CONTROL_PLANE = [
    passes("aws-eks-secrets-encrypted", "key", cluster()),
    passes(
        "aws-eks-secrets-encrypted",
        "key not known yet",
        cluster(encryptionConfig={"provider": {"keyArn": UNKNOWN}}),
    ),
    passes("aws-eks-secrets-encrypted", "a node group", nodes()),
    fails("aws-eks-secrets-encrypted", "nothing", cluster(encryptionConfig=DROP)),
    fails("aws-eks-secrets-encrypted", "no secrets", cluster(encryptionConfig={"resources": []})),
    fails("aws-eks-secrets-encrypted", "no key", cluster(encryptionConfig={"provider": DROP})),
    passes("aws-eks-control-plane-logs", "three", cluster()),
    passes("aws-eks-control-plane-logs", "by setting", cluster(), logs=["audit"]),
    passes(
        "aws-eks-control-plane-logs",
        "all",
        cluster(
            enabledClusterLogTypes=[
                "scheduler",
                "controllerManager",
                *CLUSTER["enabledClusterLogTypes"],
            ]
        ),
    ),
    fails("aws-eks-control-plane-logs", "none", cluster(enabledClusterLogTypes=DROP)),
    fails("aws-eks-control-plane-logs", "no audit", cluster(enabledClusterLogTypes=["api"])),
    fails("aws-eks-control-plane-logs", "more by setting", cluster(), logs=["scheduler"]),
    passes("aws-eks-version", "newer than the table", cluster()),
    passes("aws-eks-version", "nodes of the same", nodes(version="1.99")),
    passes("aws-eks-version", "nodes of their cluster's", nodes()),
    undecided("aws-eks-version", "not known", cluster(version=UNKNOWN)),
    fails("aws-eks-version", "long gone", cluster(version="1.24")),
    fails("aws-eks-version", "support over", cluster(version="1.31")),
    fails("aws-eks-version", "none", cluster(version=DROP)),
    fails("aws-eks-version", "nodes behind", nodes(version="1.29")),
    fails("aws-eks-version", "no version", cluster(version="latest")),
    passes("aws-eks-access-entries", "entries", cluster()),
    passes(
        "aws-eks-access-entries",
        "on the way to them",
        cluster(accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"}),
    ),
    passes("aws-eks-access-entries", "an add-on", plugin("{}")),
    fails("aws-eks-access-entries", "nothing said", cluster(accessConfig=DROP)),
    fails(
        "aws-eks-access-entries",
        "config map",
        cluster(accessConfig={"authenticationMode": "CONFIG_MAP"}),
    ),
    fails(
        "aws-eks-access-entries",
        "the maker stays",
        cluster(accessConfig={"bootstrapClusterCreatorAdminPermissions": DROP}),
    ),
    passes("aws-eks-deletion-protection", "on", cluster()),
    passes("aws-eks-deletion-protection", "a node group", nodes()),
    passes("aws-eks-deletion-protection", "an add-on", plugin("{}")),
    undecided("aws-eks-deletion-protection", "not known", cluster(deletionProtection=UNKNOWN)),
    fails("aws-eks-deletion-protection", "off", cluster(deletionProtection=False)),
    fails("aws-eks-deletion-protection", "not said", cluster(deletionProtection=DROP)),
    fails("aws-eks-deletion-protection", "null", cluster(deletionProtection=None)),
]

CASES: list[Case] = [*REACH, *CONTROL_PLANE]
