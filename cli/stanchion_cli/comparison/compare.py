"""Two nested mappings compared setting by setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from stanchion_cli.preview.model import member


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""What a setting is where there is none; None is a value that says: left to its default."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that differs; a side that does not have it is ABSENT."""

    path: str
    """As `pools[l4].maxNodes`: list items by their name where they have one, else by position."""
    left: Any
    right: Any


def differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[Difference, ...]:
    """What differs, in the order of the left side, what only the right side has after it.

    Items of lists are matched by their `name` where all have one of their own, so that another
    order is no difference; other lists of mappings by position; lists of plain values are one
    value each. A mapping that one side lacks is listed setting by setting.
    """
    return tuple(_compare("", left, right))


def _compare(path: str, left: Any, right: Any) -> Iterator[Difference]:
    if left is not ABSENT and right is not ABSENT and left == right:
        return
    keyed = _keyed(left, right)
    if keyed is None:
        yield Difference(path, left, right)
        return
    lefts, rights, joined = keyed
    for key in dict.fromkeys([*lefts, *rights]):
        inner = f"{path}[{key}]" if joined else member(path, key)
        yield from _compare(inner, lefts.get(key, ABSENT), rights.get(key, ABSENT))


def _keyed(left: Any, right: Any) -> tuple[Mapping[str, Any], Mapping[str, Any], bool] | None:
    """Both sides as mappings, and whether they were lists; None where they are plain values."""
    sides = [side for side in (left, right) if side is not ABSENT]
    if any(sides) and all(isinstance(side, Mapping) for side in sides):
        return _or_empty(left), _or_empty(right), False
    if all(_is_list(side) for side in sides):
        items = [item for side in sides for item in side]
        if items and all(isinstance(item, Mapping) for item in items):
            named = all(_names_are_unique(side) for side in sides)
            return _by_key(left, named=named), _by_key(right, named=named), True
    return None


def _or_empty(side: Any) -> Mapping[str, Any]:
    return side if isinstance(side, Mapping) else {}


def _is_list(side: Any) -> bool:
    return isinstance(side, Sequence) and not isinstance(side, str | bytes)


def _names_are_unique(side: Sequence[Mapping[str, Any]]) -> bool:
    names = [item.get("name") for item in side]
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _by_key(side: Any, *, named: bool) -> Mapping[str, Any]:
    if side is ABSENT:
        return {}
    if named:
        return {
            item["name"]: {k: v for k, v in item.items() if k != "name"} or True for item in side
        }
    return {str(index): item for index, item in enumerate(side)}
