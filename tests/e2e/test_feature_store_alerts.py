"""The alerts of a feature store: each comes, and stays away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from e2e.simulation import Simulation, gauge
from e2e.test_service_alerts import fired
from stanchion.monitoring import WatchedFeatures, feature_store_rules

GROUPS = [
    group.manifest()
    for group in feature_store_rules(
        WatchedFeatures("features", "tracking", "team-a", 1800, "docs/runbooks")
    )
]
ALERTS = {
    "FeatureStoreUnavailable": "page",
    "FeatureStoreStale": "ticket",
    "FeatureStoreInconsistent": "ticket",
    "FeatureStoreUnchecked": "ticket",
}
OF = 'namespace="tracking",service="features",pod="features-%s"'
READY = f"feature_store_ready{{{OF}}}"
UNTIL = f'feature_store_materialized_until_timestamp_seconds{{{OF},feature_view="customer_orders"}}'
CHECKED = f'feature_store_checked_timestamp_seconds{{{OF},feature_view="customer_orders"}}'
VALUES = f'feature_store_values_%s{{{OF},feature_view="customer_orders",feature="orders"}}'
COMPARED, DIFFERING = VALUES % ("compared", "%s"), VALUES % ("inconsistent", "%s")


def every(minutes: int, *, until: int = 181) -> str:
    """A moment that follows the clock so often, and stands still after a minute."""
    return " ".join(str(min(at, until) // minutes * minutes * 60) for at in range(181))


@dataclass(frozen=True)
class Story:
    """Series, and what alerts they give within three hours, with their minutes at the latest."""

    told: str
    series: Mapping[str, str]
    alerts: Mapping[str, float]


WELL = {
    READY % "a": gauge((181, 1)),
    UNTIL % "a": every(15),
    CHECKED % "a": every(30),
    COMPARED % "a": gauge((181, 500)),
    DIFFERING % "a": gauge((181, 0)),
}
STORIES = [
    Story("all is well", WELL, {}),
    Story(
        "materialisation ends",
        {**WELL, UNTIL % "a": every(15, until=60)},
        {"FeatureStoreStale": 92},
    ),
    Story("one run fails, and the next does not", {**WELL, UNTIL % "a": every(29)}, {}),
    Story(
        "the check ends",
        {**WELL, CHECKED % "a": every(30, until=60)},
        {"FeatureStoreUnchecked": 122},
    ),
    Story(
        "one value of 500 differs until the next check",
        {**WELL, DIFFERING % "a": gauge((60, 0), (30, 1), (91, 0))},
        {"FeatureStoreInconsistent": 62},
    ),
    Story(
        "a view without entities has nothing to compare",
        {**WELL, COMPARED % "a": gauge((181, 0)), DIFFERING % "a": gauge((181, 0))},
        {},
    ),
    Story(
        "the database is away from every replica",
        {READY % "a": gauge((60, 1), (121, 0)), READY % "b": gauge((60, 1), (121, 0))},
        {"FeatureStoreUnavailable": 67},
    ),
    Story(
        "no replica is left",
        {READY % "a": gauge((60, 1), (121, None))},
        {"FeatureStoreUnavailable": 73},
    ),
    Story(
        "one of two replicas does not reach the database",
        {**WELL, READY % "b": gauge((60, 1), (121, 0))},
        {},
    ),
    Story("the database restarts", {READY % "a": gauge((60, 1), (3, 0), (118, 1))}, {}),
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.told)
def test_what_happens_gives_its_alerts_and_no_others(simulation: Simulation, story: Story) -> None:
    times = fired(simulation, story.series, 180, *ALERTS.items(), groups=GROUPS)
    came = {name: at for name, at in zip(ALERTS, times, strict=True) if at is not None}
    assert set(came) == set(story.alerts)
    assert all(59 <= at <= story.alerts[name] for name, at in came.items())


def test_every_alert_comes_in_one_story_and_stays_away_in_another() -> None:
    named = {rule["alert"] for group in GROUPS for rule in group["rules"]}
    assert named == set(ALERTS) == {name for story in STORIES for name in story.alerts}
