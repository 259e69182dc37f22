"""Schedules as Kubernetes' CronJobs take them."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from heapq import merge
from itertools import pairwise

_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""What the words stand for."""
_FIRST_DAY = datetime(2028, 1, 1)
"""Of a leap year."""
_TWO_YEARS = 731
_ALL_CALENDARS = 28 * 365 + 7
"""Days after which the days of the week fall on the same days of the year again."""
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
    return text in _WORDS or (
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
        start: A schedule that `is_schedule` finds good.
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
    return sum(1 for _ in _times(text)) / 24


@cache
def fewest_runs(text: str, within: timedelta) -> int:
    """How often a schedule comes at the least in any such time, of two years.

    Args:
        text: A schedule that `is_schedule` finds good.
        within: The time.
    """
    times = [*_times(text)]
    last = _FIRST_DAY + timedelta(days=_TWO_YEARS) - within
    # Fewest are counted when one has just become too old for it.
    counts = (
        bisect_right(times, time + within) - at - 1 for at, time in enumerate(times) if time < last
    )
    return min(counts, default=0)


@cache
def longest_gap(text: str) -> timedelta | None:
    """The longest time from one run to the next; None for a schedule that never comes.

    Args:
        text: A schedule that `is_schedule` finds good.
    """
    days, times = [*_days(text, _ALL_CALENDARS)], _times_of_day(text)
    if not days:
        return None
    overnight = times[0] - times[-1]
    within = (then - now for now, then in pairwise(times))
    return max(*(then - now + overnight for now, then in pairwise(days)), *within)


def _times(text: str) -> Iterator[datetime]:
    """When a schedule comes, in a leap year and the year after, in order."""
    times = _times_of_day(text)
    return (day + time for day in _days(text, _TWO_YEARS) for time in times)


def _times_of_day(text: str) -> list[timedelta]:
    """When a schedule comes on each of its days, in order."""
    minutes, hours, *_ = _fields(text)
    return [
        timedelta(hours=hour, minutes=minute)
        for hour in sorted(hours)
        for minute in sorted(minutes)
    ]


def _days(text: str, many: int) -> Iterator[datetime]:
    """The days on which a schedule comes, of so many."""
    _, _, days, months, weekdays = _fields(text)
    # Where either says nothing both must hold, else one of them does: so cron has it.
    plain = _plain(text)
    both = any({"*", "?"} & set(field.split(",")) for field in (plain[2], plain[4]))
    for day in (_FIRST_DAY + timedelta(days=each) for each in range(many)):
        fits = (day.day in days, day.isoweekday() % 7 in weekdays)
        if day.month in months and (all(fits) if both else any(fits)):
            yield day


def _fields(text: str) -> list[set[int]]:
    """What each of the five fields stands for."""
    return [
        {value for item in field.split(",") for value in _values(item, *bounds)}
        for field, bounds in zip(_plain(text), _FIELDS, strict=True)
    ]


def _plain(text: str) -> list[str]:
    return _WORDS.get(text, text).split(" ")


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
