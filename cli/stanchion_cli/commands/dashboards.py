"""`stanchion dashboards`: the platform's dashboards without Grafana, or for one of your own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.commands.status import Context
from stanchion_cli.errors import InputError
from stanchion_cli.progress import console, step
from stanchion_cli.project import find_root

if TYPE_CHECKING:
    from stanchion.monitoring.dashboards import Dashboard

app = typer.Typer(help="The platform's dashboards.", no_args_is_help=True)

PrometheusAddress = Annotated[
    str,
    typer.Option(
        "--prometheus",
        metavar="URL",
        help="Where Prometheus answers already; without it, the environment's own is reached "
        "through its cluster.",
    ),
]


@app.callback()
def dashboards() -> None:
    """The platform's dashboards."""


@app.command()
def render(
    environment: Annotated[str, typer.Argument(help="Environment to look at.")] = "local",
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Write the page here.")
    ] = Path("dashboards.html"),
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="A dashboard; may be repeated. Default: all."),
    ] = None,
    hours: Annotated[float, typer.Option(help="How far back, at most 720.")] = 6,
    tenant: Annotated[str, typer.Option(help="This tenant alone.")] = "",
    service: Annotated[str, typer.Option(help="This service alone.")] = "",
    context: Context = "",
    prometheus: PrometheusAddress = "",
    root: Annotated[Path, typer.Option(help="A folder of the checkout.")] = Path(),
) -> None:
    """Write dashboards as one HTML page with pictures, from what Prometheus has now."""
    from stanchion.monitoring.dashboards import DASHBOARDS

    from stanchion_cli.deploy.prometheus import reached_prometheus
    from stanchion_cli.report.dashboards import Times, page

    chosen = _chosen(only or [], DASHBOARDS)
    if not 0 < hours <= 720:
        raise InputError(f"{hours:g} is out of range", where="--hours", fix="write 0.1 to 720")
    if not output.parent.is_dir():
        raise InputError("is no folder", where=f"--output {output.parent}", fix="make it first")
    values = {key: value for key, value in (("tenant", tenant), ("service", service)) if value}
    end = time.time()
    with (
        reached_prometheus(
            find_root(root), environment, context=context, address=prometheus
        ) as found,
        step(f"asking {found.address}"),
    ):
        text = page(environment, chosen, found, Times(end - 3600 * hours, end), values)
    output.write_text(text, "utf-8")
    console.print(f"  wrote {output}", style="dim", markup=False)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Write a file for each here.")],
) -> None:
    """Write dashboards as the JSON that any Grafana imports."""
    from stanchion.monitoring.dashboards import DASHBOARDS
    from stanchion.monitoring.dashboards.component import exported

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in DASHBOARDS:
            (folder / f"{each.uid}.json").write_text(exported(each.name), "utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(folder)) from None
    console.print(f"  wrote {len(DASHBOARDS)} dashboards to {folder}", style="dim", markup=False)


def _chosen(names: Sequence[str], known: Sequence[Dashboard]) -> Sequence[Dashboard]:
    by_name = {each.name: each for each in known}
    for name in names:
        if name not in by_name:
            raise InputError(
                "there is no such dashboard",
                where=f"--only {name}",
                fix=f"write one of {', '.join(by_name)}",
            )
    return [by_name[name] for name in dict.fromkeys(names)] or known
