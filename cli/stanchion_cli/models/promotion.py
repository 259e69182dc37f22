"""Promote a model version: gates, pin, rollout, and only then the alias."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stanchion_models import ModelVersion, Registry

from stanchion_cli.deploy.target import Target
from stanchion_cli.errors import InputError
from stanchion_cli.models import attempts, gates, lease, lockfile, trial
from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.pinning import Destination, Here
from stanchion_cli.models.records import Records
from stanchion_cli.models.registry_access import champion_of, move_champion, open_registry
from stanchion_cli.models.trial import RollOut, Trial
from stanchion_cli.preview import Preview
from stanchion_cli.progress import console, step


@dataclass(frozen=True)
class Request:
    """What is asked for: a version of a model in one environment."""

    root: Path
    environment: str
    model: str
    version: str


@dataclass(frozen=True)
class Release:
    """An environment whose services of one model are being changed, and its lock."""

    root: Path
    environment: str
    services: Mapping[str, Mapping[str, Any]]
    """Each service as the program's outputs describe it, by name."""
    target: Target
    tracking: Mapping[str, Any]
    hold: lease.Hold

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        """The environment's registry; every failure of it is a `StanchionError`."""
        with open_registry(self.target, self.target.api(), self.tracking) as registry:
            yield registry

    def pins(self) -> dict[str, Pin | None]:
        """What each of the services is pinned to now."""
        found = lockfile.read(self.root, self.environment)
        return {name: found.get(name) for name in self.services}

    def pin(self, pins: Mapping[str, Pin | None], root: Path) -> Path:
        """Write the pins into a checkout, if the lock is still held; the lock file."""
        self.hold.check()
        return lockfile.write(root, self.environment, pins)


@contextmanager
def release(
    root: Path,
    environment: str,
    services: Mapping[str, Mapping[str, Any]],
    preview: Preview,
    target: Target,
    *,
    doing: str,
) -> Iterator[Release]:
    """Hold the services' lock while the block changes what they serve.

    Raises:
        StanchionError: when somebody else is changing one of them.
    """
    namespaces = {name: str(service["namespace"]) for name, service in services.items()}
    with lease.held(target.api, namespaces, doing) as hold:
        yield Release(root, environment, services, target, preview.outputs["tracking"], hold)


def promote_version(
    request: Request,
    preview: Preview,
    target: Target,
    *,
    roll_out: RollOut | None,
    destination: Destination | None = None,
) -> None:
    """Run the gates, pin the version for every service of the model, and roll it out.

    Run again after an interruption, or with `roll_out` after without, it goes on: gates that the
    same files passed under the same settings are not run a second time.

    Args:
        request: The version, and where to.
        preview: The environment's services as they are declared now.
        target: The cluster that they run on.
        roll_out: How to roll out; None: only pin.
        destination: Where the pin is written; None: into the checkout.

    Raises:
        InputError: when no service of the environment serves the model, or evaluation data are
            not those that are pinned.
        gates.GateError: when the version does not pass; nothing is pinned.
        StanchionError: when somebody else is at it; or when the rollout fails: then the old pin
            is restored and rolled out, the reason stands as a tag on the version, and the alias
            has not moved.
    """
    services = services_of(preview, request.model, request.environment)
    doing = f"promotes {request.model} version {request.version}"
    destination = destination or Here(request.root)
    with release(request.root, request.environment, services, preview, target, doing=doing) as held:
        with held.registry() as registry:
            version, pin, before = _gate(request, held, registry, destination)
            records = Records(registry.client(), version, request.environment)

            def record() -> None:
                trial.begin(records, pin, held.pins(), before, destination.state)
                records.keep_attempts(records.attempts().begin(pin.attempt))

            with destination.checkout(str(pin), records.told(), record) as root:
                path = held.pin(dict.fromkeys(services, pin), root)
            console.print(f"  {destination.done} {pin} in {path.name}")
        if roll_out is not None:
            _trial(held, before, version, pin.attempt).bring_out(roll_out)


def services_of(preview: Preview, model: str, environment: str) -> dict[str, Mapping[str, Any]]:
    """The services of an environment that serve a model.

    Raises:
        InputError: when there is none.
    """
    declared: Mapping[str, Mapping[str, Any]] = preview.outputs["services"]
    found = {name: s for name, s in declared.items() if s["model"] == model}
    if not found:
        known = ", ".join(sorted({str(s["model"]) for s in declared.values()})) or "none"
        raise InputError(
            f"no service of {environment} serves it (models served: {known})",
            where=f"model {model}",
            fix="correct the name, or add a file under stacks/services/",
        )
    return found


def _gate(
    request: Request, held: Release, registry: Registry, destination: Destination
) -> tuple[ModelVersion, Pin, Mapping[str, Pin | None]]:
    """The version, what to pin of it, and what was pinned before it; all gates passed."""
    with step(f"gate: {request.model} version {request.version} is registered with a digest"):
        version, digest = gates.candidate(registry, request.model, request.version)
    client = registry.client()
    records = Records(client, version, request.environment)
    # One that is pinned goes on: its pods are those that are there, or on their way.
    known = [*held.pins().values(), *destination.pending().values()]
    attempt = attempts.pinned(known, request.model, version.version)
    if not attempt and records.is_proposed():
        destination.check_merged(f"{request.model} version {version.version}")
    pin = Pin(request.model, version.version, digest, attempt or records.attempts().next)
    before = trial.served_before(
        held.pins(), pin, lambda found: Records.of(client, found, request.environment)
    )
    # Versions of another model, which the service is to leave, are not compared with.
    serving = {
        name: found.version if found is not None and found.model == request.model else None
        for name, found in before.items()
    }
    services = gates.gated(held.root, held.services, serving)
    champion = champion_of(registry, request.model)
    settings = gates.settings_of(services, champion.version if champion else None)
    passed = records.passed()
    if passed is not None and passed.holds_for(digest, settings):
        console.print(f"  gates: passed before, see MLflow's run {passed.run_id}")
        return version, pin, before
    outcomes = gates.run(
        held.target.api(),
        registry,
        version,
        services,
        champion=champion,
        tracking=held.tracking,
    )
    run_id = records.keep_gates(digest, settings, outcomes)
    try:
        gates.refuse(version, outcomes, run_id=run_id)
    except gates.GateError as error:
        records.say(f"refused: {error.reason}")
        raise
    return version, pin, before


def _trial(
    held: Release, before: Mapping[str, Pin | None], version: ModelVersion, attempt: int
) -> Trial[Pin]:
    def move(registry: Registry) -> str | None:
        return move_champion(registry.client(), version.name, version.version)

    return Trial(
        where=f"model {version.name} version {version.version}",
        version=version.version,
        before=before,
        pin=lambda pins: lockfile.write(held.root, held.environment, pins),
        hold=held.hold,
        registry=held.registry,
        records=lambda registry: Records(registry.client(), version, held.environment),
        move_champion=move,
        attempt=attempt,
    )
