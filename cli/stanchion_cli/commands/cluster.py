"""`stanchion cluster`: the bundled node, a real Kubernetes on this machine without Docker."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from stanchion_cli.cluster import ClusterStatus

app = typer.Typer(help="The bundled Kubernetes node.", no_args_is_help=True)

Name = Annotated[str, typer.Option("--name", help="Which node; several can run side by side.")]


class Format(StrEnum):
    """How `status` is written."""

    TEXT = "text"
    JSON = "json"


@app.command()
def up(
    name: Name = "local",
    operators: Annotated[
        list[str] | None,
        typer.Option(
            "--operator",
            help="A third-party controller that it is to have, as argo-rollouts; several with "
            "several. Those that it has stay.",
        ),
    ] = None,
) -> None:
    """Start the node, or go on from where an earlier run was interrupted."""
    from stanchion_cli import cluster

    running = cluster.up(name, operators or ())
    out = Console(highlight=False, soft_wrap=True, emoji=False)
    out.print(f"cluster {running.name} runs at {running.node_address}", markup=False)
    out.print(f"  export KUBECONFIG={running.kubeconfig}", markup=False)


@app.command()
def down(name: Name = "local") -> None:
    """Remove the node and all it holds; list what stays."""
    from stanchion_cli import cluster

    out = Console(highlight=False, soft_wrap=True, emoji=False)
    kept = cluster.down(name)
    out.print(f"cluster {name} is gone", markup=False)
    if kept:
        out.print("caches that stay, to be deleted at will:", markup=False)
    for folder in kept:
        out.print(f"  {folder}", markup=False)
    if installed := cluster.installed_packages():
        out.print("system packages that an earlier `up` installed and that stay:", markup=False)
        out.print(f"  {' '.join(installed)}", markup=False)


@app.command()
def status(
    name: Name = "local",
    output: Annotated[Format, typer.Option("--format", help="For people or for programs.")] = (
        Format.TEXT
    ),
) -> None:
    """Show the node part by part; exit status 1 where it is not running whole."""
    from stanchion_cli import cluster

    found = cluster.status(name)
    out = Console(highlight=False, soft_wrap=True, emoji=False)
    if output is Format.JSON:
        out.print(json.dumps(asdict(found), default=str, indent=2), markup=False)
    else:
        _as_text(out, found)
    if found.state is not cluster.ClusterState.RUNNING:
        raise typer.Exit(1)


def _as_text(out: Console, found: ClusterStatus) -> None:
    out.print(f"cluster {found.name}: {found.state}", markup=False)
    for part in found.components:
        line = f"  {'✓' if part.ok else '✗'} {part.name}"
        out.print(f"{line}: {part.reason}" if part.reason else line, markup=False)
    if found.cluster is not None:
        out.print(f"  kubeconfig {found.cluster.kubeconfig}", markup=False)
