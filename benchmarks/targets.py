"""Targets that a benchmark is held to, and the command that measures them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import console

Results = TypeVar("Results")


class Target(NamedTuple):
    """One thing that must hold."""

    wanted: str
    found: str
    met: bool


def section(targets: Iterable[Target]) -> list[str]:
    """The targets as lines of a page."""
    return [
        "## Targets",
        "",
        "| target | found | met |",
        "| --- | --- | --- |",
        *(f"| {t.wanted} | {t.found} | {'yes' if t.met else '**no**'} |" for t in targets),
        "",
    ]


def command(
    description: str | None,
    results_page: Path,
    run: Callable[[], Results],
    page: Callable[[Results], str],
    targets: Callable[[Results], Iterable[Target]],
) -> int:
    """Measure, write the page, and say which targets were met.

    Exit status: 0; 1 when what is measured failed, or with `--check` when a target was missed.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="fail when a target is missed")
    parser.add_argument("--output", type=Path, default=results_page)
    options = parser.parse_args()
    try:
        results = run()
    except StanchionError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    options.output.write_text(page(results), encoding="utf-8")
    console.print(f"wrote {options.output}", markup=False)
    found = list(targets(results))
    for target in found:
        console.print(f"{'met   ' if target.met else 'MISSED'} {target.wanted}: {target.found}")
    return 1 if options.check and not all(target.met for target in found) else 0
