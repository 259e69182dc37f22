"""`stanchion promote`: a model version through its gates into an environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.commands.status import Context
from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import console, step
from stanchion_cli.project import find_root

if TYPE_CHECKING:
    from stanchion_cli.deploy.target import Target
    from stanchion_cli.preview import Preview


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
    """Run a version's gates, pin it, roll it out, and move the alias when it is healthy.

    Run again after an interruption or --no-wait, it goes on: gates passed once are not run again.
    """
    from stanchion_cli.deploy.reach import preview_with, reached
    from stanchion_cli.models.promotion import Request, promote_version

    root = find_root()
    environment, preview = preview_with(root, environment, "services")
    stack = preview.environment
    if wait:
        needs_engine_or_no_wait(stack)
    with reached(root, environment, preview, context) as target:
        path = promote_version(
            Request(root, environment, model, version),
            preview,
            target,
            roll_out=releasing(root, preview, target, model) if wait else None,
        )
    if wait:
        console.print(f"{model} version {version} serves in {environment}", style="bold")
    else:
        console.print(
            f"commit {path.relative_to(root)}; the next `up` of {stack} rolls it out, and this "
            "command again without --no-wait moves the alias"
        )


def releasing(root: Path, preview: Preview, target: Target, model: str) -> Callable[[], None]:
    """What brings the environment up and waits until a model's services serve one version."""
    from stanchion_cli.commands.up import roll_out
    from stanchion_cli.deploy.releases import settle

    declared = preview.outputs["services"]
    services = {name: each for name, each in declared.items() if each["model"] == model}

    def release() -> None:
        roll_out(root, preview.environment)
        with step(f"release of {', '.join(services)}"):
            settle(target.api(), services)

    return release


def needs_engine_or_no_wait(stack: str) -> None:
    """Make sure, before anything is begun, that what is pinned can be rolled out from here.

    Raises:
        StanchionError: when it takes the engine, which is not here.
    """
    from stanchion_cli.commands.up import use_engine

    try:
        use_engine(stack, None)
    except StanchionError as error:
        raise StanchionError(
            error.reason,
            where=error.where,
            fix=f"{error.fix}, or add --no-wait: the version is pinned here, and whoever has the "
            "engine rolls it out",
        ) from None
