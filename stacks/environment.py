"""The environment file (`stacks/Pulumi.<env>.yaml`), validated whole before anything happens.

Defaults come from the profile; the file says only what differs. An error names its
configuration path, the reason and the fix, and all errors are reported at once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Self

from capacity import BudgetConfig, PoolConfig
from cluster_config import ClusterConfig, NetworkConfig, OperatorsConfig
from expiry import Day
from explain import explain
from feature_config import FeatureStoreConfig
from gateway_config import GatewayConfig
from images_config import ImagesConfig
from layers import (
    ALL,
    Layer,
    Layers,
    StackName,
    UpperStack,
    check_above,
    config_of,
    environment_below,
)
from monitoring_config import MonitoringConfig
from provider import AnyCloud, DatabaseSize, GcpProvider, LocalProvider, Provider
from pydantic import ValidationError, model_validator
from stanchion import Operator
from stanchion.operators.contract import ON_REQUEST
from tenants_config import TenantConfig
from tracking_config import TrackingConfig
from validation import InvalidFileError, Label, Strict, as_tuples, by_value

NAMESPACE = "stanchion"


class Profile(StrEnum):
    """How careful an environment is: sets every default that the file leaves out."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


class Environment(Strict):
    """One environment, complete: what its file says and what its profile fills in."""

    layers: Layers = ALL
    """Layers that this stack holds, from the ground up; default: foundation, platform, services."""
    base_stack: StackName | None = None
    """Stack that holds the layers below; in the files of upper stacks alone."""
    provider: Provider
    """Where it runs, and what only that cloud understands."""
    profile: Annotated[Profile, by_value(Profile)]
    """dev, staging or prod."""
    owner: Label
    """Team that answers for the platform itself."""
    cost_center: Label
    """Where the platform's own cost is booked."""
    expires: Day | None = None
    """Last day, in UTC, on which it is wanted, as 2026-12-31: `stanchion down --expired` takes it
    down after that; dev alone; default: it stays."""
    network: NetworkConfig | None = None
    """Addresses; needed in a cloud."""
    cluster: ClusterConfig = ClusterConfig()
    """The managed Kubernetes; clouds alone."""
    pools: tuple[PoolConfig, ...] = ()
    """Nodes for workloads; clouds alone."""
    budget: BudgetConfig | None = None
    """What it may cost; needed in a cloud."""
    images: ImagesConfig = ImagesConfig()
    tracking: TrackingConfig = TrackingConfig()
    feature_store: FeatureStoreConfig = FeatureStoreConfig()
    tenants: tuple[TenantConfig, ...] = ()
    operators: OperatorsConfig = OperatorsConfig()
    """Third-party controllers: in a cloud from charts, on the bundled node from their modules."""
    gateway: GatewayConfig | None = None
    """A Gateway that services may be called through; default: none."""
    monitoring: MonitoringConfig = MonitoringConfig()
    """Who is told of which alerts."""

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        _refuse_twice("tenants", [tenant.name for tenant in self.tenants])
        _refuse_twice("pools", [pool.name for pool in self.pools])
        if self.base_stack is None and self.layers[0] is not Layer.FOUNDATION:
            raise ValueError(
                f"layers: begins with {self.layers[0]}, and no stack holds what is below; add "
                "foundation, or write this in the file of a stack of its own with `baseStack`"
            )
        if self.expires is not None and self.profile is not Profile.DEV:
            raise ValueError(
                f"expires: `profile: {self.profile}` is not taken down by a date; remove it"
            )
        if self.gateway is not None:
            provider = self.provider
            local = provider if isinstance(provider, LocalProvider) else None
            self.gateway.check_in(
                google=isinstance(provider, GcpProvider),
                local=local is not None,
                bundled=local is not None and local.bundled is not None,
                lacks_envoy=self.lacks(Operator.ENVOY_GATEWAY),
            )
        if isinstance(self.provider, LocalProvider):
            self._only_what_one_cluster_has(self.provider)
        else:
            self._all_that_a_cloud_needs(self.provider)
        return self

    def _only_what_one_cluster_has(self, provider: LocalProvider) -> None:
        for field in ("network", "cluster", "pools", "budget"):
            if field in self.model_fields_set:
                raise ValueError(f"{field}: means nothing to `cloud: local`; remove it")
        if self.tracking.private_ingress:
            raise ValueError("tracking.privateIngress: means nothing to `cloud: local`; remove it")
        if self.monitoring.prometheus is not None:
            raise ValueError("monitoring.prometheus: means nothing to `cloud: local`; remove it")
        self.operators.check_on_one_machine(bundled=provider.bundled is not None)
        if self.layers != ALL and provider.bundled is not None:
            raise ValueError(
                "layers: a node on this machine is one stack's, which makes and deletes it; "
                "remove layers, or write `context` for `bundled`"
            )
        if self.tracking_replicas > 1:
            raise ValueError(
                f"tracking.replicas: {self.tracking_replicas} cannot share the single-node "
                "volume of `cloud: local`; write 1"
            )

    def _all_that_a_cloud_needs(self, provider: AnyCloud) -> None:
        for field in ("network", "budget"):
            if getattr(self, field) is None:
                raise ValueError(f"{field}: is required in a cloud; add `{field}: …`")
        if not any(pool.cpu for pool in self.pools):
            raise ValueError(
                "pools: has none of CPUs alone, where MLflow and the services without GPUs run; "
                "add a pool with `cpu: {cores: 4, memory: 16Gi}`"
            )
        names = [pool.name for pool in self.pools]
        for name in provider.pools:
            if name not in names:
                raise ValueError(
                    f"provider.pools.{name}: no pool has this name; write one of "
                    f"{', '.join(names)}, or remove it"
                )
        if self.tracking.private_ingress:
            self._what_an_ingress_needs(provider)

    def _what_an_ingress_needs(self, provider: AnyCloud) -> None:
        if provider.dns is None:
            raise ValueError(
                "provider.dns: is required by `tracking.privateIngress`; add `dns: {domain: …, "
                "zone: …}`, or leave that out"
            )
        controller = provider.ingress_controller
        if controller is not None and self.lacks(controller):
            raise ValueError(
                f"operators.enabled: lacks {controller}, which makes the load balancer of "
                "`tracking.privateIngress`; add it"
            )

    @property
    def keep(self) -> bool:
        """Whether what holds data, and what all stands upon, is protected from deletion."""
        return self.profile is Profile.PROD

    @property
    def monitored(self) -> bool:
        """Whether there is a Prometheus Operator."""
        if self.monitoring.enabled is not None:
            return self.monitoring.enabled
        if self.operators.enabled is None:
            return not isinstance(self.provider, LocalProvider)
        return Operator.KUBE_PROMETHEUS_STACK in self.operators.enabled

    @property
    def lacks_for_releases(self) -> str:
        """What a release that is judged by metrics lacks here; empty where nothing."""
        return self.lacks_for_metrics or self.lacks(Operator.ARGO_ROLLOUTS)

    @property
    def lacks_for_scaling(self) -> Mapping[str, str]:
        """What fields of a service's `autoscaling` lack here, where something."""
        keda = self.lacks(Operator.KEDA)
        lacks = dict.fromkeys(("minReplicas", "schedules"), keda)
        measured = self.lacks_for_metrics or keda
        lacks |= dict.fromkeys(("inFlightPerReplica", "targetLatencyMs"), measured)
        return {field: missing for field, missing in lacks.items() if missing}

    @property
    def lacks_for_queues(self) -> str:
        """What waiting in a queue lacks here; empty where nothing."""
        return self.lacks(Operator.KUEUE)

    @property
    def has_queues(self) -> bool:
        """Whether every tenant has a queue: in a cloud that has Kueue."""
        in_cloud = not isinstance(self.provider, LocalProvider)
        return in_cloud and bool(self.tenants) and not self.lacks_for_queues

    @property
    def lacks_for_metrics(self) -> str:
        """What is to be added for metrics and alerts to be here; empty where nothing."""
        if self.monitored:
            return ""
        return "Prometheus Operator (kube-prometheus-stack under operators.enabled)"

    def lacks(self, controller: Operator) -> str:
        """What is to be added for a controller to be here; empty where it is."""
        provider, enabled = self.provider, self.operators.enabled
        if controller in self.operators.more:
            return ""
        if enabled is not None:
            there = controller in enabled
        elif isinstance(provider, LocalProvider):
            # One's own cluster has what its owner gave it.
            there = provider.bundled is None
        else:
            there = controller not in ON_REQUEST
        where = "more" if enabled is None and controller in ON_REQUEST else "enabled"
        return "" if there else f"{controller} under operators.{where}"

    @property
    def tracking_replicas(self) -> int:
        """MLflow replicas once the profile's default is in."""
        if self.tracking.replicas is not None:
            return self.tracking.replicas
        return 1 if self.profile is Profile.DEV else 2

    @property
    def backup_schedule(self) -> str:
        """When the database is backed up, once the profile's default is in."""
        by_profile = "17 2-20/6 * * *" if self.profile is Profile.PROD else "17 2 * * *"
        return self.tracking.backup_schedule or by_profile

    @property
    def database_machine(self) -> str:
        """The managed database's machine, of the size that the profile gives by default."""
        by_profile = DatabaseSize.SMALL if self.profile is Profile.DEV else DatabaseSize.MEDIUM
        if isinstance(self.provider, LocalProvider):
            raise TypeError(f"`cloud: {self.provider.cloud}` has no managed database")
        return self.provider.DATABASES[self.tracking.database_size or by_profile]

    @property
    def min_replicas(self) -> int:
        """The default floor of a model service's autoscaler."""
        return 1 if self.profile is Profile.DEV else 2


