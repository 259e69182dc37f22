"""The queues of all tenants' jobs, where there are pools of nodes and Kueue shares them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
from environment import NAMESPACE, Environment
from foundation import Foundation
from foundation_args import CheckedPool
from stanchion import ArgumentsError, JobQueues, JobQueuesArgs, Placement, QueueShare, QueueTenant
from stanchion.jobs import queues_checks
from stanchion.quantities import whole_gib
from tenants_config import ShareConfig, TenantConfig
from validation import InvalidFileError


def check_queues(environment: Environment, name: str, pools: Sequence[CheckedPool]) -> None:
    """Hold what tenants are guaranteed to their quotas and to the pools.

    Args:
        environment: The environment.
        name: Its name.
        pools: Its pools, that of the system among them.

    Raises:
        InvalidFileError: with every problem found, with the numbers.
    """
    told = [each for each in environment.tenants if "queue" in each.model_fields_set]
    if not environment.has_queues:
        lacks = environment.lacks_for_queues or "a cloud's pools"
        if told:
            raise InvalidFileError(
                [
                    f"{NAMESPACE}:tenants[{environment.tenants.index(each)}].queue: needs {lacks}; "
                    "add it, or remove queue"
                    for each in told
                ]
            )
        return
    placements = [each.placement for each in pools if each.placement is not None]
    try:
        queues_checks.checked("queues", _args(environment, name, placements, {}))
    except ArgumentsError as error:
        raise InvalidFileError(
            [f"{NAMESPACE}:{_in_the_file(environment, problem)}" for problem in error.problems]
        ) from None


def build_queues(
    environment: Environment,
    foundation: Foundation,
    namespaces: Mapping[str, pulumi.Output[str]],
) -> None:
    """Make the queues, after the pools and Kueue; none where there are none to make."""
    if environment.has_queues:
        placements = [*foundation.placements.values()]
        args = _args(environment, foundation.environment, placements, namespaces)
        JobQueues("queues", args, foundation.workloads)


def _args(
    environment: Environment,
    name: str,
    pools: Sequence[Placement],
    namespaces: Mapping[str, pulumi.Output[str]],
) -> JobQueuesArgs:
    return {
        "environment": name,
        "owner": environment.owner,
        "cost_center": environment.cost_center,
        "pools": [*pools],
        "tenants": [
            _tenant(each, namespaces.get(each.name, each.name)) for each in environment.tenants
        ],
    }


def _tenant(tenant: TenantConfig, namespace: pulumi.Input[str]) -> QueueTenant:
    queue = tenant.queue
    args: QueueTenant = {
        "tenant": tenant.name,
        "namespace": namespace,
        "owner": tenant.owner,
        "cost_center": tenant.cost_center,
        "quota": tenant.quota.arguments(),
        "weight": queue.weight,
        "borrows": queue.borrows,
        "lends": queue.lends,
    }
    if queue.guaranteed is not None:
        args["guaranteed"] = [_share(pool, share) for pool, share in queue.guaranteed.items()]
    return args


def _share(pool: str, share: ShareConfig) -> QueueShare:
    args: QueueShare = {"pool": pool, "gpus": share.gpus}
    if share.cpu is not None:
        args["cpu"] = share.cpu
    if share.memory is not None:
        args["memory"] = whole_gib(share.memory)
    return args


def _in_the_file(environment: Environment, problem: str) -> str:
    """A problem by the path that the file has for it: shares are keyed by their pool there."""
    for at, tenant in enumerate(environment.tenants):
        for number, pool in enumerate(tenant.queue.guaranteed or {}):
            there = f"tenants[{at}].guaranteed[{number}]"
            problem = problem.replace(f"{there}.pool:", f"{there}:")
            problem = problem.replace(there, f"tenants[{at}].queue.guaranteed.{pool}")
    return problem
