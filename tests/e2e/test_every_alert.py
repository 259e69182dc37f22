"""No alert is without a test in which it comes, one in which it stays away, and a runbook."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from e2e.runbooks import PAGES
from e2e.stories import Held
from unit.components.alerting import ALERTING, alerts

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("test_*_alerts.py"))
ALWAYS = {"Watchdog"}
"""That it stays away is told by nobody but who waits for it."""


@cache
def made() -> frozenset[str]:
    """Names of the alerts that components make."""
    return frozenset(
        rule["alert"] for makes in ALERTING.values() for make in makes for rule in alerts(make())
    )


@cache
def held() -> Held:
    """What the tests of all modules hold alerts to."""
    together = Held()
    for name in MODULES:
        together |= import_module(f"e2e.{name}").HELD
    return together


def test_every_alert_comes_in_a_test() -> None:
    assert made() == held().come


def test_every_alert_stays_away_in_a_test_but_the_one_that_always_fires() -> None:
    assert made() - ALWAYS == held().stay


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert made() == {page.stem for page in PAGES} - {"README"}
