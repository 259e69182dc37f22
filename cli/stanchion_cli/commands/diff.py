"""`stanchion diff`: two environments side by side."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer

from stanchion_cli.progress import results, step
from stanchion_cli.project import find_root
from stanchion_cli.report.form import TextOrJson


def diff(
    left: Annotated[str, typer.Argument(help="An environment, `staging-aws` for example.")],
    right: Annotated[str, typer.Argument(help="The one to compare it with, as `prod-aws`.")],
    form: Annotated[
        TextOrJson, typer.Option("--format", help="For people or for tools.")
    ] = TextOrJson.TEXT,
    root: Annotated[Path, typer.Option(help="A folder of the checkout.")] = Path(),
) -> None:
    """Show every setting in which two environments differ, with their profiles' defaults filled in.

    Encrypted values cannot be compared and are shown as such. Ends with 0 whether or not there are
    differences, 2 on bad input.
    """
    from stanchion_cli.comparison import differences, settings_of

    root = find_root(root)
    with step(f"reading {left} and {right}"), ThreadPoolExecutor(2) as both:
        reading = [both.submit(settings_of, name, root=root) for name in (left, right)]
        sides = [each.result() for each in reading]
    found = differences(*sides)
    if form is TextOrJson.JSON:
        items = [{"path": d.path, **_present("left", d.left), **_present("right", d.right)}
                 for d in found]  # fmt: skip
        document = {"left": left, "right": right, "differences": items}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    if not found:
        typer.echo(f"{left} and {right} have the same settings")
        return
    from stanchion_cli.report.cost import Row
    from stanchion_cli.report.text import table

    rows = [Row((d.path, _shown(d.left), _shown(d.right))) for d in found]
    results().print(table(("setting", left, right), rows, 0))


def _present(side: str, value: Any) -> dict[str, Any]:
    from stanchion_cli.comparison.compare import ABSENT

    return {} if value is ABSENT else {side: value}


def _shown(value: Any) -> str:
    from stanchion_cli.comparison.compare import ABSENT

    if value is ABSENT:
        return "(absent)"
    if value is None:
        return "(default)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
