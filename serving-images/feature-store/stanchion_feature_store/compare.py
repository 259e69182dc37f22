"""Whether two values of a feature are the same, as it is served and as training reads it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any


def same(online: Any, offline: Any, tolerance: float) -> bool:
    """Whether two values are the same.

    A missing value is None or NaN on either side. Numbers may differ by `tolerance` of the larger
    one, and by as much absolutely; what holds several values is compared one by one. All else is
    equal or not.

    Args:
        online: As the server answers.
        offline: As a point-in-time join gives it.
        tolerance: 0 up to 1.
    """
    online, offline = _plain(online), _plain(offline)
    if online is None or offline is None:
        return online is None and offline is None
    if isinstance(online, bool) or isinstance(offline, bool):
        return bool(online == offline)
    if isinstance(online, int | float) and isinstance(offline, int | float):
        return math.isclose(online, offline, rel_tol=tolerance, abs_tol=tolerance)
    if _several(online) and _several(offline):
        return len(online) == len(offline) and all(
            same(one, other, tolerance) for one, other in zip(online, offline, strict=True)
        )
    return bool(online == offline)


def _several(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _plain(value: Any) -> Any:
    """A value without NumPy's, pandas' and Arrow's own types; None where it is missing."""
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime() if value == value else None  # noqa: PLR0124 - not a time
    elif hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, date):
        return value.isoformat()
    return value
