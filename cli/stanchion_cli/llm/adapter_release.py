"""A version of a registered LoRA adapter into an environment: gates, pin, rollout, then the alias.

Its gates are what its files say: a digest that registration recorded, the base model of each
service that serves it, a rank that there is room for. What it answers is judged where it is
served, by `stanchion evaluate`; there is no canary, and no version of it runs beside another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from stanchion_models import (
    ADAPTER_CONFIG,
    Adapter,
    InvalidAdapterError,
    ModelVersion,
    Registry,
    read_adapter,
)

from stanchion_cli.deploy.target import Target
from stanchion_cli.errors import StanchionError
from stanchion_cli.models import lease, lockfile, trial
from stanchion_cli.models.candidate import Candidate, candidate_of
from stanchion_cli.models.former import check_served, leave, version_before
from stanchion_cli.models.gates import GateError, candidate
from stanchion_cli.models.lockfile import AdapterPin, Pin
from stanchion_cli.models.pinning import Destination, Here
from stanchion_cli.models.records import Records
from stanchion_cli.models.registry_access import (
    aliases_of,
    move_champion,
    open_registry,
    take_back_champion,
)
from stanchion_cli.models.trial import RollOut, Trial
from stanchion_cli.progress import console, step

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from stanchion_cli.models.promotion import Request

Services = Mapping[str, Mapping[str, Any]]
"""Services of language models as the program's outputs describe them, by name."""


@dataclass(frozen=True)
class Release:
    """What is asked for, and the services that serve the adapter."""

    request: Request
    services: Services
    target: Target
    tracking: Mapping[str, Any]

    def pins(self) -> dict[str, AdapterPin | None]:
        """What each of the services has pinned of the adapter."""
        asked = self.request
        found = lockfile.read_adapters(asked.root, asked.environment)
        return {name: found.get(name, {}).get(asked.model) for name in self.services}

    def versions(self) -> dict[str, Pin | None]:
        """The same, as the registry knows versions."""
        return {name: self.version(pin) if pin else None for name, pin in self.pins().items()}

    def registry(self) -> AbstractContextManager[Registry]:
        """The environment's registry; every failure of it is a `StanchionError`."""
        return open_registry(self.target, self.target.api(), self.tracking)

    def version(self, pin: AdapterPin) -> Pin:
        """A version as the registry knows it."""
        return Pin(self.request.model, pin.version, pin.digest)

    @property
    def namespaces(self) -> dict[str, str]:
        """Where each of the services is."""
        return {name: str(each["namespace"]) for name, each in self.services.items()}

    def pin(self, pins: Mapping[str, AdapterPin | None], root: Path | None = None) -> Path:
        """Write the pins into a checkout, by default the one that was asked for; the lock file."""
        asked = self.request
        return lockfile.write_adapter(root or asked.root, asked.environment, asked.model, pins)


def services_of(outputs: Mapping[str, Any], adapter: str) -> Services:
    """The services that declare a registered adapter; none for a model that is no adapter."""
    known: Services = outputs.get("llmServices") or {}
    return {name: each for name, each in known.items() if adapter in each["adapters"]}


def proposed(release: Release, *, stands: Callable[[str], bool] = lambda _: False) -> Candidate:
    """The version that the adapter's training proposes.

    Raises:
        StanchionError: when there is nothing to promote, or the registry does not answer.
    """
    asked = release.request
    with release.registry() as registry:
        return candidate_of(
            registry, asked.model, release.versions(), asked.environment, stands=stands
        )


def promote(
    release: Release, *, roll_out: RollOut | None, destination: Destination | None = None
) -> None:
    """Run the gates, pin the version for every service that serves the adapter, and roll it out.

    Args:
        release: The version, and where to.
        roll_out: How to roll out; None: only pin.
        destination: Where the pin is written; None: into the checkout.

    Raises:
        GateError: when the version does not pass; nothing is pinned.
        StanchionError: when somebody else is at it; or when the rollout fails: then what was
            pinned before is restored and rolled out, and the alias has not moved.
    """
    asked = release.request
    doing = f"promotes adapter {asked.model} version {asked.version}"
    destination = destination or Here(asked.root)
    with lease.held(release.target.api, release.namespaces, doing) as hold:
        with release.registry() as registry:
            version, pin = gated(registry, asked.model, asked.version, release.services)
            before, record = _before(release, registry, version, pin, destination.state)
            hold.check()
            told = [f"{each}: base model and rank: {pin.base}, {pin.rank}" for each in before]
            with destination.checkout(_where(version), told, record) as root:
                file = release.pin(dict.fromkeys(release.services, pin), root)
        console.print(f"  {destination.done} {_where(version)} in {file.name}")
        if roll_out is not None:
            Trial(
                where=_where(version),
                version=version.version,
                before=before,
                pin=release.pin,
                hold=hold,
                registry=release.registry,
                records=lambda found: Records(found.client(), version, asked.environment),
                move_champion=lambda found: move_champion(
                    found.client(), version.name, version.version
                ),
            ).bring_out(roll_out)


