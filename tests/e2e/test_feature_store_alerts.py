"""The alerts of a feature store: each comes, and stays away."""

from __future__ import annotations

import pytest
from e2e.simulation import Simulation, gauge
from e2e.stories import Stage, Story
from stanchion.monitoring import WatchedFeatures, feature_store_rules

GROUPS = [
    group.manifest()
    for group in feature_store_rules(
        WatchedFeatures("features", "tracking", "", "team-a", stale_seconds=1800)
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


STAGE = Stage(STORIES, GROUPS, ALERTS, minutes=180, quiet=58)
HELD = STAGE.held


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.told)
def test_what_happens_gives_its_alerts_and_no_others(simulation: Simulation, story: Story) -> None:
    STAGE.hold(simulation, story)
