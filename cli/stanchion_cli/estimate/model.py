"""What an environment costs between its floor and its ceiling, and which quotas it needs.

From what it declares and the catalogue alone: no cloud is asked. The floor has everything at its
minimum on the cheapest machine and market, the ceiling everything at its maximum on the dearest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from stanchion_cli.estimate._catalogue import (
    Cost,
    PriceList,
    QuotaNeed,
    cost,
    fixed_price,
    hourly_price,
    machine_prices,
    price_list,
    quota_needed,
    spot_discount,
)
from stanchion_cli.estimate.capacity import Capacity, DeclaredFixed, DeclaredPool, read_capacity
from stanchion_cli.preview.model import Preview

NOT_INCLUDED = (
    "disks and volumes",
    "storage and backups",
    "traffic",
    "load balancers",
    "logs and metrics",
    "keys and secrets",
    "support and taxes",
)
"""What an estimate leaves out, as it depends on use."""


@dataclass(frozen=True, slots=True)
class Line:
    """One pool or one fixed thing."""

    name: str
    kind: Literal["pool", "fixed"]
    what: str
    """What is priced: machines, capacity and nodes, or the item and how many."""
    cost: Cost | None
    """None where it cannot be known; never zero for that."""
    unknown: str = ""
    """Why there is no cost."""
    second_hand: bool = False
    """Whether the price was read in others' accounts of the price list."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The cost of an environment and the quotas that it needs in its region."""

    environment: str
    cloud: str
    region: str
    account: str
    lines: tuple[Line, ...]
    quotas: tuple[QuotaNeed, ...]
    uncounted: tuple[str, ...]
    """Pools whose quota is not counted, since a machine of theirs is not in the catalogue."""
    budget_monthly: float | None
    prices: PriceList
    oldest: date
    """Of the prices of its machines."""
    spot_discount: float
    has_spot: bool
    """Whether a pool may take spot, so that the discount matters."""

    @property
    def total(self) -> Cost:
        """The sum of every line with a price; at least that much where `unpriced` has lines."""
        return total(line.cost for line in self.lines)

    @property
    def unpriced(self) -> tuple[Line, ...]:
        """The lines that `total` does not hold."""
        return tuple(line for line in self.lines if line.cost is None)


def estimate_of(preview: Preview) -> Estimate | None:
    """The estimate of a previewed environment; None where it declares no capacity.

    Raises:
        StanchionError: if what it declares is malformed.
    """
    capacity = read_capacity(preview.outputs, environment=preview.environment)
    if capacity is None:
        return None
    if not capacity.account:
        capacity = replace(capacity, account=_account(preview))
    return estimate(capacity, environment=preview.environment)


def estimate(capacity: Capacity, *, environment: str) -> Estimate:
    """What a declared capacity costs and needs."""
    resolved = [(pool, pool.resolved()) for pool in capacity.pools]
    return Estimate(
        environment=environment,
        cloud=capacity.cloud,
        region=capacity.region,
        account=capacity.account,
        lines=(
            *(_pool_line(pool) for pool in capacity.pools),
            *(_fixed_line(capacity.cloud, fixed) for fixed in capacity.fixed),
        ),
        quotas=quota_needed(found for _, found in resolved if found is not None),
        uncounted=tuple(pool.name for pool, found in resolved if found is None),
        budget_monthly=capacity.budget_monthly,
        prices=price_list(capacity.cloud),
        oldest=_oldest(capacity),
        spot_discount=spot_discount(capacity.cloud),
        has_spot=any("spot" in pool.capacity for pool in capacity.pools),
    )


_ACCOUNT_INPUTS = {
    "pulumi:providers:aws": "allowedAccountIds",
    "pulumi:providers:gcp": "project",
}


def _account(preview: Preview) -> str:
    """The account or project that the cloud's provider is bound to; empty where it is to none."""
    for resource in preview.resources:
        value = resource.inputs.get(_ACCOUNT_INPUTS.get(resource.type, ""))
        if isinstance(value, str) and value.startswith("["):
            value = json.loads(value)  # providers get lists as JSON
        if isinstance(value, list | tuple) and len(value) == 1:
            value = value[0]
        if isinstance(value, str):
            return value
    return ""


