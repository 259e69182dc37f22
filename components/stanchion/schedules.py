"""Schedules as Kubernetes' CronJobs take them."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import merge
from itertools import pairwise

_MACROS = frozenset(
    {"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}
)
_A_YEAR = {"@hourly": 8760, "@weekly": 52, "@monthly": 12, "@yearly": 1, "@annually": 1}
"""How often the words come in a year that do not come daily."""
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: tuple[tuple[int, int, list[str]], ...] = (
    (0, 59, []),
    (0, 23, []),
    (1, 31, []),
    (1, 12, ["", *_MONTHS]),
    (0, 6, _DAYS),
)
"""Of minute, hour, day of the month, month and day of the week: bounds, and names by value."""
_ITEM = re.compile(r"(?P<first>[*?]|\w+)(-(?P<last>\w+))?(/(?P<step>\d+))?")


def is_schedule(text: str) -> bool:
    """Whether a CronJob takes it: cron's five fields with their bounds, or a word as @daily.

    A CronJob's Sunday is 0 and never 7, and its fields have no L, W or #.
    """
    fields = text.split(" ")
    return text in _MACROS or (
        len(fields) == len(_FIELDS)
        and all(
            _is_item(item, *bounds)
            for field, bounds in zip(fields, _FIELDS, strict=True)
            for item in field.split(",")
        )
    )


def take_turns(start: str, end: str) -> bool:
    """Whether of two schedules one comes exactly once between two times of the other.

    They are compared over two years without regard to a time zone. A schedule that never comes
    takes no turn.

    Args:
        start: A schedule that `is_schedule` finds good, and no word as @daily.
        end: Likewise.
    """
    times = merge(
        ((time, "start") for time in _times(start)), ((time, "end") for time in _times(end))
    )
    turn = False
    for (now, this), (then, other) in pairwise(times):
        if now == then or this == other:
            return False
        turn = True
    return turn


def runs_per_month(text: str) -> float:
    """How often a schedule comes in a month of 730 hours, on average over two years.

    Args:
        text: A schedule that `is_schedule` finds good.
    """
    if text in _MACROS:
        return _A_YEAR.get(text, 365) / 12
    return sum(1 for _ in _times(text)) / 24


def _times(text: str) -> Iterator[datetime]:
    """When a schedule comes, in a leap year and the year after, in order."""
    fields = text.split(" ")
    minutes, hours, days, months, weekdays = (
        {value for item in field.split(",") for value in _values(item, *bounds)}
        for field, bounds in zip(fields, _FIELDS, strict=True)
    )
    # Where either says nothing both must hold, else one of them does: so cron has it.
    both = any({"*", "?"} & set(field.split(",")) for field in (fields[2], fields[4]))
    day, last = datetime(2028, 1, 1), datetime(2029, 12, 31)
    while day <= last:
        fits = (day.day in days, day.isoweekday() % 7 in weekdays)
        if day.month in months and (all(fits) if both else any(fits)):
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    yield day + timedelta(hours=hour, minutes=minute)
        day += timedelta(days=1)


def _values(item: str, least: int, most: int, names: list[str]) -> range:
    """What a part of a field stands for."""
    found = _ITEM.fullmatch(item)
    if found is None:
        raise ValueError(f"'{item}' is no part of a schedule")
    step = int(found["step"] or 1)
    if found["first"] in "*?":
        return range(least, most + 1, step)
    first = _value(found["first"], names)
    last = _value(found["last"], names) if found["last"] else first
    if first is None or last is None:
        raise ValueError(f"'{item}' is no part of a schedule")
    # A step after one value runs to the end of the field.
    return range(first, (most if found["step"] and not found["last"] else last) + 1, step)


def _is_item(item: str, least: int, most: int, names: list[str]) -> bool:
    found = _ITEM.fullmatch(item)
    if found is None or (found["step"] and not 0 < int(found["step"]) <= most):
        return False
    if found["first"] in "*?":
        return found["last"] is None
    first = _value(found["first"], names)
    last = first if found["last"] is None else _value(found["last"], names)
    return first is not None and last is not None and least <= first <= last <= most


def _value(text: str, names: list[str]) -> int | None:
    if text.isascii() and text.isdigit():
        return int(text)
    return names.index(text.lower()) if text.lower() in names else None
