"""What is kept in the registry of a version's way into an environment.

Tags of the model version say where it stands, and a run of the experiment `promotions` keeps every
figure of its gates. Nothing here decides anything but whether gates have to be run again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from mlflow.exceptions import MlflowException
from stanchion_models import ModelVersion

from stanchion_cli.models.attempts import Attempts
from stanchion_cli.models.judging import Outcome
from stanchion_cli.models.lease import who
from stanchion_cli.models.lockfile import Pin

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

STATE = "stanchion.promotion"
"""Tag with where the version stands, in words; `aborted: …` and `rolled back: …` say why."""
EXPERIMENT = "promotions"
PINNED = "pinned, and not yet healthy at full weight"
PROPOSED = "proposed, and not yet healthy at full weight"
IN_TRIAL = frozenset({PINNED, PROPOSED})
"""States of a version that is pinned, or will be, and has not shown yet that it is healthy."""
HEALTHY = "healthy at full weight"
LEFT = "rolled back to version "
"""How the state of a version begins that was left for another."""
_LONGEST = 4000
_LOGGED = "models:/"
_NOT_IN_A_METRIC = re.compile(r"[^\w.\-/ ]")


@dataclass(frozen=True)
class Passed:
    """Gates that a version passed before, and what of them depends on what."""

    digest: str
    settings: str
    run_id: str

    def holds_for(self, digest: str, settings: str) -> bool:
        """Whether the same gates would judge the same files now."""
        return (self.digest, self.settings) == (digest, settings)


class Records:
    """The records of one version in one environment."""

    def __init__(self, client: MlflowClient, version: ModelVersion, environment: str) -> None:
        self._client, self._version, self._environment = client, version, environment

    @classmethod
    def of(cls, client: MlflowClient, pin: Pin, environment: str) -> Self:
        """The records of what is pinned, whether the registry still has that version or not."""
        return cls(client, ModelVersion(pin.model, pin.version, pin.digest), environment)

    def lost(self) -> bool:
        """Whether the version was deleted from the registry: nothing can be recorded any more."""
        return self._tags() is None

    def say(self, state: str) -> None:
        """Record where the version stands, where, by whom and when."""
        self._tag("", state[:_LONGEST])
        self._tag(".environment", self._environment)
        self._tag(".by", who())
        self._tag(".at", datetime.now(UTC).isoformat(timespec="seconds"))

    def settle(self) -> None:
        """Record that the version serves and is healthy: an abort of it goes back to nothing."""
        self.say(HEALTHY)
        self.keep_before({})

    def state(self) -> str:
        """Where the version stands; empty when nothing was recorded, or the version is gone."""
        return self._read("")

    def is_proposed(self) -> bool:
        """Whether it was proposed to this environment, and nothing has become of that yet."""
        return self.state() == PROPOSED and self._read(".environment") == self._environment

    def has_served(self) -> bool:
        """Whether the version was healthy at full weight in this environment, as its records say.

        Not one whose last good trial has failed since. Of what has no trials recorded, as prompts,
        adapters and what was promoted before they were counted, its state says it.
        """
        trials = self.attempts()
        state = self.state() if self._read(".environment") == self._environment else ""
        left = state.startswith(LEFT) and not trials.begun
        return bool(trials.healthy) or state == HEALTHY or left

    def keep_gates(self, digest: str, settings: str, outcomes: Sequence[Outcome]) -> str:
        """Log every figure as a run that is tied to the version, and return the run's id."""
        passed = not any(outcome.failures for outcome in outcomes)
        version, model_id = self._version, self._model_id()
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        name = f"{version.name} version {version.version} in {self._environment}"
        run = self._client.create_run(
            experiment.experiment_id if experiment else self._client.create_experiment(EXPERIMENT),
            run_name=name,
            tags={
                "stanchion.model": version.name,
                "stanchion.version": version.version,
                "stanchion.digest": digest,
                "stanchion.environment": self._environment,
                "stanchion.by": who(),
                "stanchion.gates": "passed" if passed else "failed",
            },
        )
        run_id = str(run.info.run_id)
        for outcome in outcomes:
            for metric, value in outcome.metrics.items():
                key = _NOT_IN_A_METRIC.sub("_", f"{outcome.service}/{outcome.gate}/{metric}")
                self._client.log_metric(run_id, key[:250], value, model_id=model_id)
        document = {"passed": passed, "gates": [_readable(outcome) for outcome in outcomes]}
        self._client.log_dict(run_id, document, "gates.json")
        self._client.set_terminated(run_id, "FINISHED" if passed else "FAILED")
        self._tag(".evaluation_run", run_id)
        self._tag(".digest", digest)
        self._tag(".gates", json.dumps({**document, "digest": digest, "settings": settings}))
        return run_id

    def passed(self) -> Passed | None:
        """The gates that the version passed last; None when it passed none."""
        found = _parsed(self._read(".gates"))
        if not found.get("passed"):
            return None
        run_id = self._read(".evaluation_run")
        return Passed(str(found.get("digest")), str(found.get("settings")), run_id)

    def keep_before(self, pins: Mapping[str, Pin | None]) -> None:
        """Record what each service was pinned to before this version, for an abort."""
        written = {name: asdict(pin) if pin else None for name, pin in pins.items()}
        self._tag(".before", json.dumps({self._environment: written}))

    def before(self) -> Mapping[str, Pin | None]:
        """What `keep_before` recorded in this environment, by service."""
        found = _parsed(self._read(".before")).get(self._environment) or {}
        try:
            return {name: Pin(**pin) if pin else None for name, pin in found.items()}
        except (TypeError, AttributeError):  # edited by hand
            return {}

    def told(self) -> list[str]:
        """What the gates found that were run last, one a line, and the run with every figure."""
        gates = _parsed(self._read(".gates")).get("gates") or []
        found = [f"{gate['service']}: {gate['gate']}: {gate['figures']}" for gate in gates]
        return [*found, f"every figure: MLflow's run {self._read('.evaluation_run')}"]

    def attempts(self) -> Attempts:
        """The trials of the version in this environment, as `keep_attempts` recorded them."""
        found = _parsed(self._read(".attempts")).get(self._environment)
        try:
            return Attempts(int(found["begun"]), int(found["healthy"])) if found else Attempts()
        except (KeyError, TypeError, ValueError):  # edited by hand
            return Attempts()

    def keep_attempts(self, attempts: Attempts) -> None:
        """Record the trials of the version in this environment."""
        elsewhere = _parsed(self._read(".attempts"))
        self._tag(".attempts", json.dumps({**elsewhere, self._environment: asdict(attempts)}))

    def _model_id(self) -> str | None:
        """The logged model behind the version: MLflow's pages of both show metrics tied to it."""
        version = self._version
        found = self._client.get_model_version(version.name, version.version)
        source = str(found.source or "")
        return source.removeprefix(_LOGGED) if source.startswith(f"{_LOGGED}m-") else None

    def _tag(self, suffix: str, value: str) -> None:
        self._client.set_model_version_tag(
            self._version.name, self._version.version, f"{STATE}{suffix}", value
        )

    def _read(self, suffix: str) -> str:
        return str((self._tags() or {}).get(f"{STATE}{suffix}", ""))

    def _tags(self) -> Mapping[str, str] | None:
        """Every tag of the version; None when the registry has it no more."""
        try:
            found = self._client.get_model_version(self._version.name, self._version.version)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return found.tags or {}


def _readable(outcome: Outcome) -> dict[str, Any]:
    return {
        "service": outcome.service,
        "gate": outcome.gate,
        "passed": not outcome.failures,
        "figures": outcome.figures,
        "failures": list(outcome.failures),
    }


def _parsed(text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError):  # none, or edited by hand: as if nothing had been recorded
        return {}
