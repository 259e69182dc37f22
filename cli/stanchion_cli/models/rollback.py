"""Roll a service back: pin what served before, roll it out, and move the alias back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stanchion_cli.deploy.target import Target
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.models import attempts, gates
from stanchion_cli.models.former import check_served, leave, version_before
from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.promotion import release, services_of
from stanchion_cli.models.records import Records
from stanchion_cli.models.registry_access import aliases_of, take_back_champion
from stanchion_cli.models.trial import RollOut
from stanchion_cli.preview import Preview
from stanchion_cli.progress import console, step

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True)
class Request:
    """What is asked for: a service of an environment, the version to go back to, and why."""

    root: Path
    environment: str
    service: str
    version: str | None
    """None: the one that served before."""
    reason: str


def roll_back(
    request: Request, preview: Preview, target: Target, *, roll_out: RollOut | None
) -> Pin:
    """Pin the version that served before for every service that serves the model; roll it out.

    No gate is run: the version has served, and one that has not is refused. Its files are verified
    by their digest as always. A service without a version of the model, to which it may be new, is
    left alone unless it is the one that is named.

    Args:
        request: What is asked for.
        preview: The environment's services as they are declared now.
        target: The cluster that they run on.
        roll_out: How to roll out; None: only pin.

    Returns:
        What is pinned now.

    Raises:
        InputError: when the environment has no such service.
        StanchionError: when there is nothing to go back to, the version that is asked for has
            never served, somebody else is at it, or the rollout fails; then the pin stays as it was
            asked for, and the alias has not moved.
    """
    model = model_of(preview, request)
    services = services_of(preview, model, request.environment)
    doing = f"rolls back {model}"
    with release(request.root, request.environment, services, preview, target, doing=doing) as held:
        with held.registry() as registry:
            pinned = held.pins()
            left = pinned[request.service]
            if left is not None and left.model != model:
                left = None  # it serves until a version of the file's model is promoted
            client = registry.client()
            aliases = aliases_of(client, model)
            wanted = request.version or _version_before(request, model, left, aliases, client)
            version, digest = gates.candidate(registry, model, wanted)
            check_served(
                Pin(model, version.version, digest),
                pinned.values(),
                [aliases.get("champion"), aliases.get("previous")],
                records=lambda pin: Records.of(client, pin, request.environment),
                where=f"model {model} version {version.version}",
                promote=f"stanchion promote {model} {version.version} --env {request.environment}",
            )
            kept = Records(client, version, request.environment).attempts()
            attempt = attempts.pinned(pinned.values(), model, version.version) or kept.served
            pin = Pin(model, version.version, digest, attempt)
            if left is not None and left.version != pin.version:
                records = Records.of(client, left, request.environment)
                leave(records, left, pin.version, request.reason)
        back = [
            name
            for name, found in pinned.items()
            if name == request.service or (found is not None and found.model == model)
        ]
        path = held.pin(dict.fromkeys(back, pin), request.root)
        console.print(f"  pinned {pin} in {path.name}")
        if roll_out is not None:
            with step(f"roll back {', '.join(back)} to version {pin.version}"):
                roll_out()
            held.hold.check()
            with held.registry() as registry:
                if aliases.get("champion") != pin.version:
                    take_back_champion(registry.client(), model, pin.version)
                records = Records(registry.client(), version, request.environment)
                records.settle()
                if pin.attempt > kept.begun:  # one that only the lock file knew of
                    records.keep_attempts(kept.end(pin.attempt, healthy=True))
    return pin


def model_of(preview: Preview, request: Request) -> str:
    """The model that the service to be rolled back serves.

    Raises:
        InputError: when the environment has no such service.
    """
    declared: Mapping[str, Mapping[str, object]] = preview.outputs["services"]
    if request.service not in declared:
        raise InputError(
            f"{request.environment} has no such service (it has: {', '.join(declared) or 'none'})",
            where=f"service {request.service}",
            fix="write the name of a service; `stanchion status` shows them",
        )
    return str(declared[request.service]["model"])


def _version_before(
    request: Request,
    model: str,
    pinned: Pin | None,
    aliases: Mapping[str, str],
    client: MlflowClient,
) -> str:
    """The version to go back to.

    Raises:
        StanchionError: when nothing says which.
    """
    found = version_before(
        request.service,
        pinned,
        champion=aliases.get("champion"),
        previous=aliases.get("previous"),
        records=lambda pin: Records.of(client, pin, request.environment),
    )
    if found is None:
        serves = f"version {pinned.version}" if pinned else f"no version of {model}"
        raise StanchionError(
            f"{serves} is pinned and no version is known to have served before it",
            where=f"service {request.service}",
            fix="name the version to go back to with --to",
        )
    return found
