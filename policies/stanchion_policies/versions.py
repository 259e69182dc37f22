"""Versions as numbers, which is how they are compared."""

from __future__ import annotations

import re

NUMBERS = re.compile(r"\d{1,6}(\.\d{1,6})*", re.ASCII)


def numbers_of(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: `16.3` is (16, 3), `latest` is nothing."""
    found = NUMBERS.match(version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
