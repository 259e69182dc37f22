"""What `JobQueues` takes."""

from enum import StrEnum
from typing import NotRequired, TypedDict

import pulumi

from stanchion.placement import Placement
from stanchion.tenancy.tenant import TenantQuota


class JobPriority(StrEnum):
    """What matters more where not all jobs can run: the WorkloadPriorityClasses that are made."""

    TRAINING = "training"
    """1000: it goes on from its last checkpoint."""
    BATCH = "batch"
    """2000: somebody expects its files that day."""
    ONLINE = "online"
    """3000: somebody waits for it now."""


class QueuePreemption(StrEnum):
    """Which running jobs may be stopped, to wait in their queue again, for one that waits."""

    NEVER = "never"
    """None."""
    LOWER_PRIORITY = "lower_priority"
    """Those of a lower priority."""
    ANY = "any"
    """Whatever their priority."""


class QueueShare(TypedDict):
    """What is kept for a tenant's jobs on a pool."""

    pool: str
    """Name of the pool."""
    gpus: NotRequired[int]
    """GPUs, or slices of them. Default: 0."""
    cpu: NotRequired[int]
    """Cores. Default: the pool's for so many of its GPUs; 0 on a pool of CPUs."""
    memory: NotRequired[int]
    """GiB of RAM. Default: as of `cpu`."""


class QueueTenant(TypedDict):
    """A tenant with a queue of its own."""

    tenant: str
    """Name of the tenant, and of its ClusterQueue."""
    namespace: pulumi.Input[str]
    """Its namespace, which alone may use its queue: `Tenant`'s output `namespace`."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    quota: NotRequired[TenantQuota]
    """The most its namespace may ask for, as `Tenant` is told: no queue admits more of one pool.
    Default: the defaults of `TenantQuota`."""
    guaranteed: NotRequired[list[QueueShare]]
    """What is its own on each pool, whenever it wants it; nothing on pools that are not named.
    Default: its quota on every pool that has it, and where all tenants' quotas together are more
    than a pool has, its part of the pool by them."""
    weight: NotRequired[float]
    """Its part, next to those of the others, of what nobody is guaranteed or uses, 0.001 to 1000.
    Default: 1."""
    borrows: NotRequired[bool]
    """Whether its jobs may use more than is guaranteed, up to its quota, while others leave it.
    Default: true."""
    lends: NotRequired[bool]
    """Whether others may use what is guaranteed while it doesn't. Default: true."""


class JobQueuesArgs(TypedDict):
    """Arguments of `JobQueues`."""

    environment: str
    """Name of the environment, and of the cohort whose queues borrow from each other."""
    owner: str
    """Team that answers for the queues; becomes a label."""
    cost_center: str
    """Where their cost is booked; becomes a label."""
    pools: list[Placement]
    """Pools that jobs run on, 1 to 64: the outputs `placement` of `GpuPool`, with `max_cpu` and
    `max_memory`. A job that names none is put on the first that has room and no taint."""
    tenants: list[QueueTenant]
    """Tenants with a queue, each once."""
    within: NotRequired[QueuePreemption]
    """Which jobs of the same tenant give way to one that waits: never or lower_priority.
    Default: lower_priority."""
    reclaim: NotRequired[QueuePreemption]
    """Which jobs of others, beyond what is guaranteed to them, give way where a tenant has less
    than its part: never, lower_priority or any. Default: any."""
