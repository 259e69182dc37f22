"""EKS: Karpenter makes elastic nodes, node groups hold pools of fixed size."""

import re

import pulumi

from stanchion.catalog.pools import CapacityKind
from stanchion.checks import Checks
from stanchion.foundation.gpu_pool import _aws_elastic, _aws_fixed
from stanchion.foundation.gpu_pool.contract import (
    GpuPoolArgs,
    GpuPoolBackend,
    PoolParts,
    PoolPlan,
)


class AwsGpuPool:
    """A Karpenter NodePool; a managed node group for capacity blocks and EFA.

    A node group is no good at zero nodes, and Karpenter starts nodes one by one: what must come
    together and stay together is a group, the rest is Karpenter's.
    """

    mixes_sizes = True

    def check(self, check: Checks, args: GpuPoolArgs, plan: PoolPlan) -> None:
        """Note what EKS cannot do."""
        if CapacityKind.QUEUED in plan.capacity:
            check.refuse("capacity", "queued is Google Cloud's", "write capacity_block or spot")
        if args.get("efa"):
            _check_efa(check, plan)
        if _fixed(args):
            _check_fixed(check, args, plan)
        else:
            _check_elastic(check, args, plan)
        if "reservation" in args and not re.fullmatch(r"cr-[0-9a-f]+", args["reservation"]):
            check.refuse(
                "reservation",
                f"'{args['reservation']}' is no ID of a reservation",
                "write its ID, as cr-0123456789abcdef0",
            )

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: GpuPoolArgs,
        plan: PoolPlan,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        """NodePool and EC2NodeClass, or launch template and node group."""
        build = _aws_fixed.build if _fixed(args) else _aws_elastic.build
        build(parent, name, args, plan, opts)

    def parts(self, plan: PoolPlan) -> PoolParts:
        """The pool's own label is enough."""
        return PoolParts({}, (), plan.max_nodes)


def _fixed(args: GpuPoolArgs) -> bool:
    return bool(args.get("efa")) or CapacityKind.CAPACITY_BLOCK in args["capacity"]


def _check_efa(check: Checks, plan: PoolPlan) -> None:
    if not any(each.efa for each in plan.machines):
        names = ", ".join(each.name for each in plan.machines)
        check.refuse("efa", f"{names} has no Elastic Fabric Adapter", "leave it out")
    if CapacityKind.SPOT in plan.capacity:
        check.refuse(
            "efa",
            "with spot in capacity, one node taken back would end the work of all",
            "use on_demand, reservation or capacity_block",
        )
    if len(plan.capacity) > 1:
        check.refuse(
            "capacity", "has several kinds, and a node group with EFA has one", "write one of them"
        )


def _check_fixed(check: Checks, args: GpuPoolArgs, plan: PoolPlan) -> None:
    why = "efa is asked for" if args.get("efa") else "it is a capacity block"
    if len(plan.zones) != 1:
        check.refuse(
            "zones",
            f"{', '.join(plan.zones)} are {len(plan.zones)}, and nodes must be in one since {why}",
            "name one zone",
        )
    if plan.min_nodes != plan.max_nodes:
        check.refuse(
            "min_nodes",
            f"{plan.min_nodes} differs from max_nodes, {plan.max_nodes}, and the pool is of fixed "
            f"size since {why}",
            "write the same number",
        )
    if "expire_hours" in args:
        check.refuse("expire_hours", f"fixed nodes never expire, and {why}", "leave it out")


def _check_elastic(check: Checks, args: GpuPoolArgs, plan: PoolPlan) -> None:
    if plan.min_nodes:
        check.refuse(
            "min_nodes",
            f"{plan.min_nodes}, but Karpenter makes nodes for waiting pods alone",
            "write 0; pods that always run keep their nodes",
        )
    image = args.get("node_image", "")
    if not re.fullmatch(r"v\d{8}", image):
        check.refuse(
            "node_image",
            f"'{image}' pins no release, and nodes would be replaced with every new one"
            if image
            else "is missing, and nodes would be replaced with every new release",
            "write a release of the AL2023 image, as v20250920",
        )


BACKEND: GpuPoolBackend = AwsGpuPool()