def roll_back(release: Release, *, reason: str, roll_out: RollOut | None) -> AdapterPin:
    """Pin the version that served before, roll it out, and move the alias back.

    What it answers is not judged; it must still go with the models that are served now.

    Args:
        release: The version to go back to, empty for the one before, and where.
        reason: Why, kept as a tag on the version that is left.
        roll_out: How to roll out; None: only pin.

    Raises:
        GateError: when that version does not go with a service's model.
        StanchionError: when there is nothing to go back to, the version that is asked for has
            never served, somebody else is at it, or the rollout fails; then the pin stays as it was
            asked for, and the alias has not moved.
    """
    asked, doing = release.request, f"rolls back adapter {release.request.model}"
    with lease.held(release.target.api, release.namespaces, doing) as hold:
        service, left = next(
            ((name, pin) for name, pin in release.versions().items() if pin), ("", None)
        )
        with release.registry() as registry:
            client = registry.client()
            aliases = aliases_of(client, asked.model)
            champion, previous = aliases.get("champion"), aliases.get("previous")

            def records(found: Pin) -> Records:
                return Records.of(client, found, asked.environment)

            wanted = asked.version or version_before(
                service, left, champion=champion, previous=previous, records=records
            )
            if wanted is None:
                raise StanchionError(
                    "has no version that served before",
                    where=f"adapter {asked.model}",
                    fix="name the version to go back to with --to",
                )
            version, pin = gated(registry, asked.model, wanted, release.services)
            check_served(
                release.version(pin),
                release.versions().values(),
                [champion, previous],
                records=records,
                where=_where(version),
                promote=f"stanchion promote {asked.model} {wanted} --env {asked.environment}",
            )
            if left is not None and left.version != pin.version:
                leave(records(left), left, pin.version, reason)
        hold.check()
        release.pin(dict.fromkeys(release.services, pin))
        if roll_out is not None:
            roll_out()
            hold.check()
            with release.registry() as registry:
                if champion != pin.version:
                    take_back_champion(registry.client(), asked.model, pin.version)
                Records(registry.client(), version, asked.environment).settle()
    return pin


def gated(
    registry: Registry, model: str, version: str, services: Services
) -> tuple[ModelVersion, AdapterPin]:
    """The version and its pin, once it is fit for every service.

    Raises:
        GateError: with all that speaks against it.
    """
    with step(f"gate: {model} version {version} is registered with a digest"):
        found, digest = candidate(registry, model, version)
    with step(f"gate: base model and rank for {', '.join(services)}"):
        adapter = _read(registry, found)
        failures = [
            f"{name}: {problem}"
            for name, service in services.items()
            for problem in adapter.unfit_for(
                service["adapters"][model]["base"], service["adapters"][model]["rank"]
            )
        ]
    if failures:
        raise GateError(
            "does not pass its gates, and nothing was pinned:\n  " + "\n  ".join(failures),
            where=_where(found),
            fix="promote a version that was trained on the served model, or raise the adapter's "
            "`rank` in the service's file",
        )
    return found, AdapterPin(found.version, digest, adapter.base, adapter.rank)


def _before(
    release: Release, registry: Registry, version: ModelVersion, pin: AdapterPin, state: str
) -> tuple[dict[str, AdapterPin | None], Callable[[], None]]:
    """What each service served before and was healthy, and what records that it is replaced."""
    asked, client, current = release.request, registry.client(), release.versions()
    wanted = release.version(pin)
    before = trial.served_before(
        current, wanted, lambda found: Records.of(client, found, asked.environment)
    )
    pinned = release.pins()

    def whole(name: str, earlier: Pin | None) -> AdapterPin | None:
        if earlier is None or earlier == current[name]:
            return pinned[name] if earlier else None
        found, digest = candidate(registry, earlier.model, earlier.version)
        adapter = _read(registry, found)
        return AdapterPin(found.version, digest, adapter.base, adapter.rank)

    served = {name: whole(name, earlier) for name, earlier in before.items()}
    records = Records(client, version, asked.environment)
    return served, partial(trial.begin, records, wanted, current, before, state)


def _read(registry: Registry, version: ModelVersion) -> Adapter:
    """What the version's own files say; the weights stay where they are."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    source = registry.client().get_model_version_download_uri(version.name, version.version)
    with TemporaryDirectory(prefix="stanchion-adapter-") as scratch:
        try:
            download_artifacts(
                artifact_uri=f"{str(source).rstrip('/')}/{ADAPTER_CONFIG}",
                dst_path=scratch,
                tracking_uri=registry.tracking_uri,
            )
            return read_adapter(Path(scratch))
        except (MlflowException, OSError, InvalidAdapterError) as error:
            reason = " ".join(str(error).split())[:300]
            raise GateError(
                f"is no adapter that is served: {reason}",
                where=_where(version),
                fix="train one as docs/training.md says",
            ) from None


def _where(version: ModelVersion) -> str:
    return f"adapter {version.name} version {version.version}"
