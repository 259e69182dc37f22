"""What a stack's pools and fixed parts cost and need, against its budget and its quotas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stanchion_policies.facts import (
    HOURS_PER_MONTH,
    fixed_hourly,
    quota_of,
    spot_share,
)
from stanchion_policies.kubernetes import Resource
from stanchion_policies.pools import GKE, POOLS, NodePool, pool_of
from stanchion_policies.reading import get, items, number, quantity, text
from stanchion_policies.rules import Settings, Severity, integer, stack_policy, strings
from stanchion_policies.stack import CloudResource, Stack

AWS_BUDGET, GCP_BUDGET = "aws:budgets/budget:Budget", "gcp:billing/budget:Budget"
BUDGETS = (AWS_BUDGET, GCP_BUDGET)
CLUSTERS = ("aws:eks/cluster:Cluster", "gcp:container/cluster:Cluster")
SERVICE_QUOTA = "aws:servicequotas/serviceQuota:ServiceQuota"
_NAT = ("aws:ec2/natGateway:NatGateway", "gcp:compute/routerNat:RouterNat")
_MONTHS = {"MONTHLY": 1, "QUARTERLY": 3, "ANNUALLY": 12}


@dataclass(frozen=True)
class Cost:
    """$ per month: everything at its minimum, and everything at its maximum."""

    floor: float = 0
    ceiling: float = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.floor + other.floor, self.ceiling + other.ceiling)


def cost_of(resources: Iterable[Resource], cloud: str) -> Cost:
    """What resources of one cloud cost, those left out for which the catalogue has no price.

    Args:
        resources: The resources; those of other clouds do not count.
        cloud: aws or gcp.
    """
    total = Cost()
    for resource in resources:
        pool = pool_of(resource)
        if pool is not None:
            if cloud_of(resource) == cloud:
                total += _of_pool(pool, cloud)
        elif resource.resource_type.startswith(f"{cloud}:"):
            total += _of_fixed(resource, cloud)
    return total


def cloud_of(resource: Resource) -> str:
    """The cloud in which a pool buys its nodes."""
    return "gcp" if resource.resource_type == GKE else "aws"


def _of_pool(pool: NodePool, cloud: str) -> Cost:
    priced = [(each, each.hourly) for each in pool.machines if each.hourly is not None]
    if not priced or len(priced) < len(pool.machines):
        return Cost()
    spot = spot_share(cloud)
    least = (spot if pool.some_spot else 1) * pool.minimum * min(price for _, price in priced)
    most = (spot if pool.spot else 1) * max(
        price * (pool.most_nodes(machine) or 0) for machine, price in priced
    )
    return Cost(least * HOURS_PER_MONTH, most * HOURS_PER_MONTH)


def _of_fixed(resource: Resource, cloud: str) -> Cost:
    item, count = "", 1
    if resource.resource_type in CLUSTERS:
        item = "control_plane"
    elif resource.resource_type in _NAT:
        item = "nat_gateway"
    elif resource.resource_type == "aws:rds/instance:Instance":
        item = text(resource.props, "instanceClass")
        count = 2 if get(resource.props, "multiAz") else 1
    elif resource.resource_type == "gcp:sql/databaseInstance:DatabaseInstance":
        item = text(resource.props, "settings", "tier")
        regional = get(resource.props, "settings", "availabilityType") == "REGIONAL"
        count = 2 if regional else 1
    hourly = fixed_hourly(cloud, item) if item else None
    if hourly is None:
        return Cost()
    return Cost(*(price * count * HOURS_PER_MONTH for price in hourly))


def _monthly(budget: CloudResource) -> float | None:
    """A budget's amount in $ per month; None where it counts something else than money."""
    if budget.type == AWS_BUDGET:
        amount = quantity(get(budget.props, "limitAmount"))
        if get(budget.props, "budgetType") != "COST" or amount is None:
            return None
        return float(amount) / _MONTHS.get(text(budget.props, "timeUnit"), 1)
    amount = quantity(get(budget.props, "amount", "specifiedAmount", "units"))
    return None if amount is None else float(amount)


