"""Progress on standard error: a line when a step begins, its time when it ends.

Lines, not a redrawn screen: a log file, a CI page and a terminal all read the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


_PIPED_WIDTH = 200
"""Columns of what a program or a file reads: nothing is cut off there."""


def results() -> Console:
    """Standard output, for what a command was asked for: tables, and lines under them."""
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    return Console(soft_wrap=True, emoji=False, highlight=False, width=width)


class Step:
    """A running step; `note` adds what became of it to its closing line."""

    def __init__(self) -> None:
        self.outcome = ""

    def note(self, outcome: str) -> None:
        """Say in a few words what happened, shown behind the step's name."""
        self.outcome = outcome


def detail(line: str) -> None:
    """Print one indented line below the running step."""
    console.print(f"    {line}", style="dim", markup=False)


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Show `title` while the block runs, then whether it ended well and after how long."""
    console.print(f"  … {title}", style="dim", markup=False)
    running, started = Step(), time.monotonic()
    try:
        yield running
    except BaseException:
        console.print(f"  ✗ {title} ({_seconds(started)})", style="red", markup=False)
        raise
    tail = f": {running.outcome}" if running.outcome else ""
    console.print(f"  ✓ {title}{tail} ({_seconds(started)})", style="green", markup=False)


def _seconds(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"
