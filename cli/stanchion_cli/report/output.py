"""Puts a report where the person asked for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stanchion_cli.errors import InputError
from stanchion_cli.progress import console
from stanchion_cli.report.form import Format

if TYPE_CHECKING:
    from stanchion_cli.report.model import Failure, Report


def put(
    form: Format,
    reports: Sequence[Report],
    failures: Sequence[Failure],
    *,
    files: dict[str, str],
    output: Path | None,
) -> None:
    """Write a report to a file, or to standard output where none is named.

    The arguments are those of `report.formats.write`.

    Raises:
        InputError: The file cannot be written.
    """
    from stanchion_cli.report.formats import write

    if output is None:
        color = sys.stdout.isatty()
        write(form, reports, failures, sys.stdout, files=files, color=color)
        return
    try:
        with output.open("w", encoding="utf-8") as stream:
            write(form, reports, failures, stream, files=files)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(output)) from None
    console.print(f"  wrote {output}", style="dim", markup=False)
