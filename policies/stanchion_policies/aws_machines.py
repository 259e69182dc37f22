"""Machines on AWS: their metadata, volumes and addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stanchion_policies.kubernetes import KubernetesObject
from stanchion_policies.reading import entries, get, items, number, present, text
from stanchion_policies.rules import (
    Settings,
    Severity,
    cis_aws,
    integer,
    object_policy,
    resource_policy,
)
from stanchion_policies.stack import CloudResource

LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
MACHINE = "aws:ec2/instance:Instance"
SUBNET = "aws:ec2/subnet:Subnet"
VOLUME = "aws:ebs/volume:Volume"
FILE_SYSTEM = "aws:efs/fileSystem:FileSystem"

HOPS = {"hops": integer("The most hops that a metadata answer may go.", 1, minimum=1)}
METADATA_FIX = (
    "Set httpTokens: required and httpPutResponseHopLimit: 1, so that pods, one hop further away, "
    "do not get the node's credentials."
)


@resource_policy(
    "aws-instance-metadata",
    kinds=(LAUNCH_TEMPLATE, MACHINE),
    severity=Severity.HIGH,
    fix=METADATA_FIX,
    framework=cis_aws("5.7"),
    settings=HOPS,
)
def instance_metadata(item: CloudResource, settings: Settings) -> Iterator[str]:
    """A machine's metadata wants a token and does not leave the machine."""
    options = entries(item.props, "metadataOptions")
    if text(options, "httpEndpoint") == "disabled":
        return
    if text(options, "httpTokens") != "required":
        yield "metadataOptions.httpTokens is not required"
    most = settings.integer("hops")
    if not 0 < number(options, "httpPutResponseHopLimit") <= most:
        yield f"metadataOptions.httpPutResponseHopLimit is missing or above {most}"


@object_policy(
    "karpenter-instance-metadata",
    kinds=("EC2NodeClass",),
    severity=Severity.HIGH,
    fix=METADATA_FIX,
    framework=cis_aws("5.7"),
    settings=HOPS,
)
def node_class_metadata(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """The metadata of Karpenter's machines wants a token and does not leave the machine."""
    options = entries(item.body, "spec", "metadataOptions")
    if text(options, "httpEndpoint") == "disabled":
        return
    if text(options, "httpTokens", default="required") != "required":
        yield "spec.metadataOptions.httpTokens is not required"
    most = settings.integer("hops")
    if number(options, "httpPutResponseHopLimit", default=1) > most:
        yield f"spec.metadataOptions.httpPutResponseHopLimit is above {most}"


@resource_policy(
    "aws-volumes-encrypted",
    kinds=(VOLUME, LAUNCH_TEMPLATE, MACHINE, FILE_SYSTEM),
    severity=Severity.HIGH,
    fix="Set encrypted: true, with kmsKeyId for a key of your own.",
    framework=cis_aws("2.3.1, 5.1.1"),
)
def volumes_encrypted(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Volumes and file systems are encrypted."""
    for place, volume in _volumes(item):
        # A launch template takes its flags as strings.
        if str(get(volume, "encrypted")).lower() != "true":
            yield f"{place}encrypted is not true"


def _volumes(item: CloudResource) -> Iterator[tuple[str, Any]]:
    """The place and the body of each volume that a resource describes."""
    if item.type in {VOLUME, FILE_SYSTEM}:
        yield "", item.props
    elif item.type == MACHINE:
        yield "rootBlockDevice.", get(item.props, "rootBlockDevice")
        for place, device in enumerate(items(item.props, "ebsBlockDevices")):
            yield f"ebsBlockDevices[{place}].", device
    else:
        for place, mapping in enumerate(items(item.props, "blockDeviceMappings")):
            if present(mapping, "ebs"):
                yield f"blockDeviceMappings[{place}].ebs.", get(mapping, "ebs")


@object_policy(
    "karpenter-volumes-encrypted",
    kinds=("EC2NodeClass",),
    severity=Severity.HIGH,
    fix="Set encrypted: true on each volume.",
    framework=cis_aws("5.1.1"),
)
def node_class_volumes(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """The volumes of Karpenter's machines are encrypted."""
    for place, mapping in enumerate(items(item.body, "spec", "blockDeviceMappings")):
        if present(mapping, "ebs") and get(mapping, "ebs", "encrypted") is not True:
            yield f"spec.blockDeviceMappings[{place}].ebs.encrypted is not true"


@resource_policy(
    "aws-no-public-addresses",
    kinds=(SUBNET, LAUNCH_TEMPLATE, MACHINE),
    severity=Severity.MEDIUM,
    fix="Leave public addresses to load balancers and NAT gateways.",
)
def no_public_addresses(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Machines have no public address."""
    if item.type == SUBNET:
        if get(item.props, "mapPublicIpOnLaunch") is True:
            yield "mapPublicIpOnLaunch is true, so whatever starts in it is on the internet"
    elif item.type == MACHINE:
        if get(item.props, "associatePublicIpAddress") is True:
            yield "associatePublicIpAddress is true"
    else:
        for place, interface in enumerate(items(item.props, "networkInterfaces")):
            # A launch template takes its flags as strings.
            if str(get(interface, "associatePublicIpAddress")).lower() == "true":
                yield f"networkInterfaces[{place}].associatePublicIpAddress is true"
