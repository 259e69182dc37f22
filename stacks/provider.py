"""The provider block of an environment file: where it is, and what only that cloud understands.

Environments of one profile on two clouds differ in this block alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self, TypedDict

import pulumi
from pydantic import Field, model_validator
from stanchion import Cloud, GpuMetrics, Location, Operator
from validation import ShortName, Strict

_Text = Annotated[str, Field(min_length=1, max_length=253)]


class DatabaseSize(StrEnum):
    """Size of a managed database."""

    SMALL = "small"
    """2 virtual CPUs, 4 GiB."""
    MEDIUM = "medium"
    """2 virtual CPUs, 8 GiB."""
    LARGE = "large"
    """8 virtual CPUs, 32 GiB."""


class LocalProvider(Strict):
    """A Kubernetes that is there already, or on this machine: `bundled` or `context`."""

    cloud: Literal["local"]
    """Everything inside one Kubernetes cluster."""
    bundled: Annotated[ShortName, Field(max_length=12)] | None = None
    """Name of the node that `stanchion cluster up` makes on this machine."""
    context: _Text | None = None
    """A context of an existing kubeconfig, as `kind-dev`; nothing else is ever touched."""
    kubeconfig: Annotated[str, Field(min_length=1)] | None = None
    """Path of the kubeconfig that holds `context`; default: where kubectl looks."""
    storage_class: _Text | None = None
    """StorageClass of persistent volumes; default: the cluster's own default."""

    @model_validator(mode="after")
    def _one_cluster(self) -> Self:
        if (self.bundled is None) == (self.context is None):
            raise ValueError("needs exactly one of `bundled` and `context`; write one of them")
        if self.kubeconfig is not None and self.context is None:
            raise ValueError("`kubeconfig` goes with `context`; add `context` or remove it")
        return self


class GpuPoolPlace(TypedDict, total=False):
    """The arguments of `GpuPool` that differ from cloud to cloud."""

    machine_type: str
    zones: list[str]
    reservation: str
    node_image: str


class DnsConfig(Strict):
    """The public DNS zone of the environment's names: anybody may look them up."""

    domain: _Text
    """What the names end with, as ml.example.com."""
    zone: _Text
    """The zone, of the same account: its ID on AWS, as Z0123456789ABCDEFGHIJ; its name, as
    ml-example-com, on Google Cloud."""


class PoolPlace(Strict):
    """What only the cloud knows of a pool."""

    machine_type: _Text | None = None
    """Machine type, as g6.2xlarge or g2-standard-8; default: what carries the accelerator."""
    zones: tuple[_Text, ...] | None = None
    """Zones of the provider's that it uses; default: all of them."""
    reservation: _Text | None = None
    """Reservation: its ID, as cr-0123456789abcdef0, on AWS; its name on Google Cloud."""


class CloudProvider(Strict):
    """What both clouds need to know."""

    account: Annotated[str, Field(min_length=1, max_length=40)]
    """AWS account ID (12 digits, in quotes), or Google Cloud project ID."""
    region: Annotated[str, Field(min_length=1, max_length=30)]
    """Region, as us-east-1 or us-central1."""
    zones: tuple[_Text, ...]
    """Three zones of the region, in order of preference."""
    administrators: tuple[_Text, ...]
    """Who administers the cluster: ARNs of IAM roles on AWS; IAM members, as group:ml@example.com,
    on Google Cloud."""
    dns: DnsConfig | None = None
    """Where its names go; needed by `tracking.privateIngress`."""
    SECRETS: ClassVar[str]
    """What the names of an environment's secrets begin with: others are not for it to read."""
    pools: Mapping[str, PoolPlace] = {}
    """By a pool's name, what only this cloud knows of it."""

    @property
    def payer(self) -> str | None:
        """The billing account that its budget belongs to, where that is another than `account`."""
        return None

    @property
    def ingress_controller(self) -> Operator | None:
        """What makes load balancers of Ingresses, where the cluster does not bring it."""
        return None

    @property
    def gpu_metrics(self) -> GpuMetrics:
        """Who exports counters of its GPUs."""
        return GpuMetrics.GPU_OPERATOR

    def secret_name(self, environment: str, name: str) -> str:
        """The whole name of one of the environment's secrets; an ARN is one already."""
        prefix = self.SECRETS.format(environment)
        return name if name.startswith((prefix, "arn:")) else f"{prefix}{name}"

    def pool_arguments(self, name: str) -> GpuPoolPlace:
        """What of a pool's arguments only this cloud knows."""
        place = self.pools.get(name, PoolPlace())
        known: GpuPoolPlace = {}
        if place.machine_type is not None:
            known["machine_type"] = place.machine_type
        if place.zones is not None:
            known["zones"] = list(place.zones)
        if place.reservation is not None:
            known["reservation"] = place.reservation
        return known


