"""The day until which an environment is wanted, as a file says it."""

from __future__ import annotations

import datetime
import re
from typing import Annotated

from pydantic import BeforeValidator

# A date without quotes is one to the engine, which hands it over with the time of day.
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})( 00:00:00 \+0000 UTC)?")


def _day(value: object) -> datetime.date:
    found = _DAY.fullmatch(value) if isinstance(value, str) else None
    try:
        return datetime.date.fromisoformat(found[1] if found else "")
    except ValueError:
        raise ValueError(f"{value!r} is no date; write a day, as 2026-12-31") from None


Day = Annotated[datetime.date, BeforeValidator(_day)]
"""A day of the calendar, in UTC."""
