"""`JobQueues` held to its rules."""

from stanchion.checks import Checks
from stanchion.jobs import _shares
from stanchion.jobs.queues_arguments import JobQueuesArgs, QueuePreemption, QueueTenant
from stanchion.placement import Placement

_MOST_POOLS = 64
"""Flavours that one group of a ClusterQueue may have."""
_LEAST_WEIGHT, _MOST_WEIGHT = 0.001, 1000.0


def checked(name: str, args: JobQueuesArgs) -> JobQueuesArgs:
    """The arguments, held to their types and bounds.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("JobQueues", name)
    args = check.arguments(JobQueuesArgs, args)
    check.name("environment", args["environment"])
    check.label("owner", args["owner"])
    check.label("cost_center", args["cost_center"])
    check.between("pools", len(args["pools"]), 1, _MOST_POOLS)
    check.unique("pools", [pool["pool"] for pool in args["pools"]])
    check.unique("tenants", [tenant["tenant"] for tenant in args["tenants"]])
    for at, pool in enumerate(args["pools"]):
        for field in ("max_cpu", "max_memory"):
            if field not in pool:
                check.refuse(
                    f"pools[{at}].{field}", "is missing", "write how much pods may ask for there"
                )
    for at, tenant in enumerate(args["tenants"]):
        _check_tenant(check, f"tenants[{at}]", tenant, args["pools"])
    if args.get("within") is QueuePreemption.ANY:
        check.refuse(
            "within",
            "is any, and within one queue Kueue stops nothing of the same priority for another",
            "write never or lower_priority",
        )
    check.done()
    for field, reason, fix in _shares.too_much(args["tenants"], args["pools"]):
        check.refuse(field, reason, fix)
    check.done()
    return args


def _check_tenant(check: Checks, path: str, tenant: QueueTenant, pools: list[Placement]) -> None:
    check.name(f"{path}.tenant", tenant["tenant"])
    check.label(f"{path}.owner", tenant["owner"])
    check.label(f"{path}.cost_center", tenant["cost_center"])
    quota = tenant.get("quota", {})
    for field in ("cpu", "memory"):
        check.quantity(f"{path}.quota.{field}", str(quota.get(field, "1")))
    check.between(f"{path}.weight", tenant.get("weight", 1.0), _LEAST_WEIGHT, _MOST_WEIGHT)
    shares = tenant.get("guaranteed", [])
    check.unique(f"{path}.guaranteed", [share["pool"] for share in shares])
    known = {pool["pool"]: pool for pool in pools}
    for at, share in enumerate(shares):
        here = f"{path}.guaranteed[{at}]"
        if share["pool"] not in known:
            check.refuse(
                f"{here}.pool",
                f"'{share['pool']}' is none of pools",
                f"write one of {', '.join(known)}",
            )
        elif share.get("gpus", 0) and not known[share["pool"]]["device"]:
            check.refuse(
                f"{here}.gpus",
                f"is {share['gpus']}, and pool '{share['pool']}' has none",
                "remove it",
            )
        for field, number in (
            ("gpus", share.get("gpus", 0)),
            ("cpu", share.get("cpu", 0)),
            ("memory", share.get("memory", 0)),
        ):
            if number < 0:
                check.refuse(f"{here}.{field}", f"is {number}", "write how much, or leave it out")
