"""`stanchion costs`: what each service and team costs, and what nobody uses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stanchion_cli.commands.dashboards import PrometheusAddress
from stanchion_cli.commands.status import Context
from stanchion_cli.errors import InputError
from stanchion_cli.progress import results, step
from stanchion_cli.project import find_root
from stanchion_cli.report.form import TextOrJson

if TYPE_CHECKING:
    from stanchion_cli.costs import Allocation
    from stanchion_cli.costs.live import Measured


def costs(
    environments: Annotated[
        list[str] | None, typer.Argument(help="Environments; default: every one with a file.")
    ] = None,
    *,
    form: Annotated[
        TextOrJson, typer.Option("--format", help="For people or for tools.")
    ] = TextOrJson.TEXT,
    live: Annotated[
        bool, typer.Option("--live", help="Ask its Prometheus what is answered and used.")
    ] = False,
    window: Annotated[str, typer.Option(help="How far back --live looks, as 12h or 7d.")] = "1d",
    context: Context = "",
    prometheus: PrometheusAddress = "",
    root: Annotated[Path, typer.Option(help="A folder of the checkout.")] = Path(),
) -> None:
    """Show what each service, team and cost centre of an environment costs.

    That is known offline, from what is declared. With --live, or the address of a Prometheus, it
    adds the cost of 1,000 predictions, and what is paid for and not used with the saving.
    """
    from stanchion_cli import preview as offline
    from stanchion_cli.costs import allocation_of
    from stanchion_cli.preview.config import load_project
    from stanchion_cli.preview.layers import environment_of, stacks_of

    root = find_root(root)
    project = load_project(root)
    asked = environments or project.environments()
    names = list(dict.fromkeys(environment_of(project, each) for each in asked))
    asks = live or bool(prometheus)
    _check(names, asks=asks, window=window, context=context)
    found: list[tuple[str, Allocation | None, Measured | None]] = []
    for name in names:
        with step(f"evaluating {name}"):
            stacks = stacks_of(project, name)
            allocation = allocation_of(
                [offline.run(stack, root=root, policies=False) for stack in stacks]
            )
        measured = (
            _measured(root, name, allocation, window, context=context, address=prometheus)
            if asks
            else None
        )
        found.append((name, allocation, measured))
    if form is TextOrJson.JSON:
        typer.echo(json.dumps([_as_json(*each) for each in found], indent=2))
        return
    for each in found:
        _print(*each)


def _check(names: list[str], *, asks: bool, window: str, context: str) -> None:
    from stanchion_cli.costs.live import is_window

    if asks and len(names) != 1:
        raise InputError(
            "means one environment's Prometheus", where="--live", fix="name one environment"
        )
    if context and not asks:
        raise InputError("goes with --live", where="--context", fix="add --live, or leave it out")
    if not is_window(window):
        raise InputError(f"'{window}' is no time", where="--window", fix="write one as 12h or 7d")


def _measured(
    root: Path,
    name: str,
    allocation: Allocation | None,
    window: str,
    *,
    context: str,
    address: str,
) -> Measured | None:
    from stanchion_cli.costs.live import measure
    from stanchion_cli.deploy.prometheus import reached_prometheus

    if allocation is None:
        return None
    with (
        reached_prometheus(root, name, context=context, address=address) as found,
        step(f"asking {found.address} about the last {window}"),
    ):
        return measure(allocation, found, window)


def _as_json(name: str, allocation: Allocation | None, measured: Measured | None) -> dict[str, Any]:
    from stanchion_cli.report import costs as report

    if allocation is None:
        return {"environment": name, "services": [], "total": None}
    told = report.as_json(allocation)
    return told if measured is None else {**told, "measured": report.measured_json(measured)}


def _print(name: str, allocation: Allocation | None, measured: Measured | None) -> None:
    from stanchion_cli.report import costs as report
    from stanchion_cli.report.text import table

    console = results()
    if allocation is None:
        console.print(f"\n{name}: has no nodes that are paid for", markup=False)
        return
    estimate = allocation.estimate
    console.print(f"\n{name}: {estimate.cloud} {estimate.region}", style="bold", markup=False)
    console.print(table(report.SERVICE_COLUMNS, report.service_rows(allocation), 2))
    if allocation.shares:
        console.print()
        console.print(table(report.TEAM_COLUMNS, report.team_rows(allocation), 2))
    if measured is not None and measured.served:
        console.print()
        console.print(table(report.SERVED_COLUMNS, report.served_rows(measured), 3))
    if measured is not None and measured.findings:
        console.print()
        console.print(table(report.FINDING_COLUMNS, report.finding_rows(measured), 2))
    known = report.measured_notes(measured) if measured is not None else []
    for note in (*known, *report.notes(allocation)):
        console.print(f"  {note}", style="dim", markup=False)
