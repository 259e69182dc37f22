"""JSON with lists in it that are too long to be held in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final, TextIO
from uuid import uuid4

_AT_ONCE: Final = 100
"""Elements that are made and encoded together, which takes less time than one by one."""


class Many:
    """A list whose elements are made one by one, as they are written."""

    def __init__(self, elements: Iterable[Any]) -> None:
        self.elements = elements


def dump(document: Any, stream: TextIO, *, indent: int | None, ensure_ascii: bool = True) -> None:
    """Write a document as `json.dump` does, and a line break; `Many` in it as lists.

    Args:
        document: What JSON has, and `Many` of that.
        stream: Where to.
        indent: Spaces by which each level is moved in; None for one line.
        ensure_ascii: Whether what is not ASCII is escaped.
    """
    lists: dict[str, Many] = {}

    def mark(many: Any) -> str:
        if not isinstance(many, Many):
            raise TypeError(f"{type(many).__name__} is no JSON")
        found = uuid4().hex
        lists[found] = many
        return found

    rest = json.dumps(document, indent=indent, ensure_ascii=ensure_ascii, default=mark)
    encoder = json.JSONEncoder(indent=indent, ensure_ascii=ensure_ascii)
    for each, many in lists.items():
        before, _, rest = rest.partition(f'"{each}"')
        stream.write(before)
        _write(many, stream, encoder, _margin(before))
    stream.write(f"{rest}\n")


def _margin(text: str) -> str:
    """The white space that the last line of a text begins with."""
    line = text[text.rfind("\n") + 1 :]
    return line[: len(line) - len(line.lstrip(" "))]


def _write(many: Many, stream: TextIO, encoder: json.JSONEncoder, margin: str) -> None:
    elements, between = iter(many.elements), "["
    while some := [*islice(elements, _AT_ONCE)]:
        # A list of its own, of which the brackets are left out.
        stream.write(between)
        stream.write(encoder.encode(some)[1:-1].rstrip("\n").replace("\n", f"\n{margin}"))
        between = "," if encoder.indent is not None else ", "
    if between == "[":
        stream.write("[]")
    else:
        stream.write("]" if encoder.indent is None else f"\n{margin}]")
