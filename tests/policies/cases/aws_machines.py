"""Cases of the policies about machines on AWS."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.cloud_resources import cloud
from policies.manifests import DROP, UNKNOWN, Manifest, with_changes
from stanchion_cli.policies import AnalyzedResource

METADATA = {"httpTokens": "required", "httpPutResponseHopLimit": 1}


def template(**props: Any) -> AnalyzedResource:
    """A launch template."""
    return cloud("aws:ec2/launchTemplate:LaunchTemplate", **props)


def machine(**props: Any) -> AnalyzedResource:
    """A machine."""
    return cloud("aws:ec2/instance:Instance", **props)


def node_class(**spec: Any) -> Manifest:
    """Karpenter's description of machines."""
    base: Manifest = {
        "apiVersion": "karpenter.k8s.aws/v1",
        "kind": "EC2NodeClass",
        "metadata": {"name": "general"},
        "spec": {
            "metadataOptions": METADATA,
            "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"encrypted": True}}],
        },
    }
    return with_changes(base, {"spec": spec})


def device(**ebs: Any) -> list[dict[str, Any]]:
    """The block device mappings with one volume."""
    return [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 50, **ebs}}]


def subnet(**props: Any) -> AnalyzedResource:
    return cloud("aws:ec2/subnet:Subnet", vpcId="vpc-1", **props)


METADATA_CASES = [
    passes("aws-instance-metadata", "template", template(metadataOptions=METADATA)),
    passes("aws-instance-metadata", "machine", machine(metadataOptions=METADATA)),
    passes("aws-instance-metadata", "off", machine(metadataOptions={"httpEndpoint": "disabled"})),
    passes(
        "aws-instance-metadata",
        "hops by setting",
        template(metadataOptions={**METADATA, "httpPutResponseHopLimit": 2}),
        hops=2,
    ),
    fails("aws-instance-metadata", "nothing said", template()),
    fails(
        "aws-instance-metadata",
        "far beyond a setting",
        template(metadataOptions={**METADATA, "httpPutResponseHopLimit": 64}),
        hops=2,
    ),
    fails(
        "aws-instance-metadata", "no limit", template(metadataOptions={"httpTokens": "required"})
    ),
    fails(
        "aws-instance-metadata",
        "pods reach it",
        template(metadataOptions={**METADATA, "httpPutResponseHopLimit": 2}),
    ),
    fails(
        "aws-instance-metadata",
        "no token",
        machine(metadataOptions={**METADATA, "httpTokens": "optional"}),
    ),
    passes("karpenter-instance-metadata", "said", node_class()),
    passes("karpenter-instance-metadata", "Karpenter's defaults", node_class(metadataOptions=DROP)),
    passes(
        "karpenter-instance-metadata",
        "off",
        node_class(metadataOptions={"httpEndpoint": "disabled", "httpTokens": "optional"}),
    ),
    fails(
        "karpenter-instance-metadata",
        "no token",
        node_class(metadataOptions={"httpTokens": "optional"}),
    ),
    fails(
        "karpenter-instance-metadata",
        "pods reach it",
        node_class(metadataOptions={"httpPutResponseHopLimit": 2}),
    ),
    fails(
        "karpenter-instance-metadata",
        "far beyond a setting",
        node_class(metadataOptions={"httpPutResponseHopLimit": 64}),
        hops=2,
    ),
    passes("karpenter-volumes-encrypted", "encrypted", node_class()),
    passes("karpenter-volumes-encrypted", "the default", node_class(blockDeviceMappings=DROP)),
    passes(
        "karpenter-volumes-encrypted",
        "no volume of EBS",
        node_class(blockDeviceMappings=[{"deviceName": "/dev/xvdb"}]),
    ),
    fails(
        "karpenter-volumes-encrypted",
        "not",
        node_class(blockDeviceMappings=device(encrypted=False)),
    ),
    fails("karpenter-volumes-encrypted", "not said", node_class(blockDeviceMappings=device())),
    fails(
        "karpenter-volumes-encrypted",
        "the second",
        node_class(blockDeviceMappings=[*device(encrypted=True), *device()]),
    ),
]

VOLUMES = [
    passes("aws-volumes-encrypted", "volume", cloud("aws:ebs/volume:Volume", encrypted=True)),
    passes(
        "aws-volumes-encrypted", "template", template(blockDeviceMappings=device(encrypted="true"))
    ),
    passes("aws-volumes-encrypted", "template of the image's", template()),
    passes("aws-volumes-encrypted", "machine", machine(rootBlockDevice={"encrypted": True})),
    passes(
        "aws-volumes-encrypted", "files", cloud("aws:efs/fileSystem:FileSystem", encrypted=True)
    ),
    undecided(
        "aws-volumes-encrypted", "not known", cloud("aws:ebs/volume:Volume", encrypted=UNKNOWN)
    ),
    fails("aws-volumes-encrypted", "volume", cloud("aws:ebs/volume:Volume")),
    fails(
        "aws-volumes-encrypted", "template", template(blockDeviceMappings=device(encrypted="false"))
    ),
    fails("aws-volumes-encrypted", "machine, nothing said", machine()),
    fails(
        "aws-volumes-encrypted",
        "a further volume",
        machine(rootBlockDevice={"encrypted": True}, ebsBlockDevices=[{"deviceName": "/dev/sdb"}]),
    ),
    fails("aws-volumes-encrypted", "files", cloud("aws:efs/fileSystem:FileSystem")),
]

ADDRESSES = [
    passes("aws-no-public-addresses", "subnet", subnet(mapPublicIpOnLaunch=False)),
    passes("aws-no-public-addresses", "machine", machine()),
    passes(
        "aws-no-public-addresses",
        "template",
        template(networkInterfaces=[{"associatePublicIpAddress": "false"}]),
    ),
    fails("aws-no-public-addresses", "subnet", subnet(mapPublicIpOnLaunch=True)),
    fails("aws-no-public-addresses", "machine", machine(associatePublicIpAddress=True)),
    fails(
        "aws-no-public-addresses",
        "template",
        template(networkInterfaces=[{"associatePublicIpAddress": "true"}]),
    ),
]

CASES: list[Case] = [*METADATA_CASES, *VOLUMES, *ADDRESSES]
