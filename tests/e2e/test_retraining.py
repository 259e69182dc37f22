"""The loop: traffic drifts, an alert has the model trained again, and its successor ends it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from e2e.platform import Platform, eventually
from e2e.registry import MODEL, Registry
from e2e.team import CREDENTIALS, Team
from e2e.wines import ROWS, asking, population

pytestmark = [pytest.mark.node, pytest.mark.usefixtures("unbroken")]

ALERT = "ModelServiceFeatureDrift"
DRIFT = {"windowHours": 1, "minRows": 200, "everyMinutes": 1}
WATCHED_SECONDS = 90
"""Long enough for rules of every minute to have compared once."""


def test_drift_has_a_model_trained_again_and_its_successor_ends_it(platform: Platform) -> None:
    source = Path(__file__).parent / "retrained"
    shutil.copytree(source, platform.root / "stacks" / "services" / "retrained")
    platform.enable(["kube-prometheus-stack"])
    platform.declare(drift=DRIFT, rollout=None)
    first = platform.pinned_version()
    with Team(platform) as team:
        team.write("/data/wines/wines.csv", _data_set())
        team.declare("wine-again", _training())
        platform.stanchion("up", "local")
        _may_register(platform)

        with asking(platform, shifted=False):
            time.sleep(WATCHED_SECONDS)
            assert _firing(platform) == set(), "what the model was trained on is no drift"
        began = time.monotonic()
        # More than before, which the window still holds: most rows are drifted soon.
        with asking(platform, shifted=True, threads=6) as drifted:
            eventually(lambda: first in _firing(platform), seconds=600, what="drift of the first")
            _tell(began, "drift alert at Alertmanager")
            eventually(lambda: team.jobs("wine-again") != [], seconds=180, what="a training")
            _tell(began, "training begun")
            team.finished("wine-again")
            _tell(began, "training done")
            second = _candidate(platform)
            assert int(second) > int(first)
            platform.stanchion("promote", "wine-cultivar", "--candidate", "--wait")
            _tell(began, f"version {second} serves all")
            assert platform.pinned_version() == second
            drifted.versions.clear()
            eventually(
                lambda: drifted.versions[second] * ROWS > 5000, seconds=120, what="its traffic"
            )
            asked_enough = time.monotonic()
            eventually(lambda: _firing(platform) == set(), seconds=600, what="the end of the alert")
            _tell(began, "drift alert over")
            # The successor has been asked enough to be judged, and is as in its own training.
            time.sleep(max(0.0, asked_enough + WATCHED_SECONDS - time.monotonic()))
            assert _firing(platform) == set()
        assert len(team.jobs("wine-again")) == 1, "one alert, told again and again, is one training"
        team.declare("wine-again", None)
        platform.declare(drift=None)
        platform.enable([])
        platform.stanchion("up", "local")


def _training() -> dict[str, Any]:
    return {
        "kind": "TrainingJob",
        "model": MODEL,
        "code": "retrained",
        "command": ["python", "train.py"],
        "data": {"location": "file:///data/wines"},
        "credentials": CREDENTIALS,
        "retrain": {"reasons": ["drift"], "service": "wine", "cooldownHours": 1},
    }


def _may_register(platform: Platform) -> None:
    """Let the team's user make versions of the model, which the administrator has made."""
    registry = Registry(platform)
    for kind, name in (("registered_model", MODEL), ("experiment", registry.experiment(MODEL))):
        registry.grant("demo", kind, name, "EDIT")


def _data_set() -> bytes:
    """Wines as the drifted service is asked about them."""
    text: str = population(shifted=True).to_csv(index=False)
    return text.encode()


def _firing(platform: Platform) -> set[str]:
    """The versions that drift alerts are about."""
    return {alert["labels"]["version"] for alert in platform.alerts(ALERT)}


def _candidate(platform: Platform) -> str:
    return Registry(platform).alias(MODEL, "candidate")


def _tell(began: float, what: str) -> None:
    print(f"{time.monotonic() - began:5.0f} s after the drift began: {what}")
