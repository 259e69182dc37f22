"""Where a service runs: the tenant and the pool that its file names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from stanchion import Placement


@dataclass(frozen=True)
class PoolOffer:
    """What a service may find on a pool."""

    placement: Placement
    """How it gets there, and how many GPUs it may ask for."""
    interruptible: bool = False
    """Whether a service must not depend on it, because it may be gone at once."""


def place_problems(
    tenant: str,
    pool: str | None,
    environment: str,
    tenants: Collection[str],
    pools: Collection[str],
) -> list[str]:
    """What is wrong with where a service file, of whatever kind, has it run.

    Args:
        tenant: Its tenant.
        pool: Its pool, if it names one.
        environment: The environment that it is for.
        tenants: Names of its tenants.
        pools: Names of its pools.
    """
    problems = []
    if tenant not in tenants:
        known = ", ".join(tenants) or "none"
        problems.append(
            f"tenant: '{tenant}' is not declared; add it under stanchion:tenants of "
            f"{environment} (declared: {known})"
        )
    if pool is not None and pool not in pools:
        near = get_close_matches(pool, pools) or sorted(pools)
        fix = f"write {' or '.join(near)}" if near else "add it there, or remove pool"
        problems.append(f"pool: '{pool}' is not under stanchion:pools of {environment}; {fix}")
    return problems


def interruption_problems(
    pool: str | None, environment: str, pools: Mapping[str, PoolOffer]
) -> list[str]:
    """What is wrong with a pool for a service that somebody waits for; jobs begin again.

    Args:
        pool: Its pool, if it names one.
        environment: The environment that it is for.
        pools: What its pools have, by their names.
    """
    if pool is None or pool not in pools or not pools[pool].interruptible:
        return []
    return [
        f"pool: '{pool}' of {environment} has spot capacity alone, and the cloud may take all "
        "of it back at once; write a pool that has on_demand or reservation too"
    ]


def gpu_problems(
    gpus: int, pool: str | None, environment: str, pools: Mapping[str, PoolOffer]
) -> list[str]:
    """What is wrong with the number of GPUs that a replica asks for on its pool.

    Args:
        gpus: How many.
        pool: Its pool, if it names one.
        environment: The environment that it is for.
        pools: What its pools have, by their names.
    """
    if pool is None or pool not in pools:
        return []
    most = pools[pool].placement["devices_per_container"]
    if gpus > most:
        fix = f"write at most {most}" if most else "remove gpus, or name a pool of GPUs"
        return [
            f"resources.gpus: {gpus} is more than the {most} that a container may have on "
            f"pool '{pool}' of {environment}; {fix}"
        ]
    if most and not gpus:
        return [
            f"resources.gpus: is 0, and pool '{pool}' of {environment} has GPU nodes, "
            f"which would be paid for unused; write 1 to {most}, or name a pool of CPUs"
        ]
    return []
