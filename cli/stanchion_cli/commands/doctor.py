"""`stanchion doctor`: what is missing on this machine and how to get it."""

from __future__ import annotations

import shutil
import sys

import typer
from rich.console import Console

from stanchion_cli.errors import Exit


def doctor() -> None:
    """Check what the bundled node, the engine and other clusters need on this machine."""
    from stanchion_cli.cluster import preflight

    out = Console(highlight=False, soft_wrap=True, emoji=False)
    checks = preflight()
    out.print("For the bundled node (`make up` with stanchion:provider.bundled):", style="bold")
    for check in checks:
        mark, style = ("✓", "green") if check.ok else ("✗", "red")
        fix = "" if check.ok else f"; {check.fix}"
        out.print(f"  {mark} {check.name}: {check.found}{fix}", style=style, markup=False)
    out.print("For a cluster of your own (stanchion:provider.context):", style="bold")
    _tool(out, "kubectl", "install it as https://kubernetes.io/docs/tasks/tools/ says")
    out.print("For the clouds, and optional here:", style="bold")
    _tool(out, "pulumi", "install it as https://www.pulumi.com/docs/install/ says")
    out.print(f"Python {sys.version.split()[0]}")
    if not all(check.ok for check in checks):
        raise typer.Exit(Exit.VIOLATION)


def _tool(out: Console, name: str, fix: str) -> None:
    found = shutil.which(name)
    mark, style = ("✓", "green") if found else ("-", "yellow")
    out.print(f"  {mark} {name}: {found or f'not on PATH; {fix}'}", style=style, markup=False)
