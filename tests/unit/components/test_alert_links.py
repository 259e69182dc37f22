"""Where an alert leads whoever is told of it: to its runbook, and to its dashboard."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path
from typing import Any

import pytest
import stanchion
from unit.components.alerting import ALERTING, Make, alerts

ROOT = Path(__file__).parents[3]
PAGES = "https://git.example.com/ml/platform/blob/main/docs/runbooks"
GRAFANA = "https://grafana.example.com/team"
EVERY = [
    pytest.param(make, id=f"{name} {at}")
    for name, made in ALERTING.items()
    for at, make in enumerate(made)
]


def arguments(component: type[Any]) -> frozenset[str]:
    """Names of what a component takes."""
    of = typing.get_type_hints(component.__init__)["args"]
    return frozenset(inspect.get_annotations(of))


TAKE = {
    field: {each.__name__ for each in stanchion.COMPONENTS if field in arguments(each)}
    for field in ("runbooks", "grafana_url")
}


def test_every_component_with_alerts_is_told_where_runbooks_are() -> None:
    assert set(ALERTING) == TAKE["runbooks"]


@pytest.mark.parametrize("make", EVERY)
def test_a_runbook_is_a_file_here_until_it_is_said_where_they_are_published(make: Make) -> None:
    paths = [rule["annotations"]["runbook_url"] for rule in alerts(make())]
    assert paths
    assert [path for path in paths if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("make", EVERY)
def test_every_alert_links_to_its_page_where_they_are_published(make: Make, slash: str) -> None:
    for rule in alerts(make(runbooks=PAGES + slash)):
        assert rule["annotations"]["runbook_url"] == f"{PAGES}/{rule['alert']}.md"


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("name", sorted(TAKE["grafana_url"]))
def test_every_dashboard_of_an_alert_is_at_grafanas_address(name: str, slash: str) -> None:
    for make in ALERTING[name]:
        here, there = (
            [rule["annotations"].get("dashboard", "") for rule in alerts(made)]
            for made in (make(), make(grafana_url=GRAFANA + slash))
        )
        assert any(here)
        assert all(path == "" or path.startswith("/d/stanchion-") for path in here)
        assert there == [path and f"{GRAFANA}{path}" for path in here]


def test_a_component_that_shows_no_dashboard_is_not_told_where_grafana_is() -> None:
    show = {
        name
        for name, made in ALERTING.items()
        if any("dashboard" in rule["annotations"] for make in made for rule in alerts(make()))
    }
    assert show == TAKE["grafana_url"]


@pytest.mark.parametrize(
    "address",
    [
        "http://git.example.com/runbooks",
        "https://",
        "https://git.example.com/runbooks?ref=main",
        "https://git.example.com/runbooks#top",
        "https://somebody:hidden@git.example.com/runbooks",
        "https://git.example.com/{{ $labels.hidden }}",
        "https://git.example.com/run books",
    ],
)
@pytest.mark.parametrize("name", sorted(ALERTING))
def test_an_address_that_no_page_can_follow_is_refused_and_not_shown(
    name: str, address: str
) -> None:
    make = ALERTING[name][0]
    for field in ("runbooks", "grafana_url"):
        if name in TAKE[field]:
            with pytest.raises(stanchion.ArgumentsError) as refused:
                make(**{field: address})
            (problem,) = refused.value.problems
            assert problem.startswith(f"{field}: is no address by HTTPS")
            assert "; write one as https://" in problem
            assert "hidden" not in problem