def _refuse_twice(field: str, names: Sequence[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{field}: the name '{twice[0]}' is used twice; rename one")


def parse_environment(values: Mapping[str, Any]) -> Environment:
    """Validate the values under the `stanchion:` namespace.

    Raises:
        InvalidFileError: with every problem found.
    """
    try:
        return Environment.model_validate(as_tuples(dict(values)))
    except ValidationError as error:
        raise InvalidFileError(explain(error, Environment, f"{NAMESPACE}:")) from None


def from_pulumi_config(config: Mapping[str, str], secrets: Collection[str] = ()) -> Environment:
    """Validate the configuration as the engine hands it over: every value is text.

    Objects, lists, numbers and booleans arrive JSON-encoded. Keys of other
    namespaces (a provider's own settings) are left alone. A stack that is built on
    another has the settings of its environment's file, and layers of its own.

    Args:
        config: Every value by its key.
        secrets: Keys of values that the file has encrypted. Settings are in outputs and reports,
            so none of ours may be.

    Raises:
        InvalidFileError: with every problem found.
    """
    if encrypted := sorted(key for key in secrets if key.startswith(f"{NAMESPACE}:")):
        raise InvalidFileError(
            [
                f"{key}: is `secure`, and settings name secrets and never hold one; keep the value "
                "in a secret and name that"
                for key in encrypted
            ]
        )
    values = _own(config)
    if "baseStack" not in values:
        return parse_environment(values)
    try:
        stack = UpperStack.model_validate(as_tuples(values))
    except ValidationError as error:
        raise InvalidFileError(explain(error, UpperStack, f"{NAMESPACE}:")) from None
    settings = _own(config_of(environment_below(stack.base_stack)))
    environment = parse_environment({**settings, **values})
    below = from_pulumi_config(config_of(stack.base_stack))
    check_above(stack, below.layers, namespace=NAMESPACE)
    return environment


def _own(config: Mapping[str, str]) -> dict[str, Any]:
    """The values under our namespace, by their fields."""
    text_fields = {"profile", "owner", "costCenter", "baseStack"}
    values: dict[str, Any] = {}
    for key, value in config.items():
        namespace, _, field = key.partition(":")
        if namespace == NAMESPACE:
            values[field] = value if field in text_fields else _decoded(value)
    return values


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
