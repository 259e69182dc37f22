"""What the activator is told by its environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Settings(BaseModel):
    """One environment variable per field, its name in capitals. Unset means the default."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, populate_by_name=True)

    replicas_host: Annotated[str, StringConstraints(min_length=1)]
    """Name or address that leads to a ready replica, and refuses connections while none is."""
    replicas_port: Annotated[int, Field(ge=1, le=65535)] = 80
    """Port there."""
    hold_seconds: Annotated[float, Field(gt=0, le=7200)]
    """Longest time that a request waits for a replica; then 503."""
    max_waiting: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Most requests that wait at a time; more get 503 at once."""
    request_timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """What a replica takes at most for a request. One that has not answered a little later gets
    504."""
    drain_seconds: Annotated[float, Field(ge=0, le=600)] = 10.0
    """How long to go on accepting after SIGTERM."""
    host: str = "0.0.0.0"  # noqa: S104 - a pod is reached from outside itself
    """Address to listen on."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """Port of what is passed on."""
    metrics_port: Annotated[int, Field(ge=1, le=65535)] = 8081
    """Port of its own metrics: /metrics of the other one is a replica's."""
