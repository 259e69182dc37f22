"""Reading resource properties as a policy sees them.

At run time they are proxies, neither `dict` nor `list`, and touching a value that is not known
before deployment raises `UnknownValueError`. So a check reads through these functions: what is
absent or null gives the default, what is unknown stops the check, and `present` alone takes an
unknown for what it is: something that will be there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation, Overflow
from math import isfinite
from typing import Any, TypeVar

from stanchion_policies.unknown import UnknownValueError

T = TypeVar("T")

_MOST_DIGITS = 20
_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}


def get(source: Any, *path: str, default: Any = None) -> Any:
    """The value at `path`, or `default` where any step is absent, null or not a mapping."""
    for key in path:
        if type(source) is dict:  # so are plain manifests; the check below takes longer
            source = source.get(key)
        elif isinstance(source, Mapping) and key in source:
            source = source[key]
        else:
            return default
    return default if source is None else source


def present(source: Any, *path: str) -> bool:
    """Whether there is a value at `path`: null is none, an unknown at the last step is one."""
    holder = get(source, *path[:-1], default={})
    try:
        return get(holder, path[-1]) is not None
    except UnknownValueError:
        return True


def filled(source: Any, *path: str) -> bool:
    """Whether there is something at `path` and it is not empty; an unknown is something."""
    try:
        return get(source, *path) not in (None, "")
    except UnknownValueError:
        return present(source, *path)


def known_to_be(value: Any, source: Any, *path: str) -> bool:
    """Whether `value` is at `path` for certain; what is unknown is not."""
    try:
        return bool(get(source, *path) == value)
    except UnknownValueError:
        return False


def known(source: Any, *path: str, default: Any = None) -> Any:
    """The value at `path`, or `default` where there is none or it is unknown."""
    try:
        return get(source, *path, default=default)
    except UnknownValueError:
        return default


def text(source: Any, *path: str, default: str = "") -> str:
    """The string at `path`; `default` where there is none, or something that is no string."""
    found = get(source, *path)
    return found if isinstance(found, str) else default


def number(source: Any, *path: str, default: float = 0) -> float:
    """The number at `path`; `default` where there is none, or something that is no number."""
    found = get(source, *path)
    numeric = isinstance(found, int) or (isinstance(found, float) and isfinite(found))
    return found if numeric and not isinstance(found, bool) else default


def plain(value: float) -> str:
    """A number as people write it: `7`, not `7.0`."""
    return str(int(value)) if isinstance(value, int) or value.is_integer() else str(value)


def texts(source: Any, *path: str) -> list[str]:
    """The strings of the list at `path`."""
    return [element for element in items(source, *path) if isinstance(element, str)]


def items(source: Any, *path: str) -> Sequence[Any]:
    """The list at `path`; empty where there is none."""
    found = get(source, *path, default=())
    listed = type(found) is list or (isinstance(found, Sequence) and not isinstance(found, str))
    return found if listed else ()


def entries(source: Any, *path: str) -> Mapping[str, Any]:
    """The mapping at `path`; empty where there is none."""
    found = get(source, *path, default={})
    return found if type(found) is dict or isinstance(found, Mapping) else {}


def parsed(source: Any, *path: str) -> Any:
    """What the JSON text at `path` says; None where there is none, or it is no JSON."""
    try:
        return json.loads(text(source, *path))
    except (ValueError, RecursionError):
        return None


def some(predicate: Callable[[T], bool], candidates: Iterable[T]) -> bool:
    """Whether any candidate satisfies `predicate`.

    A candidate that cannot be decided does not matter once another one satisfies it.

    Raises:
        UnknownValueError: None does, and one of them could not be decided.
    """
    undecided: UnknownValueError | None = None
    for candidate in candidates:
        try:
            if predicate(candidate):
                return True
        except UnknownValueError as unknown:
            undecided = unknown
    if undecided is not None:
        raise undecided
    return False


def quantity(value: Any) -> Decimal | None:
    """A Kubernetes quantity (`500m`, `1.5Gi`, `2e3`, 4) as a number; None where it is not one.

    What is far above the largest that Kubernetes holds, 2 to the power of 63, is not one either.
    """
    written = str(value).strip()
    suffix = next((end for end in (written[-2:], written[-1:]) if end in _SUFFIXES), "")
    try:
        size = Decimal(written.removesuffix(suffix)) * _SUFFIXES.get(suffix, Decimal(1))
    except (InvalidOperation, Overflow):
        return None
    known = size.is_finite() and size.adjusted() < _MOST_DIGITS and not isinstance(value, bool)
    return size if known else None


def count_or_percent(value: Any, total: int) -> int | None:
    """An IntOrString as a number out of `total`, a percentage rounded up as Kubernetes does.

    None where it is neither a whole number nor a percentage.
    """
    written = str(value)
    if written.endswith("%") and written[:-1].isdecimal():
        return -(-int(written[:-1]) * total // 100)
    count = quantity(value)
    return int(count) if count is not None and count == int(count) else None


def selects(selector: Any, labels: Mapping[str, Any]) -> bool:
    """Whether a LabelSelector selects `labels`; the empty selector selects everything."""
    wanted = entries(selector, "matchLabels")
    if not all(key in labels and labels[key] == wanted[key] for key in wanted):
        return False
    return all(_expression(item, labels) for item in items(selector, "matchExpressions"))


def _expression(expression: Any, labels: Mapping[str, Any]) -> bool:
    key, operator = text(expression, "key"), text(expression, "operator")
    values = texts(expression, "values")
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    if operator == "In":
        return key in labels and labels[key] in values
    return operator == "NotIn" and not (key in labels and labels[key] in values)
