"""Each workload's share of the nodes that an environment pays for, and what is nobody's."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from stanchion_cli.costs.workloads import Asked, Workload
from stanchion_cli.estimate import Capacity, Estimate
from stanchion_cli.estimate._catalogue import Cost, Machine, Pool, cost
from stanchion_cli.estimate.capacity import DeclaredPool


@dataclass(frozen=True, slots=True)
class PodPrice:
    """What one pod costs an hour, where it may go.

    Attributes:
        pool: The pool.
        machine: A machine of it.
        devices: GPUs of the machine, or slices of them.
        node: $ an hour of the whole machine.
        asked: What the pod asks for.
    """

    pool: str
    machine: Machine
    devices: int
    node: float
    asked: Asked

    @property
    def share(self) -> float:
        """Part of the machine that the pod takes, 0 to 1; more where it is too small."""
        return self.part(self.asked)

    @property
    def hourly(self) -> float:
        """$ an hour of the pod."""
        return self.share * self.node

    def part(self, asked: Asked) -> float:
        """Part of the machine that a pod takes which asks for so much."""
        parts = [asked.cpu / self.machine.vcpus, asked.memory / self.machine.memory]
        if asked.devices:
            parts.append(asked.devices / self.devices if self.devices else math.inf)
        return max(parts)


@dataclass(frozen=True, slots=True)
class Share:
    """A workload with its cost.

    Attributes:
        workload: The workload.
        cheapest: Where a pod of it costs least; None where that is not known.
        dearest: Where it costs most; None likewise.
        unknown: Why there is no cost; empty where there is.
    """

    workload: Workload
    cheapest: PodPrice | None
    dearest: PodPrice | None
    unknown: str = ""

    @property
    def cost(self) -> Cost | None:
        """$ an hour of all its pods, fewest on the cheapest machine to most on the dearest."""
        if self.cheapest is None or self.dearest is None:
            return None
        return Cost(
            self.cheapest.hourly * self.workload.fewest, self.dearest.hourly * self.workload.most
        )


@dataclass(frozen=True, slots=True)
class Rest:
    """What of a pool nobody's pods ask for.

    Attributes:
        pool: The pool.
        cost: $ an hour; None where the pool has no price.
        over: Whether its workloads at their most ask for more than it may have.
    """

    pool: str
    cost: Cost | None
    over: bool = False


@dataclass(frozen=True, slots=True)
class Allocation:
    """Where an environment's cost goes.

    Attributes:
        estimate: Of the whole environment.
        shares: Of the workloads.
        rests: Of the pools, in their order.
    """

    estimate: Estimate
    shares: tuple[Share, ...]
    rests: tuple[Rest, ...]


def allocate(capacity: Capacity, estimate: Estimate, workloads: Iterable[Workload]) -> Allocation:
    """Divide an environment's nodes among what runs on them.

    A pod's share of a node is the largest of what it asks for of the node's CPU, memory and GPUs,
    so that a node is full when any of them is. A pool has as many nodes as its workloads need, and
    its minimum at the least; what of them nobody asks for is its rest, with what Kubernetes keeps
    for itself and the charts' controllers.
    """
    shares = tuple(_share(workload, capacity.pools) for workload in workloads)
    pool_costs = {line.name: line.cost for line in estimate.lines if line.kind == "pool"}
    rests = tuple(_rest(name, known, shares) for name, known in pool_costs.items())
    return Allocation(estimate, shares, rests)


def _share(workload: Workload, pools: Sequence[DeclaredPool]) -> Share:
    candidates = _homes(workload, pools)
    if not candidates:
        named = f"no pool is named {workload.pool}" if workload.pool else "no pool is for it"
        return Share(workload, None, None, named)
    prices: list[PodPrice] = []
    for pool in candidates:
        resolved = pool.resolved()
        found = _prices(workload.asked, resolved, pool.devices_per_node) if resolved else None
        if found is None:
            return Share(workload, None, None, f"pool {pool.name} has no confirmed price")
        prices += found
    if not prices:
        where = ", ".join(pool.name for pool in candidates)
        return Share(workload, None, None, f"no machine of {where} is large enough")
    by_cost = sorted(prices, key=lambda price: price.hourly)
    return Share(workload, by_cost[0], by_cost[-1])


def _homes(workload: Workload, pools: Sequence[DeclaredPool]) -> list[DeclaredPool]:
    """The pool that it names, else those of CPUs alone: nodes with GPUs are tainted."""
    if workload.pool:
        return [pool for pool in pools if pool.name == workload.pool]
    return [pool for pool in pools if pool.for_workloads and not pool.devices_per_node]


def _prices(asked: Asked, pool: Pool, devices: int) -> list[PodPrice] | None:
    """Every way to run a pod in a pool, by machine and market; None where one has no price."""
    found: list[PodPrice] = []
    for machine in pool.machines:
        for kind in pool.capacity:
            one = replace(pool, machines=(machine,), capacity=(kind,), min_nodes=1, max_nodes=1)
            priced = cost(one)
            if priced is None:
                return None
            there = devices or machine.gpus
            price = PodPrice(pool.name, machine, there, priced.floor_hourly, asked)
            if price.share <= 1:
                found.append(price)
    return found


def _rest(name: str, known: Cost | None, shares: Sequence[Share]) -> Rest:
    if known is None:
        return Rest(name, None)
    floor, ceiling, nodes = 0.0, 0.0, defaultdict[tuple[str, float], float](float)
    for each in shares:
        if each.cheapest is not None and each.cheapest.pool == name:
            pods = each.workload.fewest
            floor += each.cheapest.hourly * pods
            nodes[each.cheapest.machine.name, each.cheapest.node] += each.cheapest.share * pods
        if each.dearest is not None and each.dearest.pool == name:
            ceiling += each.dearest.hourly * each.workload.most
    # Some hundredths of a node are rounding, and no further node.
    needed = sum(math.ceil(count - 1e-9) * price for (_, price), count in nodes.items())
    return Rest(
        name,
        Cost(max(known.floor_hourly, needed) - floor, max(0.0, known.ceiling_hourly - ceiling)),
        over=ceiling > known.ceiling_hourly + 1e-9,
    )
