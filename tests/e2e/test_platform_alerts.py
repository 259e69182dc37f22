"""When the alerts about monitoring itself come and when they do not: Prometheus' own evaluation."""

from __future__ import annotations

import pytest
from e2e.simulation import Simulation, counter, gauge
from e2e.stories import Held, Stage, Story, fired, severities
from stanchion.monitoring.platform_alerts import (
    ALERTMANAGER,
    PROMETHEUS,
    WatchedMonitoring,
    platform_rules,
)

RULES = [group.manifest() for group in platform_rules(WatchedMonitoring("platform", replicas=2))]
SEVERITIES = severities(RULES)
ALWAYS = "Watchdog"
"""The one that fires in every story, from its beginning."""
UP = 'up{job="%s",pod="%s"}'
OF_PROMETHEUS = f'{{job="{PROMETHEUS}",pod="prometheus-0"}}'
OF_ALERTMANAGER = f'{{job="{ALERTMANAGER}",pod="alertmanager-0",integration="slack"}}'
ALERTMANAGERS = {UP % (ALERTMANAGER, pod): gauge((61, 1)) for pod in ("a-0", "a-1")}
SERVICES = {UP % ("wine", pod): gauge((61, 1)) for pod in ("w-0", "w-1", "w-2")}
WELL = {**ALERTMANAGERS, **SERVICES}
GONE = gauge((20, 1), (41, 0))
SENT = f"prometheus_notifications_sent_total{OF_PROMETHEUS}"
ERRORS = f"prometheus_notifications_errors_total{OF_PROMETHEUS}"
TOLD = f"alertmanager_notifications_total{OF_ALERTMANAGER}"
FAILED = f"alertmanager_notifications_failed_total{OF_ALERTMANAGER}"
RULES_FAILED = (
    f'prometheus_rule_evaluation_failures_total{OF_PROMETHEUS[:-1]},rule_group="demo-wine"}}'
)
WRITTEN = f"prometheus_remote_storage_queue_highest_sent_timestamp_seconds{OF_PROMETHEUS}"
STORIES = [
    Story(
        "all is well",
        {
            **WELL,
            SENT: counter((60, 10)),
            ERRORS: counter((60, 0)),
            TOLD: counter((60, 4)),
            FAILED: counter((60, 0)),
            RULES_FAILED: counter((60, 0)),
            f"prometheus_config_last_reload_successful{OF_PROMETHEUS}": gauge((61, 1)),
            f"alertmanager_config_last_reload_successful{OF_ALERTMANAGER}": gauge((61, 1)),
        },
        {},
    ),
    Story(
        "the services' namespace cannot be reached",
        {**WELL, **dict.fromkeys(SERVICES, GONE)},
        {"MonitoringTargetsDown": 26},
    ),
    Story(
        "it cannot be reached for three minutes",
        {**WELL, **dict.fromkeys(SERVICES, gauge((20, 1), (3, 0), (38, 1)))},
        {},
    ),
    Story("two of five targets are down", {**WELL, **dict.fromkeys([*SERVICES][:2], GONE)}, {}),
    Story(
        "a rule's query is refused",
        {**WELL, RULES_FAILED: counter((20, 0), (40, 2))},
        {"PrometheusRulesFail": 37},
    ),
    Story(
        "a rule fails while Prometheus starts",
        {**WELL, RULES_FAILED: counter((20, 0), (3, 2), (37, 0))},
        {},
    ),
    Story(
        "Prometheus is given what it cannot read",
        {**WELL, f"prometheus_config_last_reload_successful{OF_PROMETHEUS}": GONE},
        {"PrometheusConfigurationRefused": 31},
    ),
    Story(
        "Alertmanager is given what it cannot read",
        {**WELL, f"alertmanager_config_last_reload_successful{OF_ALERTMANAGER}": GONE},
        {"AlertmanagerConfigurationRefused": 31},
    ),
    Story(
        "Alertmanager takes no alerts",
        {**WELL, SENT: counter((60, 10)), ERRORS: counter((20, 0), (40, 5))},
        {"PrometheusAlertsNotDelivered": 37},
    ),
    Story(
        "the address of a channel is no longer known",
        {**WELL, TOLD: counter((60, 4)), FAILED: counter((20, 0), (40, 4))},
        {"AlertmanagerNotificationsFail": 27},
    ),
    Story(
        "one message fails and goes through the next time",
        {**WELL, TOLD: counter((60, 4)), FAILED: counter((20, 0), (1, 1), (39, 0))},
        {},
    ),
    Story(
        "one Alertmanager of two is gone",
        {**WELL, UP % (ALERTMANAGER, "a-1"): gauge((20, 1), (41, None))},
        {"AlertmanagerReplicaMissing": 36},
    ),
    Story(
        "one Alertmanager of two restarts",
        {**WELL, UP % (ALERTMANAGER, "a-1"): gauge((20, 1), (4, 0), (37, 1))},
        {},
    ),
    Story(
        "another store takes samples, a little late",
        # Two minutes behind the clock, a minute at a time.
        {**WELL, WRITTEN: "0x1 0+60x58"},
        {},
    ),
    Story(
        "another store takes no more samples",
        {**WELL, WRITTEN: "0+60x20 1200x40"},
        {"PrometheusRemoteWriteBehind": 36},
    ),
    Story(
        "every Alertmanager is gone",
        {**SERVICES, **dict.fromkeys(ALERTMANAGERS, gauge((20, 1), (41, None)))},
        {"AlertmanagerReplicaMissing": 36},
    ),
]


STAGE = Stage(
    STORIES,
    RULES,
    {name: severity for name, severity in SEVERITIES.items() if name != ALWAYS},
    minutes=60,
    quiet=20,
    every="30s",
)
HELD = STAGE.held | Held(come=frozenset({ALWAYS}))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.told)
def test_what_happens_gives_its_alerts_and_no_others(simulation: Simulation, story: Story) -> None:
    STAGE.hold(simulation, story)


def test_one_always_fires(simulation: Simulation) -> None:
    always = (ALWAYS, SEVERITIES[ALWAYS])
    (at,) = fired(simulation, STORIES[0].series, 60, always, groups=RULES)
    assert at is not None
    assert at <= 1
