"""A version of a prompt into an environment, or back: gates, pin, rollout, and then the alias."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stanchion_cli.deploy.target import Target
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.llm import gates, prompts
from stanchion_cli.llm.prompts import PromptRecords
from stanchion_cli.models import lease, lockfile, trial
from stanchion_cli.models.former import check_served, leave, version_before
from stanchion_cli.models.gates import GateError
from stanchion_cli.models.lockfile import Pin, PromptPin
from stanchion_cli.models.pinning import Destination, Here
from stanchion_cli.models.registry_access import open_registry
from stanchion_cli.models.trial import RollOut, Trial
from stanchion_cli.progress import console, step

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient
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
    request: Request,
    outputs: Mapping[str, Any],
    target: Target,
    *,
    roll_out: RollOut | None,
    destination: Destination | None = None,
) -> None:
    """Run the gates of every service that declares the prompt, pin the version, and roll it out.

    Args:
        request: The version, and where to.
        outputs: What the environment's program says of its services.
        target: The cluster that they run on.
        roll_out: How to roll out; None: only pin.
        destination: Where the pin is written; None: into the checkout.

    Raises:
        InputError: when no service declares it.
        GateError: when it does not pass; nothing is pinned.
        StanchionError: when somebody else is at it; or when the rollout fails: then what was
            pinned before is restored and rolled out, and the alias has not moved.
    """
    services = services_of(outputs, request)
    doing = f"promotes prompt {request.prompt} version {request.version}"
    destination = destination or Here(request.root)
    with lease.held(target.api, _namespaces(services), doing) as hold:
        with open_registry(target, target.api(), outputs["tracking"]) as registry:
            client = registry.client()
            version = prompts.read(client, request.prompt, request.version)
            wanted, current = _named(request, version.pin), _versions(request, services)
            before = trial.served_before(current, wanted, partial(_records, request, client))
            served = _pins(client, request, services, before)
            records = _records(request, client, wanted)
            try:
                told = _gate(request, outputs, target, registry, version=version, live=served)
            except GateError as error:
                records.say(f"refused: {error.reason}")
                raise
            prompts.keep_digest(client, version)
            hold.check()
            record = partial(trial.begin, records, wanted, current, before, destination.state)
            with destination.checkout(version.where, told, record) as root:
                file = _pin(request, dict.fromkeys(services, version.pin), root)
        console.print(f"  {destination.done} {version.where} in {file.name}")
        if roll_out is not None:
            Trial(
                where=version.where,
                version=version.pin.version,
                before=served,
                pin=partial(_pin, request),
                hold=hold,
                registry=lambda: open_registry(target, target.api(), outputs["tracking"]),
                records=lambda found: _records(request, found.client(), wanted),
                move_champion=lambda found: prompts.move_champion(
                    found.client(), request.prompt, version.pin.version
                ),
            ).bring_out(roll_out)


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
        StanchionError: when there is nothing to go back to, the version that is asked for has
            never served, somebody else is at it, or the rollout fails; then the pin stays as it was
            asked for, and the alias has not moved.
    """
    services = services_of(outputs, request)
    doing = f"rolls back prompt {request.prompt}"
    with lease.held(target.api, _namespaces(services), doing) as hold:
        service, left = next(
            ((name, pin) for name, pin in _versions(request, services).items() if pin), ("", None)
        )
        with open_registry(target, target.api(), outputs["tracking"]) as registry:
            client = registry.client()
            champion = prompts.alias(client, request.prompt, prompts.CHAMPION)
            previous = prompts.alias(client, request.prompt, prompts.PREVIOUS)
            records = partial(_records, request, client)
            wanted = request.version or version_before(
                service, left, champion=champion, previous=previous, records=records
            )
            if wanted is None:
                raise StanchionError(
                    "no version is known to have served before",
                    where=f"prompt {request.prompt}",
                    fix="name the version to go back to with --to",
                )
            version = prompts.read(client, request.prompt, wanted)
            check_served(
                _named(request, version.pin),
                _versions(request, services).values(),
                [champion, previous],
                records=records,
                where=version.where,
                promote=f"stanchion promote {request.prompt} {wanted} --prompt "
                f"--env {request.environment}",
            )
            if left is not None and left.version != wanted:
                leave(records(left), left, wanted, reason)
        hold.check()
        file = _pin(request, dict.fromkeys(services, version.pin))
        console.print(f"  pinned {version.where} in {file.name}")
        if roll_out is not None:
            roll_out()
            hold.check()
            with open_registry(target, target.api(), outputs["tracking"]) as registry:
                if champion != wanted:
                    prompts.take_back_champion(registry.client(), request.prompt, wanted)
                _records(request, registry.client(), _named(request, version.pin)).settle()
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
    live: Mapping[str, PromptPin | None],
) -> list[str]:
    """Refuse a version that does not pass; what was found of one that does, one a line."""
    client, outcomes = registry.client(), []
    for name, serving in live.items():
        if outputs["llmServices"][name]["gates"] is None:
            console.print(f"  {name} declares no gates")
            continue
        service = gates.service_of(request.root, outputs, name, request.environment)
        title = f"gate: {len(service.rows)} rows answered by {name}"
        with step(title) as running, gates.reached(service, target) as endpoint:
            outcome = prompts.judged(
                client, version, service, endpoint, tracking=registry.tracking_uri, live=serving
            )
            running.note("does not pass" if outcome.failures else outcome.figures)
        outcomes.append(outcome)
    prompts.refuse(version, outcomes)
    return [f"{each.service}: {each.gate}: {each.figures}" for each in outcomes]


def _named(request: Request, pin: PromptPin) -> Pin:
    """A version as the registry knows it."""
    return Pin(request.prompt, pin.version, pin.digest)


def _versions(request: Request, services: Mapping[str, Any]) -> dict[str, Pin | None]:
    found = pinned(request, services)
    return {name: _named(request, pin) if pin else None for name, pin in found.items()}


def _records(request: Request, client: MlflowClient, pin: Pin) -> PromptRecords:
    return PromptRecords.of(client, pin, request.environment)


def _pins(
    client: MlflowClient,
    request: Request,
    services: Mapping[str, Any],
    versions: Mapping[str, Pin | None],
) -> dict[str, PromptPin | None]:
    """Versions with their messages: those that are pinned as they are, others by the registry."""
    known = pinned(request, services)

    def whole(name: str, wanted: Pin | None) -> PromptPin | None:
        pin = known[name]
        if wanted is None or (pin is not None and _named(request, pin) == wanted):
            return pin if wanted else None
        return prompts.read(client, request.prompt, wanted.version).pin

    return {name: whole(name, wanted) for name, wanted in versions.items()}


def _pin(request: Request, pins: Mapping[str, PromptPin | None], root: Path | None = None) -> Path:
    """Write the pins into a checkout, by default the one that was asked for; the lock file."""
    return lockfile.write_prompt(root or request.root, request.environment, request.prompt, pins)


def _namespaces(services: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: str(each["namespace"]) for name, each in services.items()}
