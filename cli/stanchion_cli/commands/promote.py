"""`stanchion promote`: a model version through its gates into an environment."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.commands.releasing import Pinned, Place, Wait, release
from stanchion_cli.commands.status import Context
from stanchion_cli.errors import InputError
from stanchion_cli.progress import console

if TYPE_CHECKING:
    from stanchion_cli.llm import adapter_release
    from stanchion_cli.models.candidate import Candidate


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
    propose: Annotated[
        bool,
        typer.Option(
            "--propose",
            help="Pin on a branch, with a pull request where `gh` is, and roll nothing out.",
        ),
    ] = False,
) -> None:
    """Run a version's gates, pin it, roll it out, and move the alias when it is healthy.

    With --candidate it is the version that the model's training registered last. One that serves
    already is nothing to do; one that failed before, or is older than the pin, is refused.

    A LoRA adapter that a language model's service declares is held to its base model and rank.

    With --prompt it is a version of a prompt, judged by the answers to it.

    With --propose the pin is a commit on a branch of its own, and nothing is rolled out from here.

    Run again after an interruption or --no-wait, it goes on: gates passed once are not run again.
    """
    if bool(version) == candidate:
        raise InputError(
            "is both a version and --candidate" if version else "has no version",
            where=f"{'prompt' if prompt else 'model'} {model}",
            fix="write either the version to promote, or --candidate",
        )
    if prompt and candidate:
        raise InputError("has no --candidate", where=f"prompt {model}", fix="write a version")
    pin = partial(_prompt if prompt else _model, model, version)
    release(environment, context, pin, name=model, wait=wait and not propose, propose=propose)


def _model(model: str, version: str, place: Place) -> Pinned | None:
    from stanchion_cli.llm import adapter_release
    from stanchion_cli.models.candidate import proposed
    from stanchion_cli.models.promotion import Request, promote_version

    served_by = adapter_release.services_of(place.preview.outputs, model)
    if served_by:
        return _adapter(model, version, served_by, place)
    if not version:
        found = proposed(
            place.root,
            place.environment,
            model,
            place.preview,
            place.target,
            stands=partial(place.stands, "models", model),
        )
        version = found.version
        if _is_done(found, model, place):
            return None
    promote_version(
        Request(place.root, place.environment, model, version),
        place.preview,
        place.target,
        roll_out=place.roll_out_model(model),
        destination=place.destination("models", model, version),
    )
    return Pinned(f"{model} version {version}")


def _adapter(
    adapter: str, version: str, services: adapter_release.Services, place: Place
) -> Pinned | None:
    from stanchion_cli.llm import adapter_release
    from stanchion_cli.models.promotion import Request

    asked = Request(place.root, place.environment, adapter, version)
    asking = adapter_release.Release(
        asked, services, place.target, place.preview.outputs["tracking"]
    )
    if not version:
        stands = partial(place.stands, "adapters", adapter)
        found = adapter_release.proposed(asking, stands=stands)
        if _is_done(found, adapter, place):
            return None
        asking = replace(asking, request=replace(asked, version=found.version))
    version = asking.request.version
    adapter_release.promote(
        asking,
        roll_out=place.roll_out_environment(),
        destination=place.destination("adapters", adapter, version),
    )
    return Pinned(f"{adapter} version {version}")


def _is_done(found: Candidate, model: str, place: Place) -> bool:
    """Whether nothing is left to do for a candidate, which is told then."""
    pinned = place.propose and found.pinned
    if found.serves or pinned:
        state = "serves" if found.serves else "is pinned"
        console.print(
            f"{model} version {found.version}, the candidate, {state} in {place.environment}"
        )
    return found.serves or pinned


def _prompt(prompt: str, version: str, place: Place) -> Pinned:
    from stanchion_cli.llm.prompt_release import Request, promote

    promote(
        Request(place.root, place.environment, prompt, version),
        place.preview.outputs,
        place.target,
        roll_out=place.roll_out_environment(),
        destination=place.destination("prompts", prompt, version),
    )
    return Pinned(f"prompt {prompt} version {version}")
