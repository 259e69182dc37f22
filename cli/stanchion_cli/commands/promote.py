"""`stanchion promote`: a model version through its gates into an environment."""

from __future__ import annotations

from typing import Annotated

import typer

from stanchion_cli.commands.releasing import Wait, needs_engine_or_no_wait, releasing
from stanchion_cli.commands.status import Context
from stanchion_cli.errors import InputError
from stanchion_cli.progress import console
from stanchion_cli.project import find_root


def promote(
    model: Annotated[
        str, typer.Argument(help="Name of the registered model or LoRA adapter, or of a prompt.")
    ],
    version: Annotated[
        str, typer.Argument(help="Version to promote, a number; none with --candidate.")
    ] = "",
    environment: Annotated[
        str, typer.Option("--env", help="Environment to promote it in.")
    ] = "local",
    wait: Wait = True,
    context: Context = "",
    *,
    candidate: Annotated[
        bool,
        typer.Option(
            "--candidate", help="Promote what the model's training registered last, if it is new."
        ),
    ] = False,
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Promote a version of a prompt of MLflow's registry.")
    ] = False,
) -> None:
    """Run a version's gates, pin it, roll it out, and move the alias when it is healthy.

    With --candidate it is the version that the model's training registered last. One that serves
    already is nothing to do; one that failed before, or is older than the pin, is refused.

    A LoRA adapter that a language model's service declares is held to its base model and rank.

    With --prompt it is a version of a prompt, judged by the answers to it.

    Run again after an interruption or --no-wait, it goes on: gates passed once are not run again.
    """
    from stanchion_cli.commands.up import roll_out
    from stanchion_cli.deploy.reach import preview_with, reached
    from stanchion_cli.llm import adapter_release
    from stanchion_cli.models.candidate import proposed
    from stanchion_cli.models.promotion import Request, promote_version

    if bool(version) == candidate:
        raise InputError(
            "is both a version and --candidate" if version else "has no version",
            where=f"{'prompt' if prompt else 'model'} {model}",
            fix="write either the version to promote, or --candidate",
        )
    if prompt:
        if candidate:
            raise InputError("has no --candidate", where=f"prompt {model}", fix="write a version")
        _promote_prompt(model, version, environment, context, wait=wait)
        return
    root = find_root()
    environment, preview = preview_with(root, environment, "services")
    stack = preview.environment
    if wait:
        needs_engine_or_no_wait(stack)
    adapting = adapter_release.services_of(preview.outputs, model)
    with reached(root, environment, preview, context) as target:

        def release(number: str) -> adapter_release.Release:
            asked = Request(root, environment, model, number)
            return adapter_release.Release(asked, adapting, target, preview.outputs["tracking"])

        if candidate:
            found = (
                adapter_release.proposed(release(version))
                if adapting
                else proposed(root, environment, model, preview, target)
            )
            version = found.version
            if found.serves:
                console.print(f"{model} version {version}, the candidate, serves in {environment}")
                return
        if adapting:
            path = adapter_release.promote(
                release(version), roll_out=(lambda: roll_out(root, stack)) if wait else None
            )
        else:
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


def _promote_prompt(
    prompt: str, version: str, environment: str, context: str, *, wait: bool
) -> None:
    from stanchion_cli.commands.up import roll_out
    from stanchion_cli.deploy.reach import preview_with, reached
    from stanchion_cli.llm.prompt_release import Request, promote

    root = find_root()
    environment, preview = preview_with(root, environment, "services")
    stack = preview.environment
    if wait:
        needs_engine_or_no_wait(stack)
    with reached(root, environment, preview, context) as target:
        path = promote(
            Request(root, environment, prompt, version),
            preview.outputs,
            target,
            roll_out=(lambda: roll_out(root, stack)) if wait else None,
        )
    if wait:
        told = f"prompt {prompt} version {version} serves in {environment}"
        console.print(told, style="bold")
    else:
        console.print(f"commit {path.relative_to(root)}; the next `up` of {stack} rolls it out")
