"""Where in a cloud a component is made, and what it hands to the components built upon it."""

from typing import TypedDict

import pulumi

from stanchion.foundation.cloud import Cloud


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
