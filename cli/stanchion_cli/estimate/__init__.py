"""Cost and quota of an environment, from what it declares and the catalogue."""

from stanchion_cli.estimate._catalogue import Cost
from stanchion_cli.estimate.capacity import Capacity, read_capacity
from stanchion_cli.estimate.model import (
    NOT_INCLUDED,
    Estimate,
    Line,
    as_json,
    estimate,
    estimate_of,
    total,
)

__all__ = [
    "NOT_INCLUDED",
    "Capacity",
    "Cost",
    "Estimate",
    "Line",
    "as_json",
    "estimate",
    "estimate_of",
    "read_capacity",
    "total",
]
