"""A `DriftMonitor` as it is made, before the policy that looks for one beside a model service."""

from __future__ import annotations

from typing import Any

from policies.manifests import Manifest
from policies.test_service_alerts import complaints
from unit.components.programs import model_service
from unit.components.test_drift_monitor import monitor

NOBODY = ["Deployment demo/wine: no job watches for drift of wine"]


def beside_wine(**changes: Any) -> list[Manifest]:
    """The objects of a service and of a monitor."""
    return [
        dict(each) for world in (model_service(), monitor(**changes)) for each in world.manifests
    ]


def test_a_monitor_of_ours_watches_the_service_that_it_is_told() -> None:
    assert complaints("drift-monitored", *beside_wine()) == []
    assert complaints("drift-monitored", *beside_wine(monitoring=False)) == []


def test_a_monitor_of_another_service_does_not() -> None:
    assert complaints("drift-monitored", *beside_wine(model_service="beer")) == NOBODY


def test_what_only_shows_its_reports_does_not() -> None:
    shown = [each for each in beside_wine() if each["kind"] != "CronJob"]
    assert len(shown) == len(beside_wine()) - 1
    assert complaints("drift-monitored", *shown) == NOBODY
