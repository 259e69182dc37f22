"""`stanchion promote`: a model version through its gates into an environment."""

from __future__ import annotations

from typing import Annotated

import typer

from stanchion_cli.progress import console
from stanchion_cli.project import find_root


def promote(
    model: Annotated[str, typer.Argument(help="Name of the registered model.")],
    version: Annotated[str, typer.Argument(help="Version to promote, a number.")],
    environment: Annotated[
        str, typer.Option("--env", help="Environment to promote it in.")
    ] = "local",
    wait: Annotated[
        bool,
        typer.Option(help="Roll the pin out, wait until it is healthy and move the alias."),
    ] = True,
) -> None:
    """Check a version (digest, signature, smoke test), pin it, roll it out, move the alias."""
    from stanchion_cli.commands.up import roll_out
    from stanchion_cli.models.promotion import Request, promote_version
    from stanchion_cli.preview import run as run_preview

    root = find_root()
    preview = run_preview(environment, root=root, policies=False)
    path = promote_version(
        Request(root, environment, model, version),
        preview,
        roll_out=(lambda: roll_out(root, environment)) if wait else None,
    )
    if wait:
        console.print(f"{model} version {version} serves in {environment}", style="bold")
    else:
        console.print(
            f"commit {path.relative_to(root)}; the next `up` of {environment} rolls it out"
        )
