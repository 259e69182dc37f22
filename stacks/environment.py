"""The environment file (`stacks/Pulumi.<env>.yaml`), validated whole before anything happens.

Defaults come from the profile; the file says only what differs. An error names its
configuration path, the reason and the fix, and all errors are reported at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from validation import (
    Cpu,
    InvalidFileError,
    Label,
    Memory,
    ShortName,
    Strict,
    as_tuples,
    by_value,
    explain,
)

NAMESPACE = "stanchion"
RESERVED_NAMESPACES = frozenset({"default", "tracking"})


class Profile(StrEnum):
    """How careful an environment is: sets every default that the file leaves out."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


class Role(StrEnum):
    """What a group may do in a tenant's namespace."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


class ClusterConfig(Strict):
    """Which Kubernetes the environment runs on: exactly one of `bundled` and `context`."""

    bundled: Annotated[ShortName, Field(max_length=12)] | None = None
    """Name of the node that `stanchion cluster up` makes on this machine."""
    context: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """A context of an existing kubeconfig, as `kind-dev`; nothing else is ever touched."""
    kubeconfig: Annotated[str, Field(min_length=1)] | None = None
    """Path of the kubeconfig that holds `context`; default: where kubectl looks."""
    storage_class: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """StorageClass of persistent volumes; default: the cluster's own default."""

    @model_validator(mode="after")
    def _one_cluster(self) -> Self:
        if (self.bundled is None) == (self.context is None):
            raise ValueError("needs exactly one of `bundled` and `context`; write one of them")
        if self.kubeconfig is not None and self.context is None:
            raise ValueError("`kubeconfig` goes with `context`; add `context` or remove it")
        return self


class ImagesConfig(Strict):
    """Where the serving images come from."""

    registry: Annotated[str, Field(max_length=200, pattern=r"^[a-z0-9.\-:]+(/[a-z0-9._\-]+)*$")] = (
        "localhost/stanchion"
    )
    """Registry and repository prefix, without a trailing slash."""
    tag: Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._\-]*$")] = "source"
    """Tag of every image; `source`: a hash of each image's own sources."""

    @model_validator(mode="after")
    def _not_latest(self) -> Self:
        if self.tag == "latest":
            raise ValueError("`tag: latest` names no version; write a release tag or `source`")
        return self


class TrackingConfig(Strict):
    """The MLflow server with its database and artifact store."""

    replicas: Annotated[int, Field(ge=1, le=10)] | None = None
    """MLflow replicas; default 1 in dev, 2 elsewhere; one is the most on local volumes."""
    workers: Annotated[int, Field(ge=1, le=16)] = 1
    """Server processes in each replica; each takes about 400 MiB."""
    memory: Memory = "1Gi"
    """Memory of each replica, request and limit alike."""
    database_storage: Memory = "2Gi"
    """Size of the database's volume."""
    artifact_storage: Memory = "5Gi"
    """Size of the artifact store's volume."""
    allowed_hosts: tuple[Annotated[str, Field(min_length=1, max_length=253)], ...] = ()
    """Host names besides the in-cluster ones under which MLflow may be asked."""


class Access(Strict):
    """A group's role in a tenant."""

    group: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the group as the cluster's authentication reports it."""
    role: Annotated[Role, by_value(Role)]
    """viewer, editor or admin."""


class QuotaConfig(Strict):
    """The most a tenant's namespace may ask for."""

    cpu: Cpu = "4"
    memory: Memory = "8Gi"
    pods: Annotated[int, Field(ge=1, le=10_000)] = 30
    storage: Memory = "20Gi"
    gpus: Annotated[int, Field(ge=0, le=100_000)] = 0


class TenantConfig(Strict):
    """A team's namespace: who owns it, who may do what in it, how much it may use."""

    name: ShortName
    owner: Label
    """Team that answers for it; becomes a label."""
    cost_center: Label
    """Where its cost is booked; becomes a label."""
    access: tuple[Access, ...] = ()
    quota: QuotaConfig = QuotaConfig()

    @model_validator(mode="after")
    def _namespace_is_free(self) -> Self:
        if self.name in RESERVED_NAMESPACES or self.name.startswith("kube-"):
            raise ValueError(f"`name: {self.name}` is a reserved namespace; choose another name")
        return self


class Environment(Strict):
    """One environment, complete: what its file says and what its profile fills in."""

    cloud: Literal["local"]
    """Where it runs."""
    profile: Annotated[Profile, by_value(Profile)]
    """dev, staging or prod."""
    owner: Label
    """Team that answers for the platform itself."""
    cost_center: Label
    """Where the platform's own cost is booked."""
    cluster: ClusterConfig
    images: ImagesConfig = ImagesConfig()
    tracking: TrackingConfig = TrackingConfig()
    tenants: tuple[TenantConfig, ...] = ()
    monitoring: bool = False
    """Whether Prometheus Operator's objects (ServiceMonitor) can be created."""

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        names = [tenant.name for tenant in self.tenants]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"tenants: the name '{twice[0]}' is used twice; rename one tenant")
        if self.tracking_replicas > 1:
            raise ValueError(
                f"tracking.replicas: {self.tracking_replicas} cannot share the single-node "
                "volume of `cloud: local`; write 1"
            )
        return self

    @property
    def tracking_replicas(self) -> int:
        """MLflow replicas once the profile's default is in."""
        if self.tracking.replicas is not None:
            return self.tracking.replicas
        return 1 if self.profile is Profile.DEV else 2

    @property
    def min_replicas(self) -> int:
        """The default floor of a model service's autoscaler."""
        return 1 if self.profile is Profile.DEV else 2


def parse_environment(values: Mapping[str, Any]) -> Environment:
    """Validate the values under the `stanchion:` namespace.

    Raises:
        InvalidFileError: with every problem found.
    """
    try:
        return Environment.model_validate(as_tuples(dict(values)))
    except ValidationError as error:
        raise InvalidFileError(explain(error, Environment, f"{NAMESPACE}:")) from None


def from_pulumi_config(config: Mapping[str, str]) -> Environment:
    """Validate the configuration as the engine hands it over: every value is text.

    Objects, lists, numbers and booleans arrive JSON-encoded. Keys of other
    namespaces (a provider's own settings) are left alone.

    Raises:
        InvalidFileError: with every problem found.
    """
    text_fields = {"cloud", "profile", "owner", "costCenter"}
    values: dict[str, Any] = {}
    for key, value in config.items():
        namespace, _, field = key.partition(":")
        if namespace == NAMESPACE:
            values[field] = value if field in text_fields else _decoded(value)
    return parse_environment(values)


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
