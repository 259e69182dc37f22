"""What service files of batch scoring and of training have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from environment import Environment
from explain import in_the_notation_of_files
from foundation import Foundation
from service_folders import Folder, folder_grants, folder_problems
from service_place import place_problems
from stanchion import Cloud, Placement, WorkloadIdentity


@dataclass(frozen=True)
class JobPlace:
    """Where a file has its job run, and for whom."""

    name: str
    tenant: str
    owner: str
    cost_center: str
    pool: str | None
    queue: str | None
    folders: Sequence[Folder]


def job_place_problems(
    job: JobPlace, environment: Environment, stack: str, pools: Mapping[str, Placement]
) -> list[str]:
    """What is wrong with the tenant, the pool, the queue and the folders of a job.

    Args:
        job: Where it runs.
        environment: The environment.
        stack: Its name.
        pools: Placement on its pools, by their names.
    """
    tenants = [tenant.name for tenant in environment.tenants]
    problems = place_problems(job.tenant, job.pool, stack, tenants, pools)
    problems += folder_problems(job.folders, Cloud(environment.provider.cloud), stack)
    if job.queue is not None and environment.lacks_for_queues:
        problems.append(
            f"queue: needs {environment.lacks_for_queues} of {stack}; add it, or remove queue"
        )
    return problems


def told_in_files(problems: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """A component's problems by the paths of files.

    Args:
        problems: As the component tells them.
        names: Where a file says what the component takes under another name.
    """
    told = []
    for each in problems:
        problem = each
        for taken, written in names.items():
            problem = re.sub(rf"\b{re.escape(taken)}\b", written, problem)
        told.append(in_the_notation_of_files(problem))
    return told


def job_identity(job: JobPlace, foundation: Foundation) -> WorkloadIdentity | None:
    """The right to the buckets among the folders of a job; None where it needs none."""
    return foundation.identity(
        job.name,
        tenant=job.tenant,
        owner=job.owner,
        cost_center=job.cost_center,
        grants=[*folder_grants(job.folders)],
    )
