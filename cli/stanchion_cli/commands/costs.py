"""`stanchion costs`: what each service and team costs, and what nobody uses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.progress import step
from stanchion_cli.project import find_root
from stanchion_cli.report.form import TextOrJson

if TYPE_CHECKING:
    from stanchion_cli.costs import Allocation


def costs(
    environments: Annotated[
        list[str] | None, typer.Argument(help="Environments; default: every one with a file.")
    ] = None,
    form: Annotated[
        TextOrJson, typer.Option("--format", help="For people or for tools.")
    ] = TextOrJson.TEXT,
    root: Annotated[Path, typer.Option(help="A folder of the checkout.")] = Path(),
) -> None:
    """Show what each service, team and cost centre of an environment costs, offline."""
    from stanchion_cli import preview as offline
    from stanchion_cli.costs import allocation_of
    from stanchion_cli.preview.config import load_project
    from stanchion_cli.report import costs as report

    root = find_root(root)
    names = list(dict.fromkeys(environments or load_project(root).environments()))
    found: list[tuple[str, Allocation | None]] = []
    for name in names:
        with step(f"evaluating {name}"):
            found.append((name, allocation_of(offline.run(name, root=root, policies=False))))
    if form is TextOrJson.JSON:
        told = [
            report.as_json(each) if each else {"environment": name, "services": [], "total": None}
            for name, each in found
        ]
        typer.echo(json.dumps(told, indent=2))
        return
    for name, each in found:
        _print(name, each)


def _print(name: str, allocation: Allocation | None) -> None:
    from stanchion_cli.report import costs as report
    from stanchion_cli.report.text import standard_output, table

    console = standard_output()
    if allocation is None:
        console.print(f"\n{name}: has no nodes that are paid for", markup=False)
        return
    estimate = allocation.estimate
    console.print(f"\n{name}: {estimate.cloud} {estimate.region}", style="bold", markup=False)
    console.print(table(report.SERVICE_COLUMNS, report.service_rows(allocation), 2))
    if allocation.shares:
        console.print("\nby team", style="bold")
        console.print(table(report.TEAM_COLUMNS, report.team_rows(allocation), 2))
    for note in report.notes(allocation):
        console.print(f"  {note}", style="dim", markup=False)
