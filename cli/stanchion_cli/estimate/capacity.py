"""What an environment declares that costs money: the stack's output `capacity`, read and checked.

```yaml
cloud: aws
region: us-east-1
account: "123456789012"     # optional: account, or project on Google Cloud
pools:
  - {name: l4, machines: [g6.xlarge], capacity: [spot, on_demand], minNodes: 0, maxNodes: 4,
     devicesPerNode: 1}       # optional: GPUs of a node, or slices; forWorkloads: false, none
fixed:
  - {name: database, item: db.m7g.large, count: 2}
budgetMonthlyUsd: 5000      # optional
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stanchion_cli.errors import StanchionError
from stanchion_cli.estimate._catalogue import CapacityKind, CatalogueError, Machine, Pool, machine
from stanchion_cli.preview.model import contains_unknown

OUTPUT = "capacity"
CLOUDS = ("aws", "gcp")


@dataclass(frozen=True, slots=True)
class DeclaredPool:
    """A pool of nodes as it is declared: machines by name, listed in the catalogue or not."""

    name: str
    cloud: str
    machines: tuple[str, ...]
    capacity: tuple[CapacityKind, ...]
    min_nodes: int
    max_nodes: int
    for_workloads: bool = True
    """Whether anything but the platform's controllers may go there."""
    devices_per_node: int = 0
    """GPUs of a node, or slices of them."""

    @property
    def unlisted(self) -> tuple[str, ...]:
        """Its machines that the catalogue does not have."""
        return tuple(name for name in self.machines if _listed(self.cloud, name) is None)

    def resolved(self) -> Pool | None:
        """The catalogue's pool; None where it names no machine or one that is not listed."""
        found = tuple(each for name in self.machines if (each := _listed(self.cloud, name)))
        if not found or len(found) < len(self.machines):
            return None
        return Pool(self.name, self.cloud, found, self.capacity, self.min_nodes, self.max_nodes)


@dataclass(frozen=True, slots=True)
class DeclaredFixed:
    """Something that runs whatever the pools do, `count` times."""

    name: str
    item: str
    count: int


@dataclass(frozen=True, slots=True)
class Capacity:
    """Everything that an environment declares and that has a price or needs quota."""

    cloud: str
    region: str
    account: str
    """Account or project; empty where the environment does not say."""
    pools: tuple[DeclaredPool, ...]
    fixed: tuple[DeclaredFixed, ...]
    budget_monthly: float | None
    """$ per month; None where no budget is declared."""


def read_capacity(outputs: Mapping[str, Any], *, environment: str) -> Capacity | None:
    """The capacity among a stack's outputs; None where the environment has none, as `local`.

    Raises:
        StanchionError: if the output is not of the form above.
    """
    given = outputs.get(OUTPUT)
    if given is None:
        return None
    reading = _Reading(environment)
    if contains_unknown(given):
        raise reading.wrong("", "holds values that are unknown offline")
    block = reading.mapping(given, "")
    cloud = reading.text(block, "cloud", "")
    if cloud not in CLOUDS:
        raise reading.wrong(".cloud", f"'{cloud}' has no catalogue", f"one of {', '.join(CLOUDS)}")
    budget = block.get("budgetMonthlyUsd")
    return Capacity(
        cloud=cloud,
        region=reading.text(block, "region", ""),
        account=str(block.get("account") or ""),
        pools=tuple(
            reading.pool(item, cloud, f".pools[{index}]")
            for index, item in enumerate(reading.sequence(block, "pools", ""))
        ),
        fixed=tuple(
            reading.fixed(item, f".fixed[{index}]")
            for index, item in enumerate(reading.sequence(block, "fixed", ""))
        ),
        budget_monthly=None if budget is None else reading.amount(budget, ".budgetMonthlyUsd"),
    )


def _listed(cloud: str, name: str) -> Machine | None:
    try:
        return machine(cloud, name)
    except CatalogueError:
        return None


class _Reading:
    """Takes values out of the output; errors name their place in it."""

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def wrong(self, path: str, reason: str, fix: str = "") -> StanchionError:
        return StanchionError(
            reason,
            where=f"output {OUTPUT}{path} of {self._environment}",
            fix=fix and f"write {fix}",
        )

    def mapping(self, value: Any, path: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self.wrong(path, "is no mapping")
        return value

    def text(self, block: Mapping[str, Any], key: str, path: str) -> str:
        value = block.get(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(f"{path}.{key}", "is no text")
        return value

    def sequence(self, block: Mapping[str, Any], key: str, path: str) -> list[Any]:
        value = block.get(key, [])
        if not isinstance(value, list | tuple):
            raise self.wrong(f"{path}.{key}", "is no list")
        return list(value)

    def amount(self, value: Any, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise self.wrong(path, "is no number of at least 0")
        return value

    def pool(self, value: Any, cloud: str, path: str) -> DeclaredPool:
        block = self.mapping(value, path)
        lowest = int(self.amount(block.get("minNodes"), f"{path}.minNodes"))
        highest = int(self.amount(block.get("maxNodes"), f"{path}.maxNodes"))
        if highest < lowest:
            raise self.wrong(f"{path}.maxNodes", f"{highest} is below minNodes, {lowest}")
        known = ", ".join(CapacityKind)
        kinds = self.sequence(block, "capacity", path)
        if not kinds or any(kind not in list(CapacityKind) for kind in kinds):
            raise self.wrong(f"{path}.capacity", f"{kinds} are no kinds of capacity", known)
        return DeclaredPool(
            name=self.text(block, "name", path),
            cloud=cloud,
            machines=tuple(map(str, self.sequence(block, "machines", path))),
            capacity=tuple(CapacityKind(kind) for kind in kinds),
            min_nodes=lowest,
            max_nodes=highest,
            for_workloads=block.get("forWorkloads") is not False,
            devices_per_node=int(
                self.amount(block.get("devicesPerNode", 0), f"{path}.devicesPerNode")
            ),
        )

    def fixed(self, value: Any, path: str) -> DeclaredFixed:
        block = self.mapping(value, path)
        return DeclaredFixed(
            name=self.text(block, "name", path),
            item=self.text(block, "item", path),
            count=int(self.amount(block.get("count"), f"{path}.count")),
        )
