"""A version of a prompt into an environment, or back: gates, pin, rollout, and then the alias."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stanchion_cli.deploy.target import Target
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.llm import gates, prompts
from stanchion_cli.models import lease, lockfile
from stanchion_cli.models.lockfile import PromptPin
from stanchion_cli.models.promotion import RollOut
from stanchion_cli.models.records import HEALTHY, PINNED
from stanchion_cli.models.registry_access import open_registry
from stanchion_cli.progress import console, step

if TYPE_CHECKING:
    from stanchion_models import Registry


@dataclass(frozen=True)
class Request:
    """What is asked for: a version of a prompt in one environment."""

    root: Path
    environment: str
    prompt: str
    version: str
    """Empty, to go back: the one before."""


def promote(
    request: Request, outputs: Mapping[str, Any], target: Target, *, roll_out: RollOut | None
) -> Path:
    """Run the gates of every service that declares the prompt, pin the version, and roll it out.

    Raises:
        InputError: when no service declares it.
        gates.GateError: when it does not pass; nothing is pinned.
        StanchionError: when somebody else is at it; or when the rollout fails: then what was
            pinned before is restored and rolled out, and the alias has not moved.
    """
    services = services_of(outputs, request)
    doing = f"promotes prompt {request.prompt} version {request.version}"
    with lease.held(target.api, _namespaces(services), doing) as hold:
        with open_registry(target, target.api(), outputs["tracking"]) as registry:
            client = registry.client()
            version = prompts.read(client, request.prompt, request.version)
            pins = pinned(request, services)
            _gate(request, outputs, target, registry, version=version, pins=pins)
            prompts.keep_digest(client, version)
            prompts.say(client, request.prompt, version.pin.version, PINNED)
        hold.check()
        file = _pin(request, dict.fromkeys(services, version.pin))
        if roll_out is None:
            return file
        try:
            roll_out()
        except StanchionError as error:
            _pin(request, pins)
            with step("restore what was pinned before"):
                roll_out()
            raise StanchionError(
                f"did not roll out and was taken back: {error.reason}",
                where=version.where,
                fix="the alias has not moved",
            ) from None
        hold.check()
        with open_registry(target, target.api(), outputs["tracking"]) as registry:
            prompts.move_champion(registry.client(), request.prompt, version.pin.version)
            prompts.say(registry.client(), request.prompt, version.pin.version, HEALTHY)
    return file


def roll_back(
    request: Request,
    outputs: Mapping[str, Any],
    target: Target,
    *,
    reason: str,
    roll_out: RollOut | None,
) -> PromptPin:
    """Pin the version that served before, roll it out, and move the alias back; no gate is run.

    Raises:
        InputError: when no service declares the prompt.
        StanchionError: when there is nothing to go back to, somebody else is at it, or the rollout
            fails; then the pin stays as it was asked for, and the alias has not moved.
    """
    services = services_of(outputs, request)
    doing = f"rolls back prompt {request.prompt}"
    with lease.held(target.api, _namespaces(services), doing) as hold:
        left = next((pin for pin in pinned(request, services).values() if pin), None)
        with open_registry(target, target.api(), outputs["tracking"]) as registry:
            client = registry.client()
            wanted = request.version or prompts.before(client, request.prompt, left)
            version = prompts.read(client, request.prompt, wanted)
            if left is not None and left.version != wanted:
                state = f"rolled back to version {wanted}: {reason}"
                prompts.say(client, request.prompt, left.version, state)
        hold.check()
        _pin(request, dict.fromkeys(services, version.pin))
        if roll_out is not None:
            roll_out()
            hold.check()
            with open_registry(target, target.api(), outputs["tracking"]) as registry:
                prompts.take_back_champion(registry.client(), request.prompt, wanted)
                prompts.say(registry.client(), request.prompt, wanted, HEALTHY)
    return version.pin


def services_of(outputs: Mapping[str, Any], request: Request) -> dict[str, Mapping[str, Any]]:
    """The services that declare the prompt.

    Raises:
        InputError: when there is none.
    """
    known: Mapping[str, Mapping[str, Any]] = outputs.get("llmServices") or {}
    found = {name: each for name, each in known.items() if request.prompt in each["prompts"]}
    if not found:
        declared = sorted({name for each in known.values() for name in each["prompts"]})
        raise InputError(
            f"no service of {request.environment} declares it "
            f"(declared: {', '.join(declared) or 'none'})",
            where=f"prompt {request.prompt}",
            fix="correct the name, or write it under `prompts` of a service of kind LlmService",
        )
    return found


def pinned(request: Request, services: Mapping[str, Any]) -> dict[str, PromptPin | None]:
    """What each of the services has pinned of the prompt."""
    found = lockfile.read_prompts(request.root, request.environment)
    return {name: found.get(name, {}).get(request.prompt) for name in services}


def _gate(
    request: Request,
    outputs: Mapping[str, Any],
    target: Target,
    registry: Registry,
    *,
    version: prompts.Version,
    pins: Mapping[str, PromptPin | None],
) -> None:
    client, outcomes = registry.client(), []
    for name, live in pins.items():
        if outputs["llmServices"][name]["gates"] is None:
            console.print(f"  {name} declares no gates")
            continue
        service = gates.service_of(request.root, outputs, name, request.environment)
        title = f"gate: {len(service.rows)} rows answered by {name}"
        with step(title) as running, gates.reached(service, target) as endpoint:
            outcome = prompts.judged(
                client, version, service, endpoint, tracking=registry.tracking_uri, live=live
            )
            running.note("does not pass" if outcome.failures else outcome.figures)
        outcomes.append(outcome)
    try:
        prompts.refuse(version, outcomes)
    except StanchionError as error:
        prompts.say(client, version.name, version.pin.version, f"refused: {error.reason}")
        raise


def _pin(request: Request, pins: Mapping[str, PromptPin | None]) -> Path:
    file = lockfile.write_prompt(request.root, request.environment, request.prompt, pins)
    console.print(f"  pinned prompt {request.prompt} in {file.name}")
    return file


def _namespaces(services: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: str(each["namespace"]) for name, each in services.items()}