def _oldest(capacity: Capacity) -> date:
    known = machine_prices(capacity.cloud)
    machines = {machine for pool in capacity.pools for machine in pool.machines}
    dates = [known[machine].source.date for machine in machines if machine in known]
    return min(dates, default=price_list(capacity.cloud).source.date)


def total(costs: Iterable[Cost | None]) -> Cost:
    """The sum of the known ones."""
    known = [each for each in costs if each is not None]
    return Cost(
        sum(each.floor_hourly for each in known), sum(each.ceiling_hourly for each in known)
    )


def as_json(found: Estimate) -> dict[str, Any]:
    """The estimate for tools: $ throughout, null for what is not known."""
    return {
        "cloud": found.cloud,
        "region": found.region,
        "currency": "USD",
        "lines": [
            {
                "name": line.name,
                "kind": line.kind,
                "what": line.what,
                **_amounts(line.cost),
                "unknown": line.unknown or None,
                "secondHand": line.second_hand,
            }
            for line in found.lines
        ],
        "total": {**_amounts(found.total), "complete": not found.unpriced},
        "budgetMonthlyUsd": found.budget_monthly,
        "prices": {
            "region": found.prices.region,
            "date": found.prices.source.date.isoformat(),
            "oldest": found.oldest.isoformat(),
            "source": found.prices.source.url,
        },
        "spotDiscount": found.spot_discount,
        "notIncluded": list(NOT_INCLUDED),
        "quotas": [
            {
                "code": need.code,
                "name": need.name,
                "needed": need.amount,
                "unit": need.unit,
                "region": found.region,
                "pools": list(need.pools),
            }
            for need in found.quotas
        ],
        "quotaNotCounted": list(found.uncounted),
    }


def _amounts(known: Cost | None) -> dict[str, float | None]:
    return {
        "floorHourly": None if known is None else round(known.floor_hourly, 6),
        "ceilingHourly": None if known is None else round(known.ceiling_hourly, 6),
        "floorMonthly": None if known is None else round(known.floor_monthly, 2),
        "ceilingMonthly": None if known is None else round(known.ceiling_monthly, 2),
    }


def _pool_line(pool: DeclaredPool) -> Line:
    nodes = (
        f"{pool.min_nodes} nodes"
        if pool.min_nodes == pool.max_nodes
        else f"{pool.min_nodes} to {pool.max_nodes} nodes"
    )
    machines = ", ".join(pool.machines[:3]) or "no machine named"
    more = f" and {len(pool.machines) - 3} more" if len(pool.machines) > 3 else ""
    kinds = ", ".join(kind.replace("_", " ") for kind in pool.capacity)
    each = " of each" if pool.cloud == "gcp" and len(pool.capacity) > 1 else ""
    what = f"{nodes}{each}, {kinds}: {machines}{more}"
    resolved = pool.resolved()
    if resolved is None:
        absent = ", ".join(pool.unlisted)
        why = f"{absent}: not in the catalogue" if absent else "names no machine"
        return Line(pool.name, "pool", what, None, why)
    known = cost(resolved)
    if known is None:
        without = [each for each in pool.machines if hourly_price(pool.cloud, each) is None]
        return Line(pool.name, "pool", what, None, f"no confirmed price of {', '.join(without)}")
    return Line(pool.name, "pool", what, known)


def _fixed_line(cloud: str, fixed: DeclaredFixed) -> Line:
    price = fixed_price(cloud, fixed.item)
    if price is None:
        what = f"{fixed.count} x {fixed.item}"
        return Line(fixed.name, "fixed", what, None, f"no confirmed price of {fixed.item}")
    known = Cost(price.floor_hourly * fixed.count, price.ceiling_hourly * fixed.count)
    what = f"{fixed.count} x {fixed.item}: {price.what}"
    return Line(fixed.name, "fixed", what, known, second_hand=price.second_hand)
