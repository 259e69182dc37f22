"""What an environment costs at the least, and what its cost and quotas depend on."""

from __future__ import annotations

from collections.abc import Sequence

from environment import NAMESPACE, Environment
from foundation_args import CheckedPool, network_args
from provider import AnyCloud, LocalProvider
from stanchion import NatGateways
from stanchion.catalog.pools import cost
from stanchion.catalog.prices import HOURS_PER_MONTH, fixed_price
from validation import InvalidFileError


def capacity_summary(environment: Environment, pools: Sequence[CheckedPool]) -> object:
    """What cost and quota depend on, for the stack's outputs; none without a cloud."""
    provider, budget = environment.provider, environment.budget
    if isinstance(provider, LocalProvider) or budget is None:
        return None
    return {
        "cloud": provider.cloud,
        "region": provider.region,
        "account": provider.account,
        "pools": [
            {
                "name": each.pool.name,
                "machines": [machine.name for machine in each.pool.machines],
                "capacity": [str(kind) for kind in each.pool.capacity],
                "minNodes": each.pool.min_nodes,
                "maxNodes": each.pool.max_nodes,
                "forWorkloads": each.placement is not None,
                "devicesPerNode": each.placement["devices_per_node"] if each.placement else 0,
            }
            for each in pools
        ],
        "fixed": [
            {"name": name, "item": item, "count": count}
            for name, item, count in _fixed(environment, provider)
        ],
        "budgetMonthlyUsd": budget.monthly_usd,
    }


def check_budget(environment: Environment, pools: Sequence[CheckedPool]) -> None:
    """Hold the budget to what the environment costs with everything at its minimum.

    What the catalogue has no price for counts nothing here, so a budget that passes may still be
    too small.

    Raises:
        InvalidFileError: when it is spent before anybody uses the environment.
    """
    provider, budget = environment.provider, environment.budget
    if isinstance(provider, LocalProvider) or budget is None:
        return
    priced = [cost(each.pool) for each in pools]
    floor = sum(each.floor_monthly for each in priced if each is not None)
    for _, item, count in _fixed(environment, provider):
        price = fixed_price(provider.cloud, item)
        floor += price.floor_hourly * count * HOURS_PER_MONTH if price else 0
    if budget.monthly_usd < floor:
        raise InvalidFileError(
            [
                f"{NAMESPACE}:budget.monthlyUsd: {budget.monthly_usd} is below the floor, "
                f"${floor:,.0f} a month with every pool at its minimum; raise it"
            ]
        )


def _fixed(environment: Environment, provider: AnyCloud) -> list[tuple[str, str, int]]:
    """What runs whatever the pools do: its name, its item in the catalogue, and how many."""
    single = network_args(environment, provider, "").get("nat") is NatGateways.SINGLE
    return [
        ("control plane", "control_plane", 1),
        ("NAT gateways", "nat_gateway", provider.nat_gateways(single=single)),
        ("database", environment.database_machine, 2 if environment.keep else 1),
    ]
