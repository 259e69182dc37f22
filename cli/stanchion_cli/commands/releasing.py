"""What `promote` and `rollback` share: how a pin is brought to users from here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import step

if TYPE_CHECKING:
    from stanchion_cli.deploy.target import Target
    from stanchion_cli.preview import Preview

Wait = Annotated[
    bool, typer.Option(help="Roll the pin out, wait until it is healthy and move the alias.")
]


def releasing(root: Path, preview: Preview, target: Target, model: str) -> Callable[[], None]:
    """What brings the environment up and waits until a model's services serve one version."""
    from stanchion_cli.commands.up import roll_out
    from stanchion_cli.deploy.releases import settle
    from stanchion_cli.models.promotion import services_of

    def release() -> None:
        services = services_of(preview, model, preview.environment)
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
