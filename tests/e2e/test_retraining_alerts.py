"""The alerts of a training that begins by itself: each comes, and stays away."""

from __future__ import annotations

import pytest
from e2e.simulation import Simulation, counter, gauge
from e2e.stories import Stage, Story
from e2e.test_service_alerts import TICKET
from stanchion.monitoring import WatchedTrigger, retraining_rules

OF = 'namespace="demo",service="wine-training-retraining",pod="wine-training-retraining-%s"'
FAILED = f"retraining_last_failed{{{OF}}}"
LOOKED = f"retraining_last_look_timestamp_seconds{{{OF}}}"
REFUSED = f'retraining_decisions_total{{{OF},reason="drift",outcome="%s"}}'
GROUPS = [
    group.manifest()
    for group in retraining_rules(
        WatchedTrigger(
            "wine-training-retraining",
            "demo",
            "growth",
            "team-a",
            "wine-training",
            poll_seconds=300,
            repeat_seconds=3600,
        )
    )
]
ALERTS = dict.fromkeys(
    ("RetrainingFailed", "RetrainingBudgetSpent", "RetrainingTriggerBlind"), TICKET
)


def looks(*phases: tuple[int, float | None]) -> str:
    """The time of the last look, a minute after the other; 0: it could see nothing."""
    parts, minute, last = [], 0, 0
    for minutes, seen in phases:
        for _ in range(minutes):
            last = minute * 60 if seen else last
            parts.append("_" if seen is None else str(last))
            minute += 1
    return " ".join(parts)


WELL = {
    LOOKED % "a": looks((181, 1)),
    FAILED % "a": gauge((181, 0)),
    REFUSED % ("a", "budget_spent"): counter((180, 0)),
}
STORIES = [
    Story("all is well", WELL, {}),
    Story(
        "a training fails, and the next one does not",
        {**WELL, FAILED % "a": gauge((30, 0), (60, 1), (91, 0))},
        {"RetrainingFailed": 31},
    ),
    Story(
        "drift asks for one more than there may be",
        {**WELL, REFUSED % ("a", "budget_spent"): counter((30, 0), (1, 1), (149, 0))},
        {"RetrainingBudgetSpent": 32},
    ),
    Story(
        "drift asks within the cooldown",
        {**WELL, REFUSED % ("a", "cooldown"): counter((30, 0), (10, 1), (140, 0))},
        {},
    ),
    Story(
        "the trigger is gone",
        {**WELL, LOOKED % "a": looks((30, 1), (151, None))},
        {"RetrainingTriggerBlind": 52},
    ),
    Story(
        "its data cannot be listed",
        {**WELL, LOOKED % "a": looks((30, 1), (151, 0))},
        {"RetrainingTriggerBlind": 62},
    ),
    Story(
        "one of two replicas is gone",
        {**WELL, LOOKED % "b": looks((30, 1), (151, None))},
        {},
    ),
    Story(
        "it is moved to another node",
        {**WELL, LOOKED % "a": looks((30, 1), (8, None), (143, 1))},
        {},
    ),
]


STAGE = Stage(STORIES, GROUPS, ALERTS, minutes=180, quiet=29)
HELD = STAGE.held


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.told)
def test_what_happens_gives_its_alerts_and_no_others(simulation: Simulation, story: Story) -> None:
    STAGE.hold(simulation, story)
