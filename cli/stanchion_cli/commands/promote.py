"""`stanchion promote`: a model version through its gates into an environment."""

from __future__ import annotations

from typing import Annotated

import typer

from stanchion_cli.commands.status import Context
from stanchion_cli.errors import StanchionError
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
    context: Context = "",
) -> None:
    """Check a version (digest, signature, smoke test), pin it, roll it out, move the alias."""
    from stanchion_cli.commands.up import roll_out, use_engine
    from stanchion_cli.deploy.reach import preview_with, reached
    from stanchion_cli.models.promotion import Request, promote_version

    root = find_root()
    environment, preview = preview_with(root, environment, "services")
    stack = preview.environment
    if wait:
        try:
            use_engine(stack, None)
        except StanchionError as error:
            raise StanchionError(
                error.reason,
                where=error.where,
                fix=f"{error.fix}, or add --no-wait: the version is checked and pinned here, and "
                "whoever has the engine rolls it out",
            ) from None
    with reached(root, environment, preview, context) as target:
        path = promote_version(
            Request(root, environment, model, version),
            preview,
            target,
            roll_out=(lambda: roll_out(root, stack)) if wait else None,
        )
    if wait:
        console.print(f"{model} version {version} serves in {environment}", style="bold")
    else:
        console.print(f"commit {path.relative_to(root)}; the next `up` of {stack} rolls it out")
