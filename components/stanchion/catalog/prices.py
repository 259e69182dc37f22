"""What one machine, or one thing that always runs, costs per hour in a cloud's price list."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from stanchion.catalog.machines import Source, load, source

HOURS_PER_MONTH = 730
_CLOUD_SQL = re.compile(r"db-custom-(\d+)-(\d+)")
_MIB_PER_GIB = 1024


@dataclass(frozen=True)
class PriceList:
    """Where the prices of most of a cloud's machines come from."""

    region: str
    """The one region that they hold for."""
    source: Source


@dataclass(frozen=True)
class FixedPrice:
    """What a control plane, a gateway or a database costs, $ per hour for one."""

    what: str
    """Which product and variant it is the price of."""
    floor_hourly: float
    ceiling_hourly: float
    """More than the floor where the price grows with use."""
    source: Source
    second_hand: bool
    """Read in somebody's account of the price list, not in the list itself."""


def price_list(cloud: str) -> PriceList:
    """Region, source and date of the machines' prices in a cloud."""
    block = _prices()[cloud]
    return PriceList(block["region"], source(block))


@dataclass(frozen=True)
class MachinePrice:
    """A machine's on-demand price."""

    hourly: float
    """$ per hour."""
    source: Source


@cache
def machine_prices(cloud: str) -> Mapping[str, MachinePrice]:
    """Every price of a machine in a cloud, by the machine's name."""
    block = _prices()[cloud]
    return {
        machine: MachinePrice(float(hourly), source(table))
        for table in (block, *block.get("more", ()))
        for machine, hourly in table["hourly"].items()
    }


def hourly_price(cloud: str, machine: str) -> float | None:
    """A machine's on-demand price, $ per hour; None where no source confirmed one."""
    price = machine_prices(cloud).get(machine)
    return None if price is None else price.hourly


def spot_discount(cloud: str) -> float:
    """The share of the list price that spot is taken to save, between 0 and 1: an estimate."""
    return float(_prices()[cloud]["spot_discount"])


def fixed_price(cloud: str, item: str) -> FixedPrice | None:
    """What one `item` costs; None where no source confirmed a price.

    Args:
        cloud: aws or gcp.
        item: control_plane, nat_gateway, a class of RDS as db.m7g.large, a tier of Cloud SQL as
            db-custom-2-8192 (vCPUs, MiB), or another entry of prices.yaml.
    """
    fixed = _prices()[cloud]["fixed"]
    shape = _CLOUD_SQL.fullmatch(item)
    if shape is not None and "db-custom" in fixed:
        entry = fixed["db-custom"]
        vcpus, memory = int(shape[1]), int(shape[2]) / _MIB_PER_GIB
        hourly = vcpus * entry["hourly_vcpu"] + memory * entry["hourly_gib"]
    elif item in fixed and "hourly" in fixed[item]:
        entry = fixed[item]
        hourly = entry["hourly"]
    else:
        return None
    return FixedPrice(
        what=entry["what"],
        floor_hourly=float(entry.get("floor", hourly)),
        ceiling_hourly=float(hourly),
        source=source(entry),
        second_hand=bool(entry.get("second_hand", False)),
    )


@cache
def _prices() -> dict[str, Any]:
    return load("prices.yaml")
