"""`stanchion down`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.commands.up import Engine, use_engine
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.progress import console
from stanchion_cli.project import find_root

if TYPE_CHECKING:
    from stanchion_cli.preview import Preview


def down(
    environment: Annotated[
        str | None, typer.Argument(metavar="ENV", help="Environment, as dev-aws.")
    ] = None,
    *,
    engine: Engine = None,
    drain: Annotated[
        bool,
        typer.Option(help="Delete what controllers made in a cloud before its cluster goes."),
    ] = True,
    destroy_production: Annotated[
        str,
        typer.Option(metavar="ENV", help="For `profile: prod`: its name once more, as consent."),
    ] = "",
    expired: Annotated[
        bool,
        typer.Option("--expired", help="Only what `expires` has passed for; all without ENV."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="With --expired: only print the names of what has."),
    ] = False,
) -> None:
    """Take an environment down; for a bundled local node, the node and all that is in it."""
    root = find_root()
    if dry_run and not expired:
        raise InputError("--dry-run goes with --expired", fix="`stanchion preview` shows what runs")
    if expired and destroy_production:
        raise InputError(
            "production does not expire", where="--destroy-production", fix="leave --expired out"
        )
    if expired:
        _take_expired_down(root, environment, engine, drain, dry_run=dry_run)
    elif environment is None:
        raise InputError("no environment is named", fix="write `stanchion down ENV`, or --expired")
    else:
        _take_down(root, environment, engine, drain, consent=destroy_production)


def _take_expired_down(
    root: Path, environment: str | None, engine: bool | None, drain: bool, *, dry_run: bool
) -> None:
    """One that fails does not keep the others up; all that failed is told at the end."""
    from stanchion_cli.deploy.expiry import expiry
    from stanchion_cli.preview.config import load_project
    from stanchion_cli.preview.layers import from_the_top

    project, today = load_project(root), datetime.datetime.now(datetime.UTC).date()
    failures: list[str] = []
    for name in [environment] if environment else from_the_top(project):
        try:
            last = expiry(project, name)
            if last is None or last >= today:
                date = f"expires after {last}" if last else "has no `stanchion:expires`"
                console.print(f"{name}: {date}; it stays", markup=False)
                continue
            console.print(f"{name}: has expired after {last}", markup=False)
            if dry_run:
                typer.echo(name)
            else:
                _take_down(root, name, engine, drain, consent="")
        except StanchionError as error:
            failures.append(str(error))
    if failures:
        raise StanchionError("\n".join(failures))


def _take_down(
    root: Path, environment: str, engine: bool | None, drain: bool, *, consent: str
) -> None:
    from stanchion_cli.deploy import engine as pulumi_engine
    from stanchion_cli.preview import run as run_preview

    preview = run_preview(environment, root=root, policies=False)
    refuse_production(preview, consent)
    bundled = (preview.outputs.get("cluster") or {}).get("bundled")
    if bundled is not None:
        from stanchion_cli.commands.cluster import down as cluster_down

        cluster_down(name=bundled)
        pulumi_engine.forget(root, environment)
    elif use_engine(environment, engine):
        pulumi_engine.down(root, environment, drain=drain)
    else:
        from stanchion_cli.deploy.environment import take_down

        deleted = take_down(preview)
        console.print(f"{environment}: {len(deleted)} objects deleted")


def refuse_production(preview: Preview, consent: str) -> None:
    """Stop before anything is touched, unless production is named a second time.

    Raises:
        InputError: when `consent` is not the name of an environment with `profile: prod`, or is
            given for any other.
    """
    name = preview.environment
    if consent and consent != name:
        raise InputError(
            f"names {consent}, and what would go is {name}",
            where="--destroy-production",
            fix="name the one that is meant both times",
        )
    if preview.profile == "prod" and not consent:
        raise InputError(
            "is production, and nothing was touched",
            where=name,
            fix=f"if it is to go with all it holds: "
            f"`stanchion down {name} --destroy-production {name}`",
        )
