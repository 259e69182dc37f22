"""Evaluate an environment's program without an engine, a cloud, credentials or a network.

`run` executes the program as the SDK's language host would, over the real resource-monitor
protocol on loopback, and keeps what it registers: parents, dependencies, providers and options.
What only a provider can compute stays `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stanchion_cli.preview.model import (
    UNKNOWN,
    Asset,
    LogLine,
    Preview,
    Resource,
    ResourceOptions,
    ResourceReference,
    Secret,
    TypeProblem,
    Unknown,
    contains_unknown,
    leaves,
)

__all__ = [
    "UNKNOWN",
    "Asset",
    "LogLine",
    "Preview",
    "Resource",
    "ResourceOptions",
    "ResourceReference",
    "Secret",
    "TypeProblem",
    "Unknown",
    "contains_unknown",
    "leaves",
    "run",
]


def run(
    environment: str,
    *,
    root: Path,
    outputs: Mapping[str, Mapping[str, Any]] | None = None,
    policies: bool = True,
    trace: bool = False,
    fitting_pins_alone: bool = False,
) -> Preview:
    """Evaluate one environment.

    Args:
        environment: Its name: `local` for `Pulumi.local.yaml`.
        root: The project's directory, where Pulumi.yaml is.
        outputs: Outputs known from elsewhere, by URN and property (`id` among them); a generated
            password, for example. Those resources answer them instead of unknowns.
        policies: Whether to run the project's policy pack as well, if it has one.
        trace: Whether to answer generated secrets with texts that name them, to see where they
            go. Not what a deployment would do: a program may compute with them.
        fitting_pins_alone: Whether a pin that does not go with its service's file counts as none,
            where a deployment is refused: for commands that look at pins, or set others.

    Returns:
        Everything found. Policy violations and type problems are part of it, not errors.

    Raises:
        InputError: The environment or a file of it is wrong, or the program refuses it.
        StanchionError: The program has a bug, asks for what an offline preview cannot give, or
            the policy pack fails.
    """
    from stanchion_cli.preview.evaluate import evaluate

    return evaluate(
        environment,
        root,
        outputs,
        policies,
        trace=trace,
        fitting_pins_alone=fitting_pins_alone,
    )
