"""The catalogue and what reads schedules, without the components beside them.

`import stanchion` loads every component and with them the providers' SDKs, which takes longer
than a whole preview may. The catalogue needs none of that, so its package is entered without
running the parent's `__init__`; a later `import stanchion` still runs it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec


@contextmanager
def _entered(package: str) -> Iterator[None]:
    """Let the block import below `package` without running it."""
    spec = None if package in sys.modules else find_spec(package)
    if spec is None:
        yield
        return
    sys.modules[package] = module_from_spec(spec)
    try:
        yield
    finally:
        del sys.modules[package]


with _entered("stanchion"):
    from stanchion.catalog.machines import IDLE_PERCENT, CatalogueError, Machine, machine
    from stanchion.catalog.pools import CapacityKind, Cost, Pool, QuotaNeed, cost, quota_needed
    from stanchion.catalog.prices import (
        HOURS_PER_MONTH,
        FixedPrice,
        PriceList,
        fixed_price,
        hourly_price,
        machine_prices,
        price_list,
        spot_discount,
    )
    from stanchion.schedules import is_schedule, runs_per_month

__all__ = [
    "HOURS_PER_MONTH",
    "IDLE_PERCENT",
    "CapacityKind",
    "CatalogueError",
    "Cost",
    "FixedPrice",
    "Machine",
    "Pool",
    "PriceList",
    "QuotaNeed",
    "cost",
    "fixed_price",
    "hourly_price",
    "is_schedule",
    "machine",
    "machine_prices",
    "price_list",
    "quota_needed",
    "runs_per_month",
    "spot_discount",
]
