"""The alerts of a drift monitor's reports: each comes, and stays away."""

from __future__ import annotations

import pytest
from e2e.simulation import Simulation, gauge
from e2e.stories import Stage, Story
from e2e.test_service_alerts import TICKET
from stanchion.monitoring import WatchedMonitor, drift_monitor_rules

HOUR = 60
"""Minutes, one sample each."""
OF = 'namespace="demo",service="wine"'
OVERDUE = 4 * 3600
UNDECIDED = f'drift_monitor_verdict{{{OF},version="%s",check="quality",verdict="inconclusive"}}'
LABELLED = f'drift_monitor_labelled_rows{{{OF},version="%s"}}'
VERDICT = f'drift_monitor_verdict{{{OF},version="%s",check="%s",verdict="breach"}}'
ROWS = f'drift_monitor_rows{{{OF},version="%s"}}'
QUALITY = f'drift_monitor_quality{{{OF},version="%s",metric="accuracy"}}'
ENDED = f"drift_monitor_window_end_timestamp_seconds{{{OF}}}"
GROUPS = [
    group.manifest()
    for group in drift_monitor_rules(
        WatchedMonitor(
            "wine",
            "demo",
            "growth",
            "team-a",
            "wine-monitor",
            metric="accuracy",
            min_labels=200,
            overdue_seconds=OVERDUE,
        )
    )
]
ALERTS = dict.fromkeys(
    (
        "ModelServiceQualityLost",
        "ModelServiceQualityUnknown",
        "ModelServiceLogDrift",
        "DriftMonitorBlind",
    ),
    TICKET,
)
CHECKS = ("features", "predictions", "data-quality", "schema", "quality")


LONG = 8 * HOUR + 1


WELL = {
    ENDED: gauge((3 * HOUR, 60), (LONG - 3 * HOUR, 5 * HOUR * 60)),
    ROWS % "3": gauge((LONG, 1200)),
    QUALITY % "3": gauge((LONG, 0.97)),
    **{VERDICT % ("3", check): gauge((LONG, 0)) for check in CHECKS},
}
STORIES = [
    Story("all is well", WELL, {}),
    Story(
        "labels say that the version is worse",
        {
            **WELL,
            QUALITY % "3": gauge((HOUR, 0.97), (LONG - HOUR, 0.81)),
            VERDICT % ("3", "quality"): gauge((HOUR, 0), (LONG - HOUR, 1)),
        },
        {"ModelServiceQualityLost": HOUR + 2},
    ),
    Story(
        "labels cannot be compared with answers, so nothing is counted",
        {**WELL, UNDECIDED % "3": gauge((HOUR, 0), (LONG - HOUR, 1))},
        {"ModelServiceQualityUnknown": HOUR + 2},
    ),
    Story(
        "there are labels, and nothing to hold them against",
        {
            **WELL,
            UNDECIDED % "3": gauge((LONG, 1)),
            LABELLED % "3": gauge((HOUR, 199), (LONG - HOUR, 200)),
        },
        {"ModelServiceQualityUnknown": HOUR + 2},
    ),
    Story(
        "labels are few yet",
        {**WELL, UNDECIDED % "3": gauge((LONG, 1)), LABELLED % "3": gauge((LONG, 0))},
        {},
    ),
    Story(
        "a version that answers nothing any more could not be judged",
        {**WELL, UNDECIDED % "2": gauge((LONG, 1)), ROWS % "2": gauge((LONG, 0))},
        {},
    ),
    Story(
        "a version that answers nothing any more was worse",
        {
            **WELL,
            ROWS % "2": gauge((LONG, 0)),
            QUALITY % "2": gauge((LONG, 0.5)),
            VERDICT % ("2", "quality"): gauge((LONG, 1)),
        },
        {},
    ),
    Story(
        "features of the log have drifted, and quality has not gone",
        {**WELL, VERDICT % ("3", "features"): gauge((HOUR, 0), (LONG - HOUR, 1))},
        {"ModelServiceLogDrift": HOUR + 2},
    ),
    Story(
        "a column of the log is missing",
        {**WELL, VERDICT % ("3", "schema"): gauge((HOUR, 0), (LONG - HOUR, 1))},
        {"ModelServiceLogDrift": HOUR + 2},
    ),
    Story(
        "another service's log has drifted",
        {**WELL, (VERDICT % ("3", "features")).replace("wine", "tea"): gauge((LONG, 1))},
        {},
    ),
    Story(
        "the job ends well no more",
        {**WELL, ENDED: gauge((LONG, HOUR * 60))},
        {"DriftMonitorBlind": HOUR + OVERDUE / 60 + 17},
    ),
    Story(
        "the exporter is gone",
        {**WELL, ENDED: gauge((HOUR, 60), (LONG - HOUR, None))},
        {"DriftMonitorBlind": HOUR + 22},
    ),
    Story(
        "the exporter restarts",
        {
            **WELL,
            ENDED: gauge((HOUR, 60), (9, None), (2 * HOUR, 60), (LONG, 5 * HOUR * 60)),
        },
        {},
    ),
    Story(
        "a new monitor has no report yet, within the time of its first",
        {ENDED: gauge((3 * HOUR, 0), (LONG, 5 * HOUR * 60))},
        {},
    ),
    Story(
        "a new monitor never gets one",
        {ENDED: gauge((LONG, 0))},
        {"DriftMonitorBlind": OVERDUE / 60 + 3},
    ),
]


STAGE = Stage(STORIES, GROUPS, ALERTS, minutes=8 * HOUR)
HELD = STAGE.held


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.told)
def test_what_happens_gives_its_alerts_and_no_others(simulation: Simulation, story: Story) -> None:
    STAGE.hold(simulation, story)
