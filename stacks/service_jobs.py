"""What service files of batch scoring, of training and of drift monitors have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NotRequired, TypeAlias, TypedDict

from batch_service import BatchInferenceFile
from drift_monitor_service import DriftMonitorFile
from environment import Environment
from explain import in_the_notation_of_files
from foundation import Foundation
from service_folders import Folder, folder_grants, folder_problems
from service_place import place_problems
from service_quota import COUNTED_DEVICE, Replica, begun_together_problems
from stanchion import Cloud, Placement, WorkloadIdentity
from stanchion.jobs.queues import QUEUE
from stanchion.pods import ContainerResources
from training_service import TrainingJobFile

JobFile: TypeAlias = BatchInferenceFile | TrainingJobFile | DriftMonitorFile


class JobArgs(TypedDict):
    """What every component of a job takes from its file."""

    tenant: str
    owner: str
    cost_center: str
    deadline_seconds: int
    resources: ContainerResources
    gpus: int
    monitoring: bool
    runbooks: NotRequired[str]
    grafana_url: NotRequired[str]
    schedule: NotRequired[str]
    queue: NotRequired[str]
    queue_priority: NotRequired[str]
    volume_claim_name: NotRequired[str]
    placement: NotRequired[Placement]


def job_args(file: JobFile, environment: Environment, pools: Mapping[str, Placement]) -> JobArgs:
    """The arguments that every job takes from its file.

    Args:
        file: The file.
        environment: The environment, whose tenants may have queues and which may be monitored.
        pools: Placement on the environment's pools, by their names.
    """
    args: JobArgs = {
        "tenant": file.tenant,
        "owner": file.owner,
        "cost_center": file.cost_center,
        "deadline_seconds": file.deadline_minutes * 60,
        "resources": {
            "cpu": file.resources.cpu,
            "cpu_limit": file.resources.cpu_limit,
            "memory": file.resources.memory,
        },
        "gpus": file.resources.gpus,
        "monitoring": environment.monitored,
    }
    environment.monitoring.link(args)
    if file.schedule is not None:
        args["schedule"] = file.schedule
    if environment.has_queues:
        args |= {"queue": QUEUE, "queue_priority": str(file.priority)}
    elif file.queue is not None:
        args["queue"] = file.queue
    if file.claim is not None:
        args["volume_claim_name"] = file.claim
    if file.pool is not None:
        args["placement"] = pools[file.pool]
    return args


def job_place_problems(
    job: JobFile,
    folders: Sequence[Folder],
    environment: Environment,
    stack: str,
    pools: Mapping[str, Placement],
) -> list[str]:
    """What is wrong with the tenant, its quota, the pool, the queue and the folders of a job.

    Args:
        job: Its file.
        folders: What it reads and writes.
        environment: The environment.
        stack: Its name.
        pools: Placement on its pools, by their names.
    """
    tenants = [tenant.name for tenant in environment.tenants]
    problems = place_problems(job.tenant, job.pool, stack, tenants, pools)
    problems += folder_problems(folders, Cloud(environment.provider.cloud), stack)
    problems += _beyond_quota(job, environment, stack, pools)
    if job.queue is not None and environment.lacks_for_queues:
        problems.append(
            f"queue: needs {environment.lacks_for_queues} of {stack}; add it, or remove queue"
        )
    elif environment.has_queues and job.queue not in {None, QUEUE}:
        problems.append(
            f"queue: '{job.queue}' is not in {stack}, where every tenant has one called {QUEUE}; "
            "remove queue"
        )
    return problems


def _beyond_quota(
    job: JobFile, environment: Environment, stack: str, pools: Mapping[str, Placement]
) -> list[str]:
    """What of the tenant's quota the pods that begin together would go beyond.

    Kueue begins all that a Job has at once, or none; without it they come as there is room.
    """
    tenant = next((each for each in environment.tenants if each.name == job.tenant), None)
    at, size = pools.get(job.pool or ""), job.resources
    counted = at is not None and at["device"] == COUNTED_DEVICE
    each = Replica(size.cpu, size.memory, size.gpus if counted else 0)
    field, pods = "resources", [(1, each)]
    if isinstance(job, TrainingJobFile) and job.ray is not None:
        head = Replica(job.ray.head.cpu, job.ray.head.memory)
        field, pods = "ray.workers", [(1, head), (job.ray.workers, each)]
    elif isinstance(job, TrainingJobFile) and job.nodes > 1:
        field, pods = "nodes", [(job.nodes, each)]
    elif isinstance(job, BatchInferenceFile) and environment.has_queues and job.at_once > 1:
        field, pods = "parallelism", [(job.at_once, each)]
    return begun_together_problems(field, pods, tenant, stack)


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


def job_identity(
    job: JobFile, folders: Sequence[Folder], foundation: Foundation
) -> WorkloadIdentity | None:
    """The right to the buckets among the folders of a job; None where it needs none."""
    return foundation.identity(
        job.name,
        tenant=job.tenant,
        owner=job.owner,
        cost_center=job.cost_center,
        grants=[*folder_grants(folders)],
    )
