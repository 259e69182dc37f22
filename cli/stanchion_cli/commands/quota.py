"""`stanchion quota`: the quota each environment needs, beside what its cloud grants."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stanchion_cli.errors import Exit
from stanchion_cli.progress import results, step
from stanchion_cli.project import find_root
from stanchion_cli.report.form import TextOrJson

if TYPE_CHECKING:
    from stanchion_cli.estimate import Estimate
    from stanchion_cli.estimate.live import Compared


def quota(
    environments: Annotated[
        list[str] | None, typer.Argument(help="Environments; default: every one with a file.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the cloud what there is, with your credentials.")
    ] = False,
    form: Annotated[
        TextOrJson, typer.Option("--format", help="For people or for tools.")
    ] = TextOrJson.TEXT,
    root: Annotated[Path, typer.Option(help="A folder of the checkout.")] = Path(),
) -> None:
    """Show the quota that each environment needs with every pool at its maximum.

    Ends with 0 where nothing is short, 1 where a quota that was asked for with --live is less than
    what is needed or could not be asked, 2 on bad input.
    """
    from stanchion_cli import preview as offline
    from stanchion_cli.estimate import estimate_of
    from stanchion_cli.estimate.live import asking, compared
    from stanchion_cli.preview.config import load_project

    root = find_root(root)
    names = list(dict.fromkeys(environments or load_project(root).environments()))
    results: list[tuple[str, Estimate | None, tuple[Compared, ...]]] = []
    for name in names:
        with step(f"evaluating {name}"):
            found = estimate_of(offline.run(name, root=root, policies=False))
        if found is None:
            results.append((name, None, ()))
        elif live:
            with step(f"asking {found.cloud} about {found.region}"):
                results.append((name, found, compared(found, asking(found.cloud))))
        else:
            results.append((name, found, compared(found)))
    if form is TextOrJson.JSON:
        typer.echo(json.dumps([_as_json(*each) for each in results], indent=2))
    else:
        for each in results:
            _print(*each, live=live)
    if live and any(_unproven(item) for _, _, items in results for item in items):
        raise typer.Exit(Exit.VIOLATION)


def _unproven(item: Compared) -> bool:
    return item.short or item.granted is None or item.granted.limit is None


def _print(name: str, found: Estimate | None, items: tuple[Compared, ...], *, live: bool) -> None:
    from stanchion_cli.report.cost import Row
    from stanchion_cli.report.text import table

    console = results()
    if found is None or not found.lines:
        console.print(f"{name}: needs no quota", markup=False)
        return
    place = f"{found.cloud} {found.region}" + (f" ({found.account})" if found.account else "")
    console.print(f"\n{name}: {place}", style="bold", markup=False)
    rows = []
    for item in items:
        cells = [item.need.name, item.need.code or "not in the catalogue",
                 f"{item.need.amount} {item.need.unit}"]  # fmt: skip
        if live:
            cells += [*_granted(item), _verdict(item)]
        cells.append(", ".join(item.need.pools))
        rows.append(Row(tuple(cells), missing=_unproven(item) if live else not item.need.code))
    asked = ("granted", "in use", "") if live else ()
    console.print(table(("quota", "code", "needed", *asked, "for"), rows, 0))
    if found.uncounted:
        pools = ", ".join(found.uncounted)
        console.print(f"  not counted, machines not in the catalogue: {pools}", markup=False)


def _granted(item: Compared) -> tuple[str, str]:
    granted = item.granted
    if granted is None or granted.limit is None:
        return "not known", ""
    return f"{granted.limit:,.0f}", "" if granted.used is None else f"{granted.used:,.0f}"


def _verdict(item: Compared) -> str:
    note = item.granted.note if item.granted else ""
    if item.short and item.granted is not None and item.granted.limit is not None:
        return f"short by {item.need.amount - item.granted.limit:,.0f} {item.need.unit}"
    return note or "enough"


def _as_json(name: str, found: Estimate | None, items: tuple[Compared, ...]) -> dict[str, Any]:
    return {
        "environment": name,
        "cloud": found.cloud if found else None,
        "region": found.region if found else None,
        "quotas": [
            {
                "code": item.need.code,
                "name": item.need.name,
                "needed": item.need.amount,
                "unit": item.need.unit,
                "pools": list(item.need.pools),
                "granted": _number(item.granted.limit) if item.granted else None,
                "used": item.granted.used if item.granted else None,
                "short": item.short,
                "note": (item.granted.note if item.granted else "") or None,
            }
            for item in items
        ],
        "notCounted": list(found.uncounted) if found else [],
    }


def _number(limit: float | None) -> float | str | None:
    """A limit as JSON can hold it."""
    return "unlimited" if limit == float("inf") else limit
