"""The teams of an environment, as its file writes them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
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


class TenantConfig(Strict):
    """A team's namespace: who owns it, who may do what in it, how much it may use."""

    name: ShortName
    owner: Label
    """Team that answers for it; becomes a label."""
    cost_center: Label
    """Where its cost is booked; becomes a label."""
    access: tuple[Access, ...] = ()
    quota: QuotaConfig = QuotaConfig()

    @model_validator(mode="after")
    def _namespace_is_free(self) -> Self:
        if self.name in RESERVED_NAMESPACES or self.name.startswith("kube-"):
            raise ValueError(f"`name: {self.name}` is a reserved namespace; choose another name")
        return self
