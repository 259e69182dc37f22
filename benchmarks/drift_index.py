"""What the platform's rules call drift and problems, worked out from counts.

Prometheus works it out from the same counts; `tests/e2e/test_drift_alerts.py` holds both to each
other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

SMALLEST_SHARE: Final = 1e-4
RANGE_ROWS: Final = 9


def index(counts: Sequence[float], training: Sequence[float]) -> float:
    """The population stability index of counts by bin."""
    return sum(
        (share - known) * math.log(share / known)
        for share, known in zip(_shares(counts), _shares(training), strict=True)
    )


def chance(counts: Sequence[float], training: Sequence[float]) -> float:
    """What chance makes of the index: mean and three deviations of a chi-squared number."""
    free = sum(each > 0 for each in training) - 1
    return (free + 3 * math.sqrt(2 * free)) * (1 / sum(counts) + 1 / sum(training))


def drift(counts: Sequence[float], training: Sequence[float]) -> float:
    """The index beyond chance."""
    return max(index(counts, training) - chance(counts, training), 0)


def problems(
    counts: Sequence[float], training: Sequence[float], beyond: float, *, categories: bool
) -> float:
    """The largest share of values, beyond training's, with a problem of one kind.

    Args:
        counts: By bin; that of missing values last, that of others before it.
        training: Likewise.
        beyond: Values out of training's range.
        categories: Whether the field has a bin of other values.
    """
    rows, trained = sum(counts), sum(training)
    unlike = (-1, -2) if categories else (-1,)
    shares = [counts[at] / rows - training[at] / trained for at in unlike]
    return max(beyond / rows - RANGE_ROWS / trained, *shares, 0)


def _shares(counts: Sequence[float]) -> list[float]:
    return [max(each / sum(counts), SMALLEST_SHARE) for each in counts]
