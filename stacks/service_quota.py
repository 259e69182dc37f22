"""What services ask for at their most and at their fewest, against the quota of their tenant.

A pod beyond a quota is refused by Kubernetes without a word to whoever called: an autoscaler that
would add replicas, or a rollout that needs one more, then waits for good. Jobs wait their turn, so
they are not added up; but pods of one that begin together or not at all must fit by themselves, or
they wait for good too. Activators are not counted: they are small.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from environment import Environment
from explain import in_the_notation_of_files
from llm_service import LlmServiceFile
from service import ModelServiceFile
from service_place import PoolOffer
from stanchion.serving.rollout import DEFAULT_SURGE, beyond_for, beyond_of
from tenants_config import QuotaConfig, TenantConfig
from validation import InvalidFileError, amount

COUNTED_DEVICE = "nvidia.com/gpu"
"""A tenant's quota of GPUs counts these, and no slices."""
_GIB = 1024**3


@dataclass(frozen=True)
class Replica:
    """What one replica asks for."""

    cpu: str
    memory: str
    gpus: int = 0


@dataclass(frozen=True)
class Demand:
    """Replicas of one kind that a service file declares.

    Attributes:
        field: Where the file says how many there may be.
        fewest: Always there.
        most: As many as it may scale to.
        surge: Beyond them, while a version takes over.
        each: One of them.
        beside: Of a shadow, always there; and the one more that its own update takes.
        surge_for: What the surge is needed by, in words.
    """

    field: str
    fewest: int
    most: int
    surge: int
    each: Replica
    beside: int = 0
    surge_for: str = "a rollout needs"

    @property
    def peak(self) -> int:
        """The most that there are at one time."""
        return self.most + self.surge + self.beside

    @property
    def told(self) -> str:
        """The peak in words."""
        shadow = f" and the {self.beside} of the shadow" if self.beside else ""
        return (
            f"{self.most} and the {self.surge} more that {self.surge_for}{shadow} take {self.peak}"
        )


def own_model(file: LlmServiceFile, environment: Environment) -> Demand | None:
    """The replicas of a language model; None without one of its own."""
    if file.engine is None:
        return None
    scaling, resources = file.autoscaling, file.resources
    gpus = file.engine.tensor_parallel * file.engine.pipeline_parallel
    return Demand(
        "autoscaling.maxReplicas",
        scaling.min_replicas or environment.min_replicas,
        scaling.max_replicas,
        DEFAULT_SURGE,
        Replica(resources.cpu, resources.memory, gpus),
    )


def gateway(file: LlmServiceFile, environment: Environment) -> Demand | None:
    """The replicas of a language model's gateway; None without one."""
    if file.gateway is None:
        return None
    return Demand(
        "gateway.maxReplicas",
        environment.min_replicas,
        file.gateway.max_replicas,
        DEFAULT_SURGE,
        Replica(file.gateway.resources.cpu, file.gateway.resources.memory),
    )


def model(
    file: ModelServiceFile,
    environment: Environment,
    pools: Mapping[str, PoolOffer],
    shadowed: Collection[str],
) -> Demand:
    """The replicas of a model service, those of a pinned shadow among them."""
    most = file.autoscaling.max_replicas
    offer = pools.get(file.pool) if file.pool else None
    counted = offer is None or offer.placement["device"] == COUNTED_DEVICE
    beside, rollout = 0, file.rollout.arguments()
    if file.shadow is not None and file.name in shadowed:
        beside = (file.shadow.replicas or environment.min_replicas) + 1
    return Demand(
        "autoscaling.maxReplicas",
        file.autoscaling.floor(environment.min_replicas),
        most,
        beyond_of(rollout, most),
        Replica(file.resources.cpu, file.resources.memory, file.resources.gpus if counted else 0),
        beside,
        in_the_notation_of_files(beyond_for(rollout)),
    )


def peak_problems(demand: Demand | None, tenant: TenantConfig | None, stack: str) -> list[str]:
    """What of a tenant's quota a service alone would go beyond, by the field of its file."""
    if demand is None or tenant is None:
        return []
    return [
        f"{demand.field}: {demand.told} times {each} of {what}, and tenant '{tenant.name}' of "
        f"{stack} may have {limit}; raise quota.{what} of the tenant to "
        f"{_written(amount(each) * demand.peak, what)}, or lower {demand.field}"
        for what, each, limit in _compared(demand.each, tenant.quota)
        if amount(each) * demand.peak > amount(limit)
    ]


