"""The alerts of a service that may have no replica: callers are counted at its activators."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.simulation import Simulation, counter, gauge
from e2e.stories import Stage, Story
from e2e.test_service_alerts import OF, PAGE, TICKET
from stanchion.monitoring import WatchedService, service_rules

HOLD = 300
"""Seconds that a request waits for a replica."""
WINE = WatchedService(
    "wine",
    "demo",
    "growth",
    "team-a",
    {},
    settling_seconds=180,
    autoscaler="keda-hpa-wine",
    hold_seconds=HOLD,
)
RULES: list[dict[str, Any]] = [
    group.manifest() for group in service_rules(WINE) if "-drift" not in group.name
]
NOT_WOKEN, ERRORS = "ModelServiceNotWoken", "ModelServiceErrorBudgetBurn"
UNSEEN, NONE_READY = "ModelServiceNotScraped", "ModelServiceNoReadyReplica"
ALERTS = {NOT_WOKEN: TICKET, UNSEEN: PAGE, NONE_READY: PAGE, ERRORS: PAGE}
IN_FLIGHT = f'activator_in_flight{{{OF},pod="wine-activator-%s"}}'
ANSWERED = f'activator_requests_total{{{OF},pod="wine-activator-a",outcome="%s"}}'
REFUSED = f'activator_refused_total{{{OF},pod="wine-activator-a",reason="%s"}}'
READY = f'model_server_ready{{{OF},pod="wine-a"}}'
SERVED = f'model_server_requests_total{{{OF},pod="wine-a",outcome="%s"}}'
QUIET = counter((60, 0))
AT_REST = {
    **{IN_FLIGHT % pod: gauge((61, 0)) for pod in ("a", "b")},
    **{REFUSED % reason: QUIET for reason in ("budget", "queue_full")},
    **{ANSWERED % outcome: QUIET for outcome in ("ok", "unavailable", "server_error")},
}
AWAKE = {**AT_REST, READY: gauge((61, 1)), ANSWERED % "ok": counter((60, 10))}
STORIES = [
    Story("nobody calls, and no replica runs", AT_REST, {}),
    Story(
        "a call wakes it within its budget",
        {
            **AT_REST,
            READY: gauge((20, None), (4, 0), (37, 1)),
            ANSWERED % "ok": counter((24, 0), (36, 10)),
        },
        {},
    ),
    Story(
        "no replica comes for those who call",
        {
            **AT_REST,
            REFUSED % "budget": counter((20, 0), (40, 1)),
            ANSWERED % "unavailable": counter((20, 0), (40, 1)),
        },
        {NOT_WOKEN: 22, ERRORS: 33},
    ),
    Story(
        "more call at once than may wait, twice",
        {
            **AWAKE,
            REFUSED % "queue_full": counter((20, 0), (2, 3), (38, 0)),
            ANSWERED % "unavailable": counter((20, 0), (2, 3), (38, 0)),
        },
        {NOT_WOKEN: 22},
    ),
    Story(
        "its replicas fail, and callers hear of it",
        {
            **AWAKE,
            ANSWERED % "ok": counter((20, 10), (40, 0)),
            ANSWERED % "server_error": counter((20, 0), (40, 10)),
            SERVED % "server_error": counter((20, 0), (40, 10)),
        },
        {ERRORS: 24},
    ),
    Story(
        "what replicas count themselves is no second count of the same requests",
        {**AWAKE, SERVED % "server_error": counter((20, 0), (40, 10))},
        {},
    ),
    Story(
        "the replica that was there is not ready for longer than callers wait",
        {**AWAKE, READY: gauge((20, 1), (41, 0))},
        {NONE_READY: 26},
    ),
    Story(
        "it is not ready for as long as they wait",
        {**AWAKE, READY: gauge((20, 1), (4, 0), (37, 1))},
        {},
    ),
    Story(
        "every activator is gone, and its replica is there",
        {**AWAKE, **{IN_FLIGHT % pod: gauge((20, 0), (41, None)) for pod in ("a", "b")}},
        {UNSEEN: 36},
    ),
    Story("one of two is gone", {**AWAKE, IN_FLIGHT % "b": gauge((20, 0), (41, None))}, {}),
    Story(
        "they are moved to another node",
        {**AWAKE, **{IN_FLIGHT % pod: gauge((20, 0), (4, None), (37, 0)) for pod in ("a", "b")}},
        {},
    ),
]
STAGE = Stage(STORIES, RULES, ALERTS, minutes=60, quiet=20)
HELD = STAGE.held


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.told)
def test_what_happens_gives_its_alerts_and_no_others(simulation: Simulation, story: Story) -> None:
    STAGE.hold(simulation, story)


def test_a_ticket_says_how_many_were_refused_why_and_how_long_they_may_wait(
    simulation: Simulation,
) -> None:
    rule = next(
        rule for group in RULES for rule in group["rules"] if rule.get("alert") == NOT_WOKEN
    )
    expected = {
        "eval_time": "30m",
        "alertname": NOT_WOKEN,
        "exp_alerts": [
            {
                "exp_labels": {**rule["labels"], "reason": "budget"},
                "exp_annotations": {
                    **rule["annotations"],
                    "summary": "wine in demo refused 5 requests in 5 minutes that no replica was "
                    "ready for (budget)",
                },
            }
        ],
    }
    told = simulation.told(
        {"alert_rule_test": [expected]},
        STORIES[2].series,
        RULES,
        step="1m",
        evaluated_every="1m",
    )
    assert "SUCCESS" in told, told
    assert f"within {HOLD} s" in rule["annotations"]["description"]
