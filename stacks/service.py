"""Service files of kind ModelService: one file takes a model from registry to serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Literal, Self

from gateway_config import GatewayConfig
from pydantic import Field, model_validator
from service_autoscaling import Autoscaling, autoscaling_problems
from service_cold_start import ColdStart, cold_start_problems
from service_drift import Drift
from service_gates import Gates
from service_gateway import (
    GatewayRoute,
    Shadow,
    gateway_problems,
    host_problems,
    shadow_problems,
)
from service_lock import LOCK_SUFFIX, Pin
from service_objectives import Objectives, objectives_problems
from service_place import PoolOffer, gpu_problems, interruption_problems, place_problems
from service_prediction_log import PredictionLog, prediction_log_problems
from service_resources import Resources
from service_rollout import Rollout, rollout_problems
from stanchion import Cloud
from stanchion.serving.cold_start import Replicas
from stanchion.serving.rollout import is_measured
from validation import Environments, InvalidFileError, Label, Name, ShortName, Strict


class ModelServiceFile(Strict):
    """A model served online."""

    kind: Literal["ModelService"]
    """What the file declares."""
    name: ShortName
    """Name of the service, its objects and its address."""
    tenant: ShortName
    """The tenant, declared in the environment, in whose namespace it runs."""
    owner: Label
    """Team that answers for it."""
    cost_center: Label
    """Where its cost is booked."""
    model: Annotated[
        str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9][-A-Za-z0-9_.]*$")
    ]
    """Name of the registered model; the lock file pins its version."""
    environments: Environments | None = None
    """Environments that run it; default: every one."""
    pool: Annotated[ShortName, Field(max_length=28)] | None = None
    """Pool of nodes, declared in the environment, that it runs on; default: nodes of no pool."""
    resources: Resources = Resources()
    autoscaling: Autoscaling = Autoscaling()
    rollout: Rollout = Rollout()
    gateway: GatewayRoute | None = None
    """Hosts at the environment's Gateway that lead to it; default: none."""
    shadow: Shadow | None = None
    """A candidate that requests at the Gateway are mirrored to; default: none."""
    slo: Objectives = Objectives()
    drift: Drift = Drift()
    prediction_log: PredictionLog | None = None
    """Where a sample of requests and answers is written; default: nowhere."""
    load_seconds: Annotated[int, Field(ge=5, le=7200)] = 120
    """Longest time a replica may take to fetch, verify, load and warm up the model."""
    cold_start: ColdStart | None = None
    """Budget of a replica that demand asks for; default: none."""
    request_timeout_seconds: Annotated[int, Field(ge=1, le=600)] = 30
    """Longest time a request may take before it is answered with 504."""
    drain_seconds: Annotated[int, Field(ge=1, le=600)] = 10
    """How long a leaving replica still accepts requests, while endpoints catch up."""
    max_body_mebibytes: Annotated[int, Field(ge=1, le=512)] = 8
    """Largest request body."""
    allow_from: tuple[Name, ...] = ()
    """Namespaces besides the tenant's own that may call it."""
    gates: Gates = Gates()

    @model_validator(mode="after")
    def _gpus_of_a_pool(self) -> Self:
        if self.resources.gpus and self.pool is None:
            raise ValueError(
                f"`resources.gpus: {self.resources.gpus}` needs `pool`; name the pool that has them"
            )
        return self


def check_services(
    services: Sequence[ModelServiceFile],
    *,
    environment: str,
    tenants: Sequence[str],
    min_replicas: int,
    pools: Mapping[str, PoolOffer] = MappingProxyType({}),
    lacks_for_releases: str = "",
    lacks_for_scaling: Mapping[str, str] = MappingProxyType({}),
    image: str = "",
    cloud: Cloud = Cloud.LOCAL,
    gateway: GatewayConfig | None = None,
    shadows: Mapping[str, Pin] = MappingProxyType({}),
) -> None:
    """Check what takes more than one file to see.

    Args:
        services: The files.
        environment: The environment that they are for.
        tenants: Names of its tenants.
        min_replicas: Fewest replicas where a file does not say.
        pools: What its pools have, by their names.
        lacks_for_releases: What a release judged by metrics lacks there; empty where nothing.
        lacks_for_scaling: What each field of `autoscaling` lacks there, where something.
        image: The model server's image there.
        cloud: Its cloud.
        gateway: Its Gateway, where it has one.
        shadows: Candidates that the lock file pins, by service.

    Raises:
        InvalidFileError: with every problem found.
    """
    lock = f"{environment}{LOCK_SUFFIX}"
    models = {name: pin.model for name, pin in shadows.items()}
    problems = [*host_problems(services), *shadow_problems(services, models, lock)]
    for service in services:
        where = f"services/{service.name}"
        floor = service.autoscaling.floor(min_replicas)
        offer = pools.get(service.pool) if service.pool else None
        problems += [
            f"{where}: {problem}"
            for problem in (
                *place_problems(service.tenant, service.pool, environment, tenants, pools),
                *interruption_problems(service.pool, environment, pools),
                *gpu_problems(service.resources.gpus, service.pool, environment, pools),
                *rollout_problems(service.rollout, floor, environment, lacks_for_releases),
                *gateway_problems(
                    service.gateway,
                    service.shadow,
                    service.rollout.arguments(),
                    gateway,
                    environment,
                ),
                *autoscaling_problems(
                    service.autoscaling,
                    min_replicas,
                    environment,
                    lacks_for_scaling,
                    request_timeout_seconds=service.request_timeout_seconds,
                    budgeted=service.cold_start is not None,
                    measured=is_measured(service.rollout.arguments()),
                ),
                *objectives_problems(service.slo, service.request_timeout_seconds),
                *prediction_log_problems(service.prediction_log, cloud, environment),
                *cold_start_problems(
                    service.cold_start,
                    Replicas(
                        image=image,
                        gpus=service.resources.gpus,
                        least=floor,
                        most=service.autoscaling.max_replicas,
                        load_seconds=service.load_seconds,
                        at=offer.placement if offer else None,
                    ),
                ),
            )
        ]
    if problems:
        raise InvalidFileError(problems)
