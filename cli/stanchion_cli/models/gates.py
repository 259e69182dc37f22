"""What a model version must pass before it is pinned.

Always: a digest that registration recorded, a signature that today's callers can live with, and a
smoke test in the image that will serve it. A service file's `gates:` demands more. Every gate is
run and every failure told, so that one promotion shows all there is to mend.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stanchion_models import ModelVersion, Registry, RegistryError

from stanchion_cli.deploy.api import Api
from stanchion_cli.errors import StanchionError
from stanchion_cli.models import card, judging, measuring, signature
from stanchion_cli.models.judging import Champion, Outcome
from stanchion_cli.progress import step


class GateError(StanchionError):
    """A candidate did not pass; nothing was pinned."""


@dataclass(frozen=True)
class Gated:
    """A service, and what its version must pass.

    `declared` is the service as the program's outputs describe it, `serving` the version that
    its callers are used to, and `data` its evaluation data where the repository holds them.
    """

    name: str
    declared: Mapping[str, Any]
    serving: str | None
    data: str | None

    @property
    def gates(self) -> Mapping[str, Any]:
        """Its file's `gates:`, every default filled in."""
        found: Mapping[str, Any] = self.declared["gates"]
        return found

    @property
    def compares(self) -> bool:
        """Whether the champion has to be measured as well."""
        evaluation = self.gates["evaluation"] or {}
        return bool(
            evaluation.get("notWorseThanChampionBy")
            or self.gates["smoke"]["maxLatencyRatioToChampion"] is not None
        )


def candidate(registry: Registry, model: str, version: str) -> tuple[ModelVersion, str]:
    """The version and its recorded digest.

    Raises:
        GateError: when there is no such version, or registration recorded no digest.
    """
    where = f"model {model} version {version}"
    try:
        found = registry.resolve(model, version)
    except RegistryError as error:
        raise GateError(
            f"cannot be read from the registry: {error}",
            where=where,
            fix="see what is registered in MLflow; register with `stanchion_models.register`",
        ) from None
    if found.digest is None:
        raise GateError(
            "has no recorded digest",
            where=where,
            fix="register it with `stanchion_models.register`, which records one",
        )
    return found, found.digest


def gated(
    root: Path, services: Mapping[str, Mapping[str, Any]], serving: Mapping[str, str | None]
) -> tuple[Gated, ...]:
    """The services with what their gates need from the repository.

    Raises:
        InputError: when a data set is not the file that is pinned.
    """
    found = []
    for name, declared in services.items():
        evaluation = declared["gates"]["evaluation"]
        data = measuring.read_data(root, name, evaluation) if evaluation else None
        found.append(Gated(name, declared, serving[name], data))
    return tuple(found)


def settings_of(services: Sequence[Gated], champion: str | None) -> str:
    """A digest of everything that the gates' outcome depends on besides the version itself."""
    asked = [
        {
            "service": each.name,
            "gates": each.gates,
            "image": each.declared["image"],
            "memory": each.declared["memory"],
            "serving": each.serving,
            "champion": champion if each.compares else None,
        }
        for each in services
    ]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def run(
    api: Api,
    registry: Registry,
    version: ModelVersion,
    services: Sequence[Gated],
    *,
    champion: ModelVersion | None,
    tracking: Mapping[str, Any],
) -> tuple[Outcome, ...]:
    """Run every gate of every service, and tell what came of each.

    Raises:
        StanchionError: when a gate could not be run, as of a Job that was evicted: that says
            nothing of the version.
        mlflow.exceptions.MlflowException: The registry fails.
    """
    outcomes: list[Outcome] = []
    for each in services:
        outcomes += [
            _signature(registry, version, each),
            *_measured(api, version, each, champion, tracking),
            *_card(registry, version, each),
        ]
    return tuple(outcomes)


def refuse(version: ModelVersion, outcomes: Sequence[Outcome], *, run_id: str) -> None:
    """Refuse the version when a gate failed.

    Raises:
        GateError: with every failure of every gate.
    """
    failures = [
        f"{outcome.service}: {outcome.gate}: {failure}"
        for outcome in outcomes
        for failure in outcome.failures
    ]
    if failures:
        failed = sum(bool(outcome.failures) for outcome in outcomes)
        raise GateError(
            f"does not pass {failed} of {len(outcomes)} gates, and nothing was pinned:\n  "
            + "\n  ".join(failures),
            where=f"model {version.name} version {version.version}",
            fix=f"every figure stands in MLflow's run {run_id}",
        )


def _signature(registry: Registry, version: ModelVersion, service: Gated) -> Outcome:
    title = f"signature against version {service.serving or '(none serves)'} of {service.name}"
    with step(f"gate: {title}") as running:
        failures = tuple(signature.failures(registry, version, service.serving))
        running.note("does not pass" if failures else "")
    return Outcome(service.name, "signature", failures=failures)


def _measured(
    api: Api,
    version: ModelVersion,
    service: Gated,
    champion: ModelVersion | None,
    tracking: Mapping[str, Any],
) -> list[Outcome]:
    def measure(each: ModelVersion, wanted: Mapping[str, Any]) -> dict[str, Any]:
        return measuring.measure(
            api,
            each,
            service=service.name,
            image=service.declared["image"],
            memory=service.declared["memory"],
            tracking=tracking,
            wanted=wanted,
            data=service.data,
        )

    gates, theirs = service.gates, None
    if service.compares and champion is not None and champion.version != version.version:
        with step(f"measure champion version {champion.version} for {service.name}"):
            theirs = Champion(champion.version, measure(champion, {**gates, "scan": None}))
    names = [name for name in ("scan", "smoke", "evaluation") if gates[name] is not None]
    with step(f"gate: {', '.join(names)} in the serving image of {service.name}") as running:
        found = measure(version, gates)
        outcomes = [judging.smoke(service.name, gates["smoke"], found, theirs)]
        if gates["scan"] is not None:
            outcomes.insert(0, judging.scan(service.name, found))
        if gates["evaluation"] is not None:
            judged = judging.evaluation(service.name, gates["evaluation"], found, theirs)
            outcomes.append(judged)
        running.note(
            "; ".join(
                f"{outcome.gate} does not pass" if outcome.failures else outcome.figures
                for outcome in outcomes
            )
        )
    return outcomes


def _card(registry: Registry, version: ModelVersion, service: Gated) -> list[Outcome]:
    wanted = service.gates["modelCard"]
    if wanted is None:
        return []
    with step(f"gate: model card for {service.name}") as running:
        outcome = card.judge(service.name, card.of(registry, version), wanted["sections"])
        running.note("does not pass" if outcome.failures else outcome.figures)
    return [outcome]
