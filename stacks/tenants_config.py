"""The teams of an environment, as its file writes them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from stanchion import TenantQuota
from validation import CpuSum, Label, Memory, ShortName, Strict, by_value

RESERVED_NAMESPACES = frozenset({"default", "monitoring", "tracking"})


class Role(StrEnum):
    """What a group may do in a tenant's namespace."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


class Access(Strict):
    """A group's role in a tenant."""

    group: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the group as the cluster's authentication reports it."""
    role: Annotated[Role, by_value(Role)]
    """viewer, editor or admin."""


class QuotaConfig(Strict):
    """The most a tenant's namespace may ask for."""

    cpu: CpuSum = "4"
    memory: Memory = "8Gi"
    pods: Annotated[int, Field(ge=1, le=10_000)] = 30
    storage: Memory = "20Gi"
    gpus: Annotated[int, Field(ge=0, le=100_000)] = 0

    def arguments(self) -> TenantQuota:
        """As `Tenant` and `JobQueues` take it."""
        return {
            "cpu": self.cpu,
            "memory": self.memory,
            "pods": self.pods,
            "storage": self.storage,
            "gpus": self.gpus,
        }


class ShareConfig(Strict):
    """What is kept of a pool for a tenant's jobs."""

    gpus: Annotated[int, Field(ge=0, le=100_000)] = 0
    """GPUs, or slices of them."""
    cpu: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Cores; default: those that go with the GPUs."""
    memory: Memory | None = None
    """RAM, as 64Gi; default: what goes with the GPUs."""


class QueueConfig(Strict):
    """How a tenant's jobs share the pools with those of others, where Kueue is."""

    guaranteed: dict[ShortName, ShareConfig] | None = None
    """What is its own, by pool; nothing on pools that are not named; default: its `quota` on every
    pool, or its part by all tenants' quotas where a pool has less."""
    weight: Annotated[float, Field(ge=0.001, le=1000)] = 1.0
    """Its part, next to those of the others, of what nobody is guaranteed or uses."""
    borrows: bool = True
    """Whether its jobs may use more than is guaranteed, up to `quota`, while others leave it."""
    lends: bool = True
    """Whether others may use what is guaranteed while it doesn't."""

    @field_validator("weight", mode="before")
    @classmethod
    def _whole_weights(cls, written: object) -> object:
        return float(written) if type(written) is int else written


class TenantConfig(Strict):
    """A team's namespace: who owns it, who may do what in it, how much it may use."""

    name: ShortName
    owner: Label
    """Team that answers for it; becomes a label."""
    cost_center: Label
    """Where its cost is booked; becomes a label."""
    access: tuple[Access, ...] = ()
    quota: QuotaConfig = QuotaConfig()
    queue: QueueConfig = QueueConfig()
    """How its jobs share the pools with those of others; clouds alone."""

    @model_validator(mode="after")
    def _namespace_is_free(self) -> Self:
        if self.name in RESERVED_NAMESPACES or self.name.startswith("kube-"):
            raise ValueError(f"`name: {self.name}` is a reserved namespace; choose another name")
        return self
