"""`stanchion rollback`: a service back to the version that served before."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.commands.releasing import Pinned, Place, Wait, release
from stanchion_cli.commands.status import Context

if TYPE_CHECKING:
    from stanchion_cli.llm import adapter_release


def rollback(
    service: Annotated[
        str,
        typer.Argument(
            help="Service, with every other that serves the same model; or a LoRA adapter, by its "
            "name in the registry; with --prompt a prompt."
        ),
    ],
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="VERSION", help="Version that has served; default: the one before."
        ),
    ] = "",
    environment: Annotated[
        str, typer.Option("--env", help="Environment to roll it back in.")
    ] = "local",
    reason: Annotated[
        str, typer.Option(help="Why, kept as a tag on the version that is left.")
    ] = "by hand",
    wait: Wait = True,
    context: Context = "",
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Roll back a prompt of MLflow's registry.")
    ] = False,
) -> None:
    """Pin the version that served before, roll it out, and move the alias back."""
    pin = partial(_prompt if prompt else _model, service, to, reason)
    release(environment, context, pin, name=service, wait=wait)


def _model(service: str, to: str, reason: str, place: Place) -> Pinned:
    from stanchion_cli.llm import adapter_release
    from stanchion_cli.models.rollback import Request, model_of, roll_back

    served_by = adapter_release.services_of(place.preview.outputs, service)
    if served_by:
        return _adapter(service, to, reason, served_by, place)
    request = Request(place.root, place.environment, service, to or None, reason)
    roll_out = place.roll_out_model(model_of(place.preview, request))
    pin = roll_back(request, place.preview, place.target, roll_out=roll_out)
    return Pinned(f"{pin.model} version {pin.version}", f"--to {pin.version}")


def _adapter(
    adapter: str, to: str, reason: str, services: adapter_release.Services, place: Place
) -> Pinned:
    from stanchion_cli.llm import adapter_release
    from stanchion_cli.models.promotion import Request

    asked = Request(place.root, place.environment, adapter, to)
    tracking = place.preview.outputs["tracking"]
    pin = adapter_release.roll_back(
        adapter_release.Release(asked, services, place.target, tracking),
        reason=reason,
        roll_out=place.roll_out_environment(),
    )
    return Pinned(f"adapter {adapter} version {pin.version}", f"--to {pin.version}")


def _prompt(prompt: str, to: str, reason: str, place: Place) -> Pinned:
    from stanchion_cli.llm.prompt_release import Request, roll_back

    pin = roll_back(
        Request(place.root, place.environment, prompt, to),
        place.preview.outputs,
        place.target,
        reason=reason,
        roll_out=place.roll_out_environment(),
    )
    return Pinned(f"prompt {prompt} version {pin.version}", f"--to {pin.version}")
