"""What one pod of a model asks for and may use."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from validation import Cpu, Memory, Strict, amount


class Share(Strict):
    """CPU and memory of one pod."""

    cpu: Cpu = "250m"
    """CPU request in cores."""
    cpu_limit: Cpu = "1"
    """CPU limit in cores."""
    memory: Memory = "512Mi"
    """Memory, request and limit alike: memory cannot be throttled."""

    @model_validator(mode="after")
    def _request_within_limit(self) -> Self:
        if amount(self.cpu) > amount(self.cpu_limit):
            raise ValueError(
                f"`cpu: {self.cpu}` is above `cpuLimit: {self.cpu_limit}`; "
                "lower one or raise the other"
            )
        return self


class Resources(Share):
    """What one pod asks for and may use."""

    gpus: Annotated[int, Field(ge=0, le=64)] = 0
    """GPUs of the service's `pool`, or slices of them where the pool shares them."""
