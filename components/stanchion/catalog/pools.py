"""What a pool of nodes costs and which quotas it needs, from the catalogue alone: an estimate."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from stanchion.catalog.machines import Machine, load
from stanchion.catalog.prices import HOURS_PER_MONTH, hourly_price, spot_discount


class CapacityKind(StrEnum):
    """A way to come by nodes, in the order in which clouds try them."""

    RESERVATION = "reservation"
    """Reserved beforehand and paid for whether used or not."""
    CAPACITY_BLOCK = "capacity_block"
    """Reserved for a time to come, AWS alone."""
    QUEUED = "queued"
    """All nodes of a job at once, when the cloud has them, Google Cloud alone."""
    SPOT = "spot"
    """Cheap, and taken back at any time."""
    ON_DEMAND = "on_demand"
    """When asked for, at list price, where the cloud has any."""


@dataclass(frozen=True)
class Pool:
    """As much of a pool as its cost and its quotas depend on."""

    name: str
    cloud: str
    machines: tuple[Machine, ...]
    """What its nodes may be."""
    capacity: tuple[CapacityKind, ...]
    min_nodes: int
    max_nodes: int


@dataclass(frozen=True)
class Cost:
    """$ per hour between everything at its minimum and everything at its maximum."""

    floor_hourly: float
    ceiling_hourly: float

    @property
    def floor_monthly(self) -> float:
        """The floor over a month of 730 hours."""
        return self.floor_hourly * HOURS_PER_MONTH

    @property
    def ceiling_monthly(self) -> float:
        """The ceiling over a month of 730 hours."""
        return self.ceiling_hourly * HOURS_PER_MONTH


@dataclass(frozen=True)
class QuotaNeed:
    """How much of a quota pools need at their maximum."""

    cloud: str
    code: str | None
    """Quota code on AWS, metric or quota ID on Google Cloud; None where none is confirmed."""
    name: str
    amount: int
    unit: str
    """vCPU or GPU."""
    pools: tuple[str, ...]
    """Whose need it is."""
    gpu_family: str | None = None
    """The quota's dimension on Google Cloud, as NVIDIA_H100, where one quota has several."""


def cost(pool: Pool) -> Cost | None:
    """What a pool costs, or None where the catalogue has no price for one of its machines.

    The floor takes the cheapest machine and kind, the ceiling the dearest. Spot is the list price
    less the estimated discount; reserved, queued and block capacity count at list price, which
    they may well undercut. Disks, traffic and the control plane are not in it.
    """
    prices = [hourly_price(pool.cloud, machine.name) for machine in pool.machines]
    listed = [price for price in prices if price is not None]
    if len(listed) < len(prices):
        return None
    on_spot = 1 - spot_discount(pool.cloud)
    shares = {kind: on_spot if kind is CapacityKind.SPOT else 1.0 for kind in pool.capacity}
    dearest = max(listed)
    if pool.cloud == "gcp":
        ceiling = dearest * sum(shares.values()) * pool.max_nodes
    else:
        ceiling = dearest * max(shares.values()) * pool.max_nodes
    return Cost(min(listed) * min(shares.values()) * pool.min_nodes, ceiling)


def quota_needed(pools: Iterable[Pool]) -> tuple[QuotaNeed, ...]:
    """What the pools of a region need of each quota when all are at their maximum.

    A pool that may be bought in two ways needs its maximum of both quotas; on Google Cloud, where
    each kind of capacity is bounded by itself, two kinds that one quota counts need it twice.
    Capacity blocks need none. Machines are counted by the largest that the pool may use.
    """
    needs: dict[tuple[str, _Quota], dict[str, int]] = {}
    for pool in pools:
        counted = [kind for kind in pool.capacity if kind is not CapacityKind.CAPACITY_BLOCK]
        markets = Counter(kind is CapacityKind.SPOT for kind in counted)
        for spot, kinds in sorted(markets.items()):
            nodes = pool.max_nodes * (kinds if pool.cloud == "gcp" else 1)
            largest = max(pool.machines, key=lambda machine: (machine.gpus, machine.vcpus))
            quota = _quota(largest, spot=spot)
            each = largest.gpus if quota.unit == "GPU" else largest.vcpus
            needed = needs.setdefault((pool.cloud, quota), {})
            needed[pool.name] = needed.get(pool.name, 0) + each * nodes
    return tuple(
        QuotaNeed(
            cloud=cloud,
            code=quota.code,
            name=quota.name,
            amount=sum(by_pool.values()),
            unit=quota.unit,
            pools=tuple(by_pool),
            gpu_family=quota.gpu_family,
        )
        for (cloud, quota), by_pool in needs.items()
    )


class _Quota(NamedTuple):
    code: str | None
    name: str
    unit: str
    gpu_family: str | None = None


def _quota(machine: Machine, *, spot: bool) -> _Quota:
    """The quota that counts a machine."""
    block = _quotas()[machine.cloud]
    for entry in block["quotas"]:
        counts = machine.accelerator is not None and entry.get("accelerator") == machine.accelerator
        letters = tuple(entry.get("families", ()))
        if entry["spot"] == spot and (counts or machine.family.startswith(letters)):
            family = entry.get("gpu_family")
            name = entry.get("name") or (f"{entry['code']} ({family})" if family else entry["code"])
            return _Quota(entry["code"], name, entry.get("unit", block["unit"]), family)
    how = "spot" if spot else "on-demand"
    unit = "GPU" if machine.cloud == "gcp" and machine.gpus else "vCPU"
    return _Quota(None, f"{how} {machine.family} of {machine.cloud}: not in the catalogue", unit)


@cache
def _quotas() -> dict[str, Any]:
    return load("quotas.yaml")
