"""Bins of one field's values, in which training and serving are counted alike.

The same code counts the training data for a reference and the requests in the server, so that a
difference between the two is one of the data.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd

MOST_BINS: Final = 10
"""Bins of a field of numbers."""
MOST_CATEGORIES: Final = 16
"""Values of a category that have a bin of their own."""
FEWEST_ROWS_A_BIN: Final = 20
"""Rows of training in a bin: with fewer, chance alone moves its share too far."""
LONGEST_CATEGORY: Final = 64
"""Characters of a value that may have a bin: longer text is no category."""
OTHER: Final = "other"
MISSING: Final = "missing"

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Numbers:
    """A field of numbers, in bins of about as many rows of training each.

    Attributes:
        edges: Upper bounds, each within its bin, of all bins but the last; growing.
        lowest: Smallest number in training.
        highest: Largest number in training.
    """

    edges: tuple[float, ...]
    lowest: float
    highest: float

    @property
    def bins(self) -> tuple[str, ...]:
        """Their names, the bin of missing values last."""
        if not self.edges:
            return ("any", MISSING)
        between = (f"{low!r}..{high!r}" for low, high in pairwise(self.edges))
        return (f"..{self.edges[0]!r}", *between, f"{self.edges[-1]!r}..", MISSING)

    def count(self, values: Array | list[Any]) -> tuple[Array, int]:
        """How many of the values are in each bin, and how many are beyond those of training.

        Raises:
            ValueError: A value is no number.
            TypeError: Likewise.
        """
        numbers = np.asarray(values, dtype=np.float64)
        missing = np.count_nonzero(np.isnan(numbers))
        found = self._upper.searchsorted(numbers, side="left")
        counts = np.bincount(found, minlength=len(self.edges) + 2)
        # Sorted last, numbers that are none fall into the last bin.
        counts[-2] -= missing
        counts[-1] = missing
        beyond = (numbers < self.lowest) | (numbers > self.highest)
        return counts, int(np.count_nonzero(beyond))

    @cached_property
    def _upper(self) -> Array:
        return np.array(self.edges, dtype=np.float64)


@dataclass(frozen=True)
class Categories:
    """A field of text, booleans or few whole numbers, with a bin for each frequent value.

    Attributes:
        values: Those with a bin of their own, as `text` writes them.
    """

    values: tuple[str, ...]

    @property
    def bins(self) -> tuple[str, ...]:
        """Their names, those of all other values and of missing ones last."""
        named = (f'"{value}"' if value in {OTHER, MISSING} else value for value in self.values)
        return (*named, OTHER, MISSING)

    def count(self, values: Array | list[Any]) -> tuple[Array, int]:
        """How many of the values are in each bin; none is beyond training, but among the others."""
        at = {value: position for position, value in enumerate(self.values)}
        counts = np.zeros(len(self.values) + 2, dtype=np.int64)
        listed = values.tolist() if isinstance(values, np.ndarray) else values
        for value, times in Counter(listed).items():
            written = text(value)
            counts[-1 if written is None else at.get(written, -2)] += times
        return counts, 0


Field = Numbers | Categories


def text(value: Any) -> str | None:
    """A category's value as JSON writes it, without quotes; None where it is missing."""
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 - NaN equals nothing
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)


def made_from(values: Array) -> Field:
    """The bins for a field, from its values in training.

    Floats are numbers, and so are whole numbers of more than 16 values; anything else is a
    category.
    """
    if values.dtype.kind == "f" or (
        values.dtype.kind in "iu" and len(np.unique(values)) > MOST_CATEGORIES
    ):
        return _numbers(values.astype(np.float64))
    times = Counter(written for each in values.tolist() if (written := text(each)) is not None)
    frequent = [
        value
        for value, many in times.most_common(MOST_CATEGORIES)
        if many >= FEWEST_ROWS_A_BIN and len(value) <= LONGEST_CATEGORY
    ]
    return Categories(tuple(sorted(frequent)))


def _numbers(values: Array) -> Numbers:
    known = values[np.isfinite(values)]
    if not len(known):
        return Numbers((), 0.0, 0.0)
    bins = max(1, min(MOST_BINS, len(known) // FEWEST_ROWS_A_BIN))
    # Values that occur, so that no bin is empty; where many are equal, there are fewer bins.
    bounds = np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf")
    edges = np.unique(bounds[bounds < known.max()])
    return Numbers(tuple(edges.tolist()), float(known.min()), float(known.max()))
