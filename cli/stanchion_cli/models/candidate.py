"""The version that a training proposes, and whether it is one to promote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stanchion_models import CANDIDATE, Registry

from stanchion_cli.deploy.target import Target
from stanchion_cli.errors import StanchionError
from stanchion_cli.models import lockfile
from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.promotion import services_of
from stanchion_cli.models.records import HEALTHY, IN_TRIAL, Records
from stanchion_cli.models.registry_access import aliases_of, champion_of, open_registry
from stanchion_cli.preview import Preview


@dataclass(frozen=True)
class Candidate:
    """A version with the alias `candidate`."""

    version: str
    serves: bool
    """Whether it is what is pinned and `champion` already, so that there is nothing to do."""
    pinned: bool = False
    """Whether it is pinned for all its services."""


def proposed(
    root: Path,
    environment: str,
    model: str,
    preview: Preview,
    target: Target,
    *,
    stands: Callable[[str], bool],
) -> Candidate:
    """The version of a model that its training proposes to an environment; see `candidate_of`.

    Raises:
        InputError: when no service of the environment serves the model.
        StanchionError: when there is nothing to promote, or the registry does not answer.
    """
    services = services_of(preview, model, environment)
    found = lockfile.read(root, environment)
    pins = {name: found.get(name) for name in services}
    with open_registry(target, target.api(), preview.outputs["tracking"]) as registry:
        return candidate_of(registry, model, pins, environment, stands=stands)


def candidate_of(
    registry: Registry,
    model: str,
    pins: Mapping[str, Pin | None],
    environment: str,
    *,
    stands: Callable[[str], bool] = lambda _: False,
) -> Candidate:
    """The version of a model that its training proposes.

    One that is pinned and not yet healthy is a candidate still: its promotion goes on. One that was
    proposed is one while its branch is there.

    Args:
        registry: The environment's registry.
        model: The registered model.
        pins: What its services are pinned to.
        environment: The environment.
        stands: Whether a version's proposal is still there.

    Raises:
        StanchionError: when there is none, it is older than what is pinned, or its promotion
            has failed before: that takes a person, who names the version.
    """
    where = f"model {model}"
    version = aliases_of(registry.client(), model).get(CANDIDATE)
    if version is None:
        raise StanchionError(
            f"has no version with the alias {CANDIDATE}",
            where=where,
            fix="train one with `stanchion_training`, or name the version to promote",
        )
    where = f"{where} version {version}"
    pinned = {pin.version for pin in pins.values() if pin is not None and pin.model == model}
    champion = champion_of(registry, model)
    if newer := sorted((each for each in pinned if int(each) > int(version)), key=int):
        raise StanchionError(
            f"is the candidate, and older than version {newer[-1]}, which is pinned",
            where=where,
            fix="wait for a newer training, or name the version to promote",
        )
    served = all(
        pin is not None and (pin.model, pin.version) == (model, version) for pin in pins.values()
    )
    if served and champion is not None and champion.version == version:
        return Candidate(version, serves=True)
    records = Records(registry.client(), registry.resolve(model, version), environment)
    state = records.state()
    declined = records.is_proposed() and not (served or stands(version))
    if declined or state not in {"", HEALTHY} | IN_TRIAL:
        raise StanchionError(
            f"is the candidate, and was tried before: {state}",
            where=where,
            fix=f"train a better one, or run `stanchion promote {model} {version}` to try it again",
        )
    return Candidate(version, serves=False, pinned=served)