def together_problems(
    demands: Mapping[str, Sequence[Demand]], tenant: TenantConfig, stack: str
) -> list[str]:
    """What all services of a tenant ask for when nobody asks anything of them, beyond its quota.

    Args:
        demands: By service.
        tenant: The tenant.
        stack: Its environment.
    """
    if len(demands) == 1:
        return []  # What one asks for at its most is judged by itself.
    problems = []
    for what in ("cpu", "memory", "gpus", "pods"):
        asked = {
            service: sum((_fewest(each, what) for each in found), Decimal(0))
            for service, found in demands.items()
        }
        total, limit = sum(asked.values(), Decimal(0)), str(getattr(tenant.quota, what))
        if total > amount(limit):
            most = sorted(asked, key=lambda service: asked[service], reverse=True)[:3]
            named = ", ".join(f"{service} {_written(asked[service], what)}" for service in most)
            problems.append(
                f"tenants: services of '{tenant.name}' in {stack} ask for "
                f"{_written(total, what)} of {what} at their fewest replicas (most of it: "
                f"{named}), and may have {limit}; raise quota.{what} of the tenant, or lower "
                "minReplicas"
            )
    return problems


def begun_together_problems(
    field: str, pods: Sequence[tuple[int, Replica]], tenant: TenantConfig | None, stack: str
) -> list[str]:
    """What of a tenant's quota pods that begin together would go beyond.

    Args:
        field: Where a file says how many there are, or how large the one is.
        pods: So many of each.
        tenant: Their tenant.
        stack: Its environment.
    """
    if tenant is None:
        return []
    alone = sum(count for count, _ in pods) == 1
    told = "its pod asks" if alone else "all pods together ask"
    asked: dict[str, Decimal] = {}
    limits: dict[str, str] = {}
    for count, replica in pods:
        for what, each, limit in _compared(replica, tenant.quota):
            asked[what] = asked.get(what, Decimal(0)) + amount(each) * count
            limits[what] = limit
    return [
        f"{field}: {told} for {_written(total, what)} of {what}, and tenant "
        f"'{tenant.name}' of {stack} may have {limits[what]}; raise quota.{what} of the tenant to "
        f"{_written(total, what)}, or lower {field}"
        for what, total in asked.items()
        if total > amount(limits[what])
    ]


def check_quotas(
    models: Sequence[ModelServiceFile],
    llms: Sequence[LlmServiceFile],
    environment: Environment,
    stack: str,
    pools: Mapping[str, PoolOffer],
    *,
    shadowed: Collection[str],
) -> None:
    """Hold model services, and all services together, to the quotas of their tenants.

    Args:
        models: Files of model services.
        llms: Files of language models, each of which `check_llm_services` judges by itself.
        environment: The environment.
        stack: Its name.
        pools: What its pools have, by their names.
        shadowed: Services with a pinned candidate that requests are mirrored to.

    Raises:
        InvalidFileError: with everything that would go beyond one.
    """
    tenants = {tenant.name: tenant for tenant in environment.tenants}
    demands: dict[str, dict[str, list[Demand]]] = {name: {} for name in tenants}
    problems = []
    for file in models:
        demand = model(file, environment, pools, shadowed)
        found = peak_problems(demand, tenants.get(file.tenant), stack)
        problems += [f"services/{file.name}: {problem}" for problem in found]
        demands.get(file.tenant, {})[file.name] = [demand]
    for llm in llms:
        both = own_model(llm, environment), gateway(llm, environment)
        demands.get(llm.tenant, {})[llm.name] = [each for each in both if each is not None]
    for name, found_of in demands.items():
        problems += together_problems(found_of, tenants[name], stack)
    if problems:
        raise InvalidFileError(problems)


def _compared(each: Replica, quota: QuotaConfig) -> Iterator[tuple[str, str, str]]:
    yield "gpus", str(each.gpus), str(quota.gpus)
    yield "cpu", each.cpu, quota.cpu
    yield "memory", each.memory, quota.memory
    yield "pods", "1", str(quota.pods)


def _fewest(demand: Demand, what: str) -> Decimal:
    each = "1" if what == "pods" else str(getattr(demand.each, what))
    # Of a shadow's replicas, the one more is there while it is updated alone.
    return amount(each) * (demand.fewest + max(demand.beside - 1, 0))


def _written(total: Decimal, what: str) -> str:
    """An amount as a file writes it, rounded up."""
    if what == "memory":
        return f"{math.ceil(total / _GIB)}Gi"
    return f"{total.normalize():f}"