class AwsProvider(CloudProvider):
    """An account and region of Amazon Web Services."""

    DATABASES: ClassVar[Mapping[DatabaseSize, str]] = {
        DatabaseSize.SMALL: "db.t4g.medium",
        DatabaseSize.MEDIUM: "db.m7g.large",
        DatabaseSize.LARGE: "db.m7g.2xlarge",
    }
    SECRETS: ClassVar[str] = "{}/"
    BUCKETS: ClassVar[str] = "s3://"
    """What addresses of its buckets begin with."""

    cloud: Literal["aws"]
    """Amazon Web Services."""
    node_image: _Text
    """Release of the AL2023 node image of elastic pools, as v20250920."""

    def pool_arguments(self, name: str) -> GpuPoolPlace:
        """What of a pool's arguments only this cloud knows."""
        return {**super().pool_arguments(name), "node_image": self.node_image}

    @property
    def ingress_controller(self) -> Operator:
        """What makes load balancers of Ingresses."""
        return Operator.AWS_LOAD_BALANCER_CONTROLLER

    def nat_gateways(self, *, single: bool) -> int:
        """How many NAT gateways are paid for."""
        return 1 if single else len(self.zones)

    @property
    def subnets(self) -> int:
        """How many private subnets its network has."""
        return len(self.zones)

    @property
    def registry(self) -> str:
        """Host of its image registry."""
        return f"{self.account}.dkr.ecr.{self.region}.amazonaws.com"

    def pulumi_provider(self) -> pulumi.ProviderResource:
        """The provider of everything in the account; it refuses any other account."""
        import pulumi_aws as aws

        return aws.Provider("aws", region=self.region, allowed_account_ids=[self.account])


class GcpProvider(CloudProvider):
    """A project and region of Google Cloud."""

    DATABASES: ClassVar[Mapping[DatabaseSize, str]] = {
        DatabaseSize.SMALL: "db-custom-2-4096",
        DatabaseSize.MEDIUM: "db-custom-2-8192",
        DatabaseSize.LARGE: "db-custom-8-32768",
    }
    SECRETS: ClassVar[str] = "{}-"
    BUCKETS: ClassVar[str] = "gs://"
    """What addresses of its buckets begin with."""

    cloud: Literal["gcp"]
    """Google Cloud."""
    billing_account: Annotated[str, Field(pattern=r"^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$")]
    """Billing account that the project is booked on: its budget belongs to that."""

    @property
    def payer(self) -> str | None:
        """The billing account that its budget belongs to."""
        return self.billing_account

    def nat_gateways(self, *, single: bool) -> int:  # noqa: ARG002 - regional here, in any case
        """How many NAT gateways are paid for."""
        return 1

    @property
    def subnets(self) -> int:
        """How many private subnets its network has."""
        return 1

    @property
    def gpu_metrics(self) -> GpuMetrics:
        """Who exports counters of its GPUs."""
        return GpuMetrics.GKE

    @property
    def registry(self) -> str:
        """Host and project of its image registry."""
        return f"{self.region}-docker.pkg.dev/{self.account}"

    def pulumi_provider(self) -> pulumi.ProviderResource:
        """The provider of everything in the project."""
        import pulumi_gcp as gcp

        return gcp.Provider("gcp", project=self.account, region=self.region)


AnyCloud = AwsProvider | GcpProvider
Provider = Annotated[LocalProvider | AnyCloud, Field(discriminator="cloud")]


def location(provider: AnyCloud) -> Location:
    """Where the components of an environment are made."""
    return {
        "cloud": Cloud(provider.cloud),
        "account": provider.account,
        "region": provider.region,
        "zones": list(provider.zones),
    }
