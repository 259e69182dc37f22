"""What an environment costs by service, team and cost centre, and what of it nobody uses."""

from __future__ import annotations

from collections.abc import Sequence

from stanchion_cli.costs.shares import Allocation, Rest, Share, allocate
from stanchion_cli.costs.workloads import Workload, workloads_of
from stanchion_cli.estimate import estimate_of, read_capacity
from stanchion_cli.preview.model import Preview

__all__ = ["Allocation", "Rest", "Share", "Workload", "allocate", "allocation_of"]


def allocation_of(stacks: Sequence[Preview]) -> Allocation | None:
    """Where an environment's cost goes; None where it declares no capacity, as `local`.

    Args:
        stacks: Every stack of the environment, evaluated; the first declares the capacity.

    Raises:
        StanchionError: if what it declares is malformed.
    """
    ground = stacks[0]
    estimate = estimate_of(ground)
    capacity = read_capacity(ground.outputs, environment=ground.environment)
    if estimate is None or capacity is None:
        return None
    resources = [resource for stack in stacks for resource in stack.resources]
    return allocate(capacity, estimate, workloads_of(resources))