@stack_policy(
    "budget-exists",
    kinds=CLUSTERS,
    severity=Severity.HIGH,
    fix="Add a budget of the environment with thresholds and someone who hears of them.",
)
def budget_exists(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """A cluster's cost has a budget, and somebody hears when it is used up."""
    kind = AWS_BUDGET if item.type.startswith("aws:") else GCP_BUDGET
    budgets = stack.of(kind)
    if not budgets:
        yield "has no budget beside it in the stack; add one with thresholds"
    field = "notifications" if kind == AWS_BUDGET else "thresholdRules"
    if budgets and not any(items(each.props, field) for each in budgets):
        yield f"{budgets[0].title} has no {field}, so nobody hears of it"


def _planned(item: CloudResource, stack: Stack) -> Cost:
    return cost_of((each.resource for each in stack.resources), item.type.partition(":")[0])


@stack_policy(
    "budget-covers-floor",
    kinds=BUDGETS,
    severity=Severity.HIGH,
    fix="Raise the budget, or lower what runs when nobody asks for anything.",
)
def covers_floor(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """A budget is not spent before anybody uses the environment."""
    amount, planned = _monthly(item), _planned(item, stack)
    if amount is not None and amount < planned.floor:
        yield (
            f"is ${amount:,.0f} a month, and what always runs costs ${planned.floor:,.0f} at least"
        )


@stack_policy(
    "budget-covers-ceiling",
    kinds=BUDGETS,
    severity=Severity.MEDIUM,
    fix="Lower the maxima of the pools, or raise the budget to what the environment may spend.",
    settings={
        "percent": integer("Share of the highest cost that the budget must cover.", 100),
    },
)
def covers_ceiling(item: CloudResource, stack: Stack, settings: Settings) -> Iterator[str]:
    """What the pools may cost at their largest stays within the budget."""
    amount, planned = _monthly(item), _planned(item, stack)
    share = settings.integer("percent")
    cap = planned.ceiling * share / 100
    if amount is not None and amount < cap:
        part = "" if share == 100 else f" ({share} % of the highest)"
        yield f"is ${amount:,.0f} a month, and the pools at their largest cost ${cap:,.0f}{part}"


@stack_policy(
    "pools-within-quota",
    kinds=POOLS,
    severity=Severity.HIGH,
    fix="Ask the cloud for more of the quota and write what it grants into the setting, or lower "
    "the pools' maxima.",
    settings={
        "granted": strings(
            "What the cloud has granted, as CODE=amount, L-DB2E81BA=128 or NVIDIA_L4_GPUS=8 for "
            "instance, in vCPUs or GPUs as it counts; quotas that are not listed are not judged."
        )
    },
)
def within_quota(item: CloudResource, stack: Stack, settings: Settings) -> Iterator[str]:
    """The pools at their largest fit the cloud's quotas."""
    granted = _granted(stack, settings)
    needs: dict[str, dict[str, float]] = {}
    for each in stack.of(*POOLS):
        for code, amount in _needs(each.resource).items():
            needs.setdefault(code, {})[each.urn] = amount
    for code in _needs(item.resource):
        total, first = sum(needs[code].values()), next(iter(needs[code]))
        if code in granted and total > granted[code] and item.urn == first:
            yield (
                f"shares quota {code}, of which the pools need {total:g} at their largest and "
                f"{granted[code]:g} are granted"
            )


def _needs(resource: Resource) -> dict[str, float]:
    """How much of each quota a pool needs at its largest."""
    pool = pool_of(resource)
    if pool is None or not pool.machines:
        return {}
    needs: dict[str, float] = {}
    largest = max(pool.machines, key=lambda machine: (machine.gpus, machine.vcpus))
    for spot in {pool.some_spot, pool.spot}:
        quota = quota_of(largest, spot=spot)
        nodes = pool.most_nodes(largest)
        if quota is not None and nodes is not None:
            each = largest.gpus if quota.unit == "GPU" else largest.vcpus
            needs[quota.code] = each * nodes
    return needs


def _granted(stack: Stack, settings: Settings) -> dict[str, float]:
    """Quotas that the setting names, and those that the stack itself asks for."""
    granted: dict[str, float] = {}
    for entry in settings.strings("granted"):
        code, _, amount = entry.rpartition("=")
        size = quantity(amount)
        if code and size is not None:
            granted[code] = float(size)
    for each in stack.of(SERVICE_QUOTA):
        granted[text(each.props, "quotaCode")] = number(each.props, "value")
    return granted
