"""`stanchion tracking`: backups of the tracking server's databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stanchion_cli.commands.status import Context
from stanchion_cli.progress import console, results, step
from stanchion_cli.project import find_root

if TYPE_CHECKING:
    from stanchion_cli.deploy.api import Api

app = typer.Typer(help="Backups of the tracking server's databases.", no_args_is_help=True)
Environment = Annotated[str, typer.Option("--env", help="Environment whose databases are meant.")]


@app.callback()
def tracking() -> None:
    """Backups of the tracking server's databases."""


@app.command()
def backups(environment: Environment = "local", context: Context = "") -> None:
    """List the backups in the environment's store, oldest first."""
    from rich.table import Table

    from stanchion_cli.tracking import listed

    with _reached(environment, context) as (api, where), step("list the backups"):
        found = listed(api, where)
    table = Table("backup", "taken (UTC)", "bytes", box=None)
    for each in found:
        table.add_row(each.name, f"{each.taken:%Y-%m-%d %H:%M:%S}", f"{each.bytes:,}")
    results().print(table if found else "no backups yet")


@app.command()
def backup(environment: Environment = "local", context: Context = "") -> None:
    """Write a backup now, out of turn."""
    from stanchion_cli.tracking import back_up

    with _reached(environment, context) as (api, where), step("back both databases up"):
        back_up(api, where)


@app.command()
def restore(
    environment: Environment = "local",
    *,
    context: Context = "",
    at: Annotated[
        str,
        typer.Option(metavar="TIME", help="The newest backup not after it, in UTC unless it says."),
    ] = "",
    name: Annotated[
        str, typer.Option("--backup", metavar="NAME", help="This backup.  [default: the newest]")
    ] = "",
    stop_server: Annotated[
        bool, typer.Option("--stop-server", help="Stop MLflow's server, and start it afterwards.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Let go of the runs and models that are there.")
    ] = False,
) -> None:
    """Put a backup in the place of what the tracking server's databases hold.

    Ends with 1 where the server runs or the databases hold what may not go, 2 where there is no
    such backup; nothing has changed then.
    """
    from stanchion_cli.tracking import choose, listed
    from stanchion_cli.tracking import restore as put_back

    with _reached(environment, context) as (api, where):
        with step("choose the backup") as running:
            chosen = choose(listed(api, where), at=at, name=name)
            running.note(chosen.name)
        put_back(api, where, chosen, stop_server=stop_server, overwrite=overwrite)
    console.print(f"{environment}: restored {chosen.name}", style="bold")


@contextmanager
def _reached(environment: str, context: str) -> Iterator[tuple[Api, Mapping[str, Any]]]:
    """The environment's cluster, and its output `tracking`."""
    from stanchion_cli.deploy.reach import preview_with, reached

    root = find_root()
    environment, preview = preview_with(root, environment, "platform")
    with reached(root, environment, preview, context) as target:
        yield target.api(), preview.outputs["tracking"]
