"""`stanchion operators`: the pinned third-party charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.errors import Exit, InputError
from stanchion_cli.progress import results

if TYPE_CHECKING:
    from stanchion.operators.lock import Chart, Finding


app = typer.Typer(help="The pinned third-party charts.", no_args_is_help=True)


@app.callback()
def operators() -> None:
    """The pinned third-party charts."""


@app.command()
def check(
    environment: Annotated[
        str, typer.Argument(metavar="[ENV]", help="Hold them to its Kubernetes as well.")
    ] = "",
    *,
    kubernetes: Annotated[
        str, typer.Option(metavar="VERSION", help="Hold them to this Kubernetes, as 1.35.")
    ] = "",
    lock: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Another lock file than the package's own.")
    ] = None,
    root: Annotated[Path, typer.Option(help="A folder of the checkout.")] = Path(),
) -> None:
    """Check the lock file of charts: exact versions, digests, nothing twice, nothing deprecated.

    Ends with 0 where all is well, notes included, 1 where a chart is wrong or does not go with the
    Kubernetes, 2 on bad input.
    """
    from stanchion.operators.lock import findings

    version = _version(environment, kubernetes, root)
    charts = _charts(lock)
    found = findings(charts, version or None)
    _print(charts, found, version)
    if any(each.wrong for each in found):
        raise typer.Exit(Exit.VIOLATION)


def _version(environment: str, kubernetes: str, root: Path) -> str:
    """Minor version of Kubernetes to check for; empty for none."""
    from stanchion.operators.lock import MINOR

    if environment and kubernetes:
        raise InputError("ENV and --kubernetes exclude each other", fix="leave out one of them")
    if environment:
        return _version_of(environment, root)
    if kubernetes and not MINOR.fullmatch(kubernetes):
        raise InputError(
            f"'{kubernetes}' is no minor version", where="--kubernetes", fix="write one as 1.35"
        )
    return kubernetes


def _version_of(environment: str, root: Path) -> str:
    from stanchion.foundation.cloud import Cloud

    from stanchion_cli.comparison import settings_of
    from stanchion_cli.progress import step
    from stanchion_cli.project import find_root

    with step(f"reading {environment}"):
        settings = settings_of(environment, root=find_root(root))
    provider, cluster = settings.get("provider"), settings.get("cluster")
    cloud = provider.get("cloud") if isinstance(provider, Mapping) else None
    version = cluster.get("version") if isinstance(cluster, Mapping) else None
    if version is None or cloud == Cloud.LOCAL:
        raise InputError(
            "has no charts: what runs there is no cloud's Kubernetes",
            where=f"environment {environment}",
            fix="name one with --kubernetes instead",
        )
    return str(version)


def _charts(lock: Path | None) -> Sequence[Chart]:
    from stanchion.operators import lock as lockfile

    if lock is None:
        return list(lockfile.charts().values())
    try:
        return lockfile.parse(lock.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(lock)) from None
    except UnicodeDecodeError:
        raise InputError("is no text", where=str(lock)) from None
    except lockfile.LockError as error:
        raise InputError(str(error), where=str(lock)) from None


def _print(charts: Sequence[Chart], found: Sequence[Finding], version: str) -> None:
    from rich.table import Table

    out = results()
    table = Table("chart", "version", "app", "Kubernetes", "definitions", "", box=None)
    wrong = {each.chart for each in found if each.wrong}
    noted = {each.chart for each in found}
    for chart in charts:
        mark = "✗" if chart.name in wrong else "-" if chart.name in noted else "✓"
        cells = (chart.name, chart.version, chart.app_version, str(chart.kubernetes))
        table.add_row(*cells, str(chart.crds), mark)
    out.print(table)
    for each in sorted(found, key=lambda item: not item.wrong):
        kind, style = ("error", "red") if each.wrong else ("note", "yellow")
        out.print(f"{kind}: {each}", style=style, markup=False)
    errors = sum(each.wrong for each in found)
    against = f" for Kubernetes {version}" if version else ""
    out.print(f"{len(charts)} charts{against}: {errors} errors, {len(found) - errors} notes")
