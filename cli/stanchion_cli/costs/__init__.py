"""What an environment costs by service, team and cost centre, and what of it nobody uses."""

from __future__ import annotations

from stanchion_cli.costs.shares import Allocation, Rest, Share, allocate
from stanchion_cli.costs.workloads import Workload, workloads_of
from stanchion_cli.estimate import estimate_of, read_capacity
from stanchion_cli.preview.model import Preview

__all__ = ["Allocation", "Rest", "Share", "Workload", "allocate", "allocation_of"]


def allocation_of(preview: Preview) -> Allocation | None:
    """Where a previewed environment's cost goes; None where it declares no capacity, as `local`.

    Raises:
        StanchionError: if what it declares is malformed.
    """
    estimate = estimate_of(preview)
    capacity = read_capacity(preview.outputs, environment=preview.environment)
    if estimate is None or capacity is None:
        return None
    return allocate(capacity, estimate, workloads_of(preview.resources))
