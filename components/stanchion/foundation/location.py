"""Where in a cloud a component is made, and what it hands to the components built upon it."""

import re
from typing import TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.cloud import Cloud

ZONES = 3
_ACCOUNTS = {
    Cloud.AWS: (re.compile(r"\d{12}"), "the 12 digits of an AWS account"),
    Cloud.GCP: (
        re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]"),
        "a Google Cloud project ID of 6 to 30 lower-case letters, digits and dashes",
    ),
}
_ZONE_SUFFIX = {Cloud.AWS: r"[a-z]", Cloud.GCP: r"-[a-z]"}


class Location(TypedDict):
    """An account or project, a region and the zones of it that are used."""

    cloud: Cloud
    """Where it is: aws or gcp."""
    account: str
    """AWS account ID (12 digits), or Google Cloud project ID."""
    region: str
    """Region, as us-east-1 or us-central1."""
    zones: list[str]
    """Three zones of the region, as us-east-1a or us-central1-a, in order of preference."""


class NetworkReference(TypedDict):
    """A network, as `Network` publishes it in its output `reference`."""

    network_id: pulumi.Input[str]
    """ID of the VPC on AWS; self link of the network on Google Cloud."""
    subnet_ids: list[pulumi.Input[str]]
    """Private subnets: one per zone, in the order of `zones`, on AWS; one regional on GCP."""
    cidr: str
    """Addresses of the private subnets together."""
    pods_range: str
    """Name of the secondary range for pods on GCP; empty on AWS, where pods live in subnets."""
    services_range: str
    """Name of the secondary range for services on GCP; empty on AWS."""


class ClusterReference(TypedDict):
    """A cluster, as `Cluster` publishes it in its output `reference`."""

    name: str
    """Name of the cluster."""
    version: pulumi.Input[str]
    """Kubernetes version of its control plane, as 1.33; unknown on GKE until it is made."""
    endpoint: pulumi.Input[str]
    """Address of its API, with https://."""
    certificate_authority: pulumi.Input[str]
    """Its CA certificate, base64."""
    node_role: pulumi.Input[str]
    """IAM role ARN of nodes on AWS; service account email of nodes on GCP."""
    node_security_group_id: pulumi.Input[str]
    """Security group of nodes on AWS; empty on GCP."""
    identity_provider: pulumi.Input[str]
    """OIDC provider ARN on AWS; workload pool PROJECT.svc.id.goog on GCP."""


def check_location(check: Checks, location: Location) -> None:
    """Hold a location to the form of its cloud; whether the place exists only the cloud knows.

    AWS regions in China are refused: they are a partition with service names of their own.
    """
    cloud, region = location["cloud"], location["region"]
    if cloud not in _ACCOUNTS:
        return
    form, meaning = _ACCOUNTS[cloud]
    if not form.fullmatch(location["account"]):
        check.refuse(
            "location.account", f"'{location['account']}' is no account", f"write {meaning}"
        )
    if region.startswith("cn-"):
        check.refuse("location.region", f"'{region}' is not offered", "choose one outside China")
    zones = location["zones"]
    check.unique("location.zones", zones)
    if len(zones) != ZONES:
        check.refuse("location.zones", f"has {len(zones)} zones", f"name {ZONES} of the region")
    for at, zone in enumerate(zones):
        if not re.fullmatch(re.escape(region) + _ZONE_SUFFIX[cloud], zone):
            check.refuse(
                f"location.zones[{at}]",
                f"'{zone}' is no zone of location.region, {region}",
                "write one of its zones, as us-east-1a on AWS or us-central1-a on Google Cloud",
            )


def aws_partition(region: str) -> str:
    """The partition that ARNs of a region begin with."""
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
