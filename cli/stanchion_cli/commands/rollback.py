"""`stanchion rollback`: a service back to the version that served before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.commands.releasing import Wait, needs_engine_or_no_wait, releasing
from stanchion_cli.commands.status import Context
from stanchion_cli.progress import console
from stanchion_cli.project import find_root

if TYPE_CHECKING:
    from stanchion_cli.models.promotion import Request
    from stanchion_cli.preview import Preview


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
        str, typer.Option("--to", metavar="VERSION", help="Version; default: the one before.")
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
    from stanchion_cli.deploy.reach import preview_with, reached
    from stanchion_cli.llm import adapter_release
    from stanchion_cli.models import promotion
    from stanchion_cli.models.rollback import Request, model_of, roll_back

    if prompt:
        _roll_back_prompt(service, to, environment, reason, context, wait=wait)
        return
    root = find_root()
    environment, preview = preview_with(root, environment, "services")
    stack = preview.environment
    if adapter_release.services_of(preview.outputs, service):
        asked = promotion.Request(root, environment, service, to)
        _roll_back_adapter(service, asked, preview, context, reason=reason, wait=wait)
        return
    request = Request(root, environment, service, to or None, reason)
    model = model_of(preview, request)
    if wait:
        needs_engine_or_no_wait(stack)
    with reached(root, environment, preview, context) as target:
        pin = roll_back(
            request,
            preview,
            target,
            roll_out=releasing(root, preview, target, model) if wait else None,
        )
    if wait:
        console.print(f"{pin.model} version {pin.version} serves in {environment}", style="bold")
    else:
        console.print(
            f"commit the lock file; the next `up` of {stack} rolls it out, and this command again "
            f"without --no-wait, with --to {pin.version}, moves the alias"
        )


def _roll_back_adapter(
    adapter: str, asked: Request, preview: Preview, context: str, *, reason: str, wait: bool
) -> None:
    from stanchion_cli.commands.up import roll_out
    from stanchion_cli.deploy.reach import reached
    from stanchion_cli.llm import adapter_release

    stack, outputs = preview.environment, preview.outputs
    if wait:
        needs_engine_or_no_wait(stack)
    with reached(asked.root, asked.environment, preview, context) as target:
        services = adapter_release.services_of(outputs, adapter)
        pin = adapter_release.roll_back(
            adapter_release.Release(asked, services, target, outputs["tracking"]),
            reason=reason,
            roll_out=(lambda: roll_out(asked.root, stack)) if wait else None,
        )
    if wait:
        told = f"adapter {adapter} version {pin.version} serves in {asked.environment}"
        console.print(told, style="bold")
    else:
        console.print(f"commit the lock file; the next `up` of {stack} rolls it out")


def _roll_back_prompt(
    prompt: str, to: str, environment: str, reason: str, context: str, *, wait: bool
) -> None:
    from stanchion_cli.commands.up import roll_out
    from stanchion_cli.deploy.reach import preview_with, reached
    from stanchion_cli.llm.prompt_release import Request, roll_back

    root = find_root()
    environment, preview = preview_with(root, environment, "services")
    stack = preview.environment
    if wait:
        needs_engine_or_no_wait(stack)
    with reached(root, environment, preview, context) as target:
        pin = roll_back(
            Request(root, environment, prompt, to),
            preview.outputs,
            target,
            reason=reason,
            roll_out=(lambda: roll_out(root, stack)) if wait else None,
        )
    if wait:
        told = f"prompt {prompt} version {pin.version} serves in {environment}"
        console.print(told, style="bold")
    else:
        console.print(f"commit the lock file; the next `up` of {stack} rolls it out")
