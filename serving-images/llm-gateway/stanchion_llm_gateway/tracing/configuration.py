"""The part of the configuration that says which requests become traces, and where those go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from stanchion_llm_gateway.guard_configuration import Part


class Groundedness(Part):
    """What answers are to be drawn from, where their words are compared with it."""

    variables: tuple[str, ...] = ("context",)
    """Variables of a named prompt that hold it."""
    roles: tuple[str, ...] = ("tool", "function", "document")
    """Roles of messages that hold it."""


class Traces(Part):
    """Traces of sampled requests in an experiment of MLflow."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^/]+.*[^/]$")]
    """The tracking server's address, without a slash at the end."""
    experiment: Annotated[str, StringConstraints(min_length=1, max_length=250)]
    """Its name; made when there is none."""
    credentials_dir: Path | None = None
    """Folder with the files `username` and `password` of an MLflow user that may create the
    experiment. Default: the server asks for none."""
    sample_percent: Annotated[float, Field(gt=0, le=100)] = 10.0
    """Share of requests that become traces."""
    groundedness: Groundedness | None = None
    """Scores answers of traces against what they were to be drawn from. Default: none."""
    queue: Annotated[int, Field(ge=1, le=10_000)] = 256
    """Most traces that wait to be sent; beyond them new ones are dropped and counted."""
