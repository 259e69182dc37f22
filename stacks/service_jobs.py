"""What service files of batch scoring and of training have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from environment import Environment
from explain import in_the_notation_of_files
from foundation import Foundation
from service_place import place_problems
from stanchion import Cloud, Grant, GrantKind, Placement, WorkloadIdentity

_SCHEMES = {Cloud.AWS: "s3", Cloud.GCP: "gs"}


@dataclass(frozen=True)
class Folder:
    """A folder that a job reads or writes."""

    field: str
    """Where the file names it."""
    kind: GrantKind
    """What the job does there, should it be in a bucket."""
    address: str
    key: str | None = None
    """The KMS key of its bucket."""


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
    own = _SCHEMES.get(Cloud(environment.provider.cloud))
    for folder in job.folders:
        scheme = urlsplit(folder.address).scheme
        if scheme in _SCHEMES.values() and scheme != own:
            right = f"{own}://BUCKET/PATH" if own else "file:///data/PATH with `claim`"
            problems.append(
                f"{folder.field}: '{folder.address}' is in another cloud than {stack}, whose pods "
                f"have no credentials for it; write {right}"
            )
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
    grants: list[Grant] = []
    for folder in job.folders:
        where = urlsplit(folder.address)
        if where.scheme in _SCHEMES.values():
            grant: Grant = {"name": folder.field, "kind": folder.kind, "resource": where.netloc}
            if folder.key is not None:
                grant["key"] = folder.key
            grants.append(grant)
    return foundation.identity(
        job.name,
        tenant=job.tenant,
        owner=job.owner,
        cost_center=job.cost_center,
        grants=grants,
    )
