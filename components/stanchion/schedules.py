"""Schedules as Kubernetes' CronJobs take them."""

import re

_MACROS = frozenset(
    {"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}
)
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
