"""Nodes with GPUs, or of CPUs alone, that come and go with the work."""

import pulumi

from stanchion.catalog.machines import CatalogueError, Machine, accelerator, machine, resolve
from stanchion.catalog.pools import CapacityKind
from stanchion.checks import Checks
from stanchion.foundation.cloud import choose
from stanchion.foundation.gpu_pool.contract import (
    ACCELERATOR_LABEL,
    POOL_LABEL,
    GpuPoolArgs,
    GpuPoolBackend,
    PoolPlan,
)
from stanchion.foundation.gpu_pool.placement import placement
from stanchion.foundation.tags import cloud_tags
from stanchion.placement import Placement

__all__ = ["CapacityKind", "GpuPool", "GpuPoolArgs"]

_LONGEST_NAME = 28
_ORDER = tuple(CapacityKind)


class GpuPool(pulumi.ComponentResource):
    """A pool of like nodes, resolved from an accelerator's name or a machine type.

    It deliberately installs no driver, device plugin or autoscaler: on AWS the node image brings
    the driver and the GPU operator the rest, and Karpenter makes the nodes; GKE has its own.
    """

    placement: Placement
    """What workloads that name the pool receive: selector, tolerations, device. Known at once."""

    def __init__(
        self, name: str, args: GpuPoolArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args, backend, plan = checked(name, args)
        super().__init__("stanchion:index:GpuPool", name, {}, opts)

        backend.build(self, name, args, plan, opts)
        self.placement = placement(args, plan, backend.parts(plan))
        self.register_outputs({"placement": self.placement})


def checked(name: str, args: GpuPoolArgs) -> tuple[GpuPoolArgs, GpuPoolBackend, PoolPlan]:
    """The arguments, held to their types and bounds, with what they choose and settle.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("GpuPool", name)
    args = check.arguments(GpuPoolArgs, args)
    backend: GpuPoolBackend = choose(check, args["location"]["cloud"], __name__)
    plan = _plan(check, name, args, mixes_sizes=backend.mixes_sizes)
    _check_sharing(check, args, plan)
    backend.check(check, args, plan)
    check.done()
    return args, backend, plan


def _plan(check: Checks, name: str, args: GpuPoolArgs, *, mixes_sizes: bool) -> PoolPlan:
    pool, zones = args.get("pool_name", name), args.get("zones", args["location"]["zones"])
    check.name("pool_name", pool)
    if len(pool) > _LONGEST_NAME:
        check.refuse("pool_name", f"'{pool}' is too long", f"write at most {_LONGEST_NAME} letters")
    check.label("owner", args["owner"])
    check.label("cost_center", args["cost_center"])
    check.between("max_nodes", args["max_nodes"], 1, 1000)
    check.between("min_nodes", args.get("min_nodes", 0), 0, 1000)
    check.between("disk_gb", args.get("disk_gb", 200), 50, 16_000)
    check.between("expire_hours", args.get("expire_hours", 720), 1, 8760)
    if args.get("min_nodes", 0) > args["max_nodes"]:
        check.refuse(
            "min_nodes",
            f"{args.get('min_nodes')} is above max_nodes, {args['max_nodes']}",
            "lower one or raise the other",
        )
    _check_zones(check, zones, args["location"]["zones"])
    _check_capacity(check, args)
    machines = _machines(check, args)
    if not mixes_sizes:
        machines = machines[:1]
    check.done()
    labels = {POOL_LABEL: pool}
    if machines[0].accelerator:
        labels[ACCELERATOR_LABEL] = machines[0].accelerator
    return PoolPlan(
        name=pool,
        machines=machines,
        capacity=tuple(args["capacity"]),
        min_nodes=args.get("min_nodes", 0),
        max_nodes=args["max_nodes"],
        zones=tuple(zones),
        labels=labels,
        tags=cloud_tags(
            owner=args["owner"], cost_center=args["cost_center"], environment=args["environment"]
        ),
    )


def _check_zones(check: Checks, zones: list[str], known: list[str]) -> None:
    check.unique("zones", zones)
    if not zones:
        check.refuse("zones", "is empty", f"name some of {', '.join(known)}")
    for at, zone in enumerate(zones):
        if zone not in known:
            check.refuse(
                f"zones[{at}]",
                f"'{zone}' is not in location.zones",
                f"write one of {', '.join(known)}",
            )


def _check_capacity(check: Checks, args: GpuPoolArgs) -> None:
    kinds = args["capacity"]
    check.unique("capacity", kinds)
    if not kinds:
        check.refuse("capacity", "is empty", f"name some of {', '.join(_ORDER)}")
    ordered = sorted(kinds, key=_ORDER.index)
    if kinds != ordered:
        check.refuse(
            "capacity",
            f"{', '.join(kinds)} is an order that no cloud follows: what is paid for comes first, "
            "then what is cheap",
            f"write {', '.join(ordered)}",
        )
    for alone in (CapacityKind.CAPACITY_BLOCK, CapacityKind.QUEUED):
        if alone in kinds and len(kinds) > 1:
            check.refuse(
                "capacity",
                f"{alone} stands alone: its nodes all come at once or not at all",
                "give the other kinds a pool of their own",
            )
    reserved = {CapacityKind.RESERVATION, CapacityKind.CAPACITY_BLOCK} & set(kinds)
    if reserved and "reservation" not in args:
        check.refuse(
            "reservation", f"is missing, and capacity has {min(reserved)}", "name the reservation"
        )
    if "reservation" in args and not reserved:
        check.refuse(
            "reservation", "is there, but capacity does not use it", "add reservation to capacity"
        )


def _machines(check: Checks, args: GpuPoolArgs) -> tuple[Machine, ...]:
    """What the nodes may be; empty after a refusal."""
    cloud = args["location"]["cloud"]
    if "accelerator" not in args and "machine_type" not in args:
        check.refuse("accelerator", "is missing, and so is machine_type", "add one of the two")
        return ()
    found: tuple[Machine, ...] = ()
    field = "accelerator"
    try:
        if "machine_type" in args:
            field = "machine_type"
            found = (machine(cloud, args["machine_type"]),)
        else:
            found = resolve(cloud, args["accelerator"], args.get("gpus_per_node"))
    except CatalogueError as error:
        check.refuse(field, error.reason, error.fix)
        return ()
    carries = found[0].accelerator
    if args.get("accelerator", carries) != carries:
        check.refuse(
            "machine_type",
            f"{found[0].name} carries {carries or 'no GPU'}, and accelerator is "
            f"{args.get('accelerator')}",
            "leave out one of the two",
        )
    if args.get("gpus_per_node", found[0].gpus) != found[0].gpus:
        check.refuse(
            "gpus_per_node",
            f"{args.get('gpus_per_node')} is not the {found[0].gpus} of machine_type "
            f"{found[0].name}",
            "leave it out",
        )
    return found


def _check_sharing(check: Checks, args: GpuPoolArgs, plan: PoolPlan) -> None:
    gpu = plan.machines[0].accelerator
    if "mig_profile" in args:
        profiles = accelerator(gpu).mig if gpu else {}
        if not profiles:
            check.refuse(
                "mig_profile", f"{gpu or 'a CPU pool'} cannot be partitioned", "leave it out"
            )
        elif args["mig_profile"] not in profiles:
            check.refuse(
                "mig_profile",
                f"'{args['mig_profile']}' is no profile of {gpu}",
                f"write one of {', '.join(profiles)}",
            )
        if "time_slices" in args:
            check.refuse(
                "time_slices", "is beside mig_profile: slices of slices", "leave out one of the two"
            )
    if "time_slices" in args:
        check.between("time_slices", args["time_slices"], 2, 48)
        if gpu is None:
            check.refuse("time_slices", "a CPU pool has no GPU to share", "leave it out")
    if args.get("nvme_cache") and not all(each.nvme for each in plan.machines):
        without = ", ".join(each.name for each in plan.machines if not each.nvme)
        check.refuse("nvme_cache", f"{without} has no local NVMe known of", "leave it out")
