"""How JSON is laid out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stanchion_cli.report.model import Report

_READABLE: Final = 1000
"""Findings up to which a person may read the JSON; the encoder takes 20 times longer for that."""


def indent(reports: Iterable[Report]) -> int | None:
    """The indent of a report's JSON; None for that of more findings than anybody reads."""
    return 2 if sum(len(report.findings) for report in reports) <= _READABLE else None
