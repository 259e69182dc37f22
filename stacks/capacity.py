"""Pools of nodes and the budget above them, as an environment file writes them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from stanchion import CapacityKind
from validation import Memory, ShortName, Strict, amount, by_value

_Count = Annotated[int, Field(ge=0, le=1000)]


class CpuNodes(Strict):
    """What a node of CPUs alone must have at least; the smallest machine that has it is taken."""

    cores: Annotated[int, Field(ge=1, le=192)]
    """Virtual CPUs."""
    memory: Memory
    """RAM, as 32Gi."""

    @property
    def gibibytes(self) -> int:
        """RAM in whole GiB."""
        return -(-int(amount(self.memory)) // 2**30)


class PoolConfig(Strict):
    """A pool of like nodes: GPUs by their field name, or CPUs by their size."""

    name: Annotated[ShortName, Field(max_length=28)]
    """Name of the pool, by which services ask for it."""
    accelerator: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    """GPU by its field name, as nvidia-l4."""
    gpus_per_node: Annotated[int, Field(ge=1, le=16)] | None = None
    """GPUs of a node; default: as few as the cloud offers."""
    cpu: CpuNodes | None = None
    """Size of a node without GPUs."""
    capacity: tuple[Annotated[CapacityKind, by_value(CapacityKind)], ...]
    """Ways to come by nodes, in the order in which to try them: reservation, capacity_block,
    queued, spot, on_demand."""
    min_nodes: _Count = 0
    """Nodes that are always there."""
    max_nodes: Annotated[int, Field(ge=1, le=1000)]
    """Most nodes."""
    mig_profile: Annotated[str, Field(min_length=1, max_length=20)] | None = None
    """Partition every GPU into slices of this MIG profile, as 1g.10gb; default: whole GPUs."""
    time_slices: Annotated[int, Field(ge=2, le=48)] | None = None
    """Let so many containers share a GPU in turns; default: one."""
    efa: bool = False
    """Elastic Fabric Adapters and a placement group, for training over many nodes on AWS."""
    nvme_cache: bool = False
    """Use the machine's local NVMe disks for images and temporary files."""
    expire_hours: Annotated[int, Field(ge=1, le=8760)] | None = None
    """Replace a node after so many hours; default: the cloud's."""
    disk_gb: Annotated[int, Field(ge=50, le=16_000)] = 200
    """Size of the root disk in GB."""

    @model_validator(mode="after")
    def _gpus_or_cpus(self) -> Self:
        if (self.accelerator is None) == (self.cpu is None):
            raise ValueError("needs exactly one of `accelerator` and `cpu`; write one of them")
        if self.gpus_per_node is not None and self.accelerator is None:
            raise ValueError("`gpusPerNode` goes with `accelerator`; add it or remove gpusPerNode")
        return self


class BudgetConfig(Strict):
    """What the environment may cost, and who hears of it before it does."""

    monthly_usd: Annotated[int, Field(ge=1, le=100_000_000)]
    """$ per month."""
    emails: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")], ...],
        Field(min_length=1, max_length=5),
    ]
    """Addresses that are told at half of it, at four fifths, at all of it, and when all of it is
    forecast."""
