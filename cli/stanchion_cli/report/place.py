"""Where something stands in a file."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A line of a file.

    Attributes:
        file: The file as the person named it.
        line: The line, from 1.
    """

    file: str
    line: int

    def __str__(self) -> str:
        """`deploy/web.yaml:12`."""
        return f"{self.file}:{self.line}"
