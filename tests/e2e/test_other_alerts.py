"""What hurts a model service besides its objectives: each alert comes, and stays away."""

from __future__ import annotations

import pytest
from e2e.simulation import Simulation, counter, gauge
from e2e.stories import Stage, Story
from e2e.test_service_alerts import DAY, OF, PAGE, RULES, TICKET
from stanchion.monitoring.kube_state import kube_state

READY = f'model_server_ready{{{OF},pod="wine-%s"}}'
RETRIES = f'model_server_load_retries_total{{{OF},pod="wine-%s"}}'
RESTARTS = kube_state(
    "kube_pod_container_status_restarts_total",
    'namespace="demo",container="model-server",pod="%s"',
)
OF_ANOTHER_JOB = RESTARTS.replace("kube-state-metrics", "opencost")
AUTOSCALER = kube_state(
    "kube_horizontalpodautoscaler_%s", 'namespace="demo",horizontalpodautoscaler="%s"'
)
LOGGED = f'model_server_prediction_log_rows_total{{{OF},pod="wine-a",result="%s"}}'
HAVE, MOST = "status_current_replicas", "spec_max_replicas"
SEVERITIES = {
    "ModelServiceNoReadyReplica": PAGE,
    "ModelServiceNotScraped": PAGE,
    "ModelServiceModelNotLoaded": TICKET,
    "ModelServiceReplicaNotReady": TICKET,
    "ModelServiceReplicaCrashes": TICKET,
    "ModelServiceAtMaximumReplicas": TICKET,
    "ModelServicePredictionLogLosesRows": TICKET,
}


UP = {READY % "a": gauge((61, 1)), READY % "b": gauge((61, 1))}
STORIES = [
    Story("all is well", {**UP, RETRIES % "a": counter((60, 0))}, {}),
    Story(
        "no replica is ready any more",
        {READY % "a": gauge((20, 1), (41, 0)), READY % "b": gauge((20, 1), (41, 0))},
        {"ModelServiceNoReadyReplica": 23, "ModelServiceReplicaNotReady": 25},
    ),
    Story(
        "one of two is not ready for a minute",
        {**UP, READY % "b": gauge((20, 1), (1, 0), (40, 1))},
        {},
    ),
    Story("none is ready for a minute", {READY % "a": gauge((20, 1), (1, 0), (40, 1))}, {}),
    Story(
        "a new service loads its model, within the time that it was given",
        {READY % "a": gauge((3, 0), (58, 1))},
        {},
    ),
    Story(
        "a new version refuses its model, and the one before serves on",
        {**UP, READY % "new": gauge((20, None), (41, 0))},
        {"ModelServiceReplicaNotReady": 25},
    ),
    Story(
        "every replica is gone",
        {READY % "a": gauge((20, 1), (41, None))},
        {"ModelServiceNotScraped": 36},
    ),
    Story("one of two is gone", {**UP, READY % "b": gauge((20, 1), (41, None))}, {}),
    Story(
        "Prometheus restarts",
        {READY % "a": gauge((20, 1), (9, None), (32, 1))},
        {},
    ),
    Story(
        "a new replica cannot reach the registry",
        {**UP, RETRIES % "new": counter((20, 0), (40, 2))},
        {"ModelServiceModelNotLoaded": 33},
    ),
    Story(
        "the registry is away for four minutes",
        {**UP, RETRIES % "new": counter((20, 0), (4, 2), (36, 0))},
        {},
    ),
    Story(
        "a replica runs out of memory again and again",
        {**UP, RESTARTS % "wine-5d8f-x2x4z": counter((20, 0), (40, 0.25))},
        {"ModelServiceReplicaCrashes": 34},
    ),
    Story(
        "a replica was restarted once, and another service's often",
        {
            **UP,
            RESTARTS % "wine-5d8f-x2x4z": counter((20, 0), (1, 1), (39, 0)),
            RESTARTS % "wine-red-5d8f-x2x4z": counter((20, 0), (40, 1)),
        },
        {},
    ),
    Story(
        "a replica was restarted twice, and another exporter tells it again",
        {
            **UP,
            RESTARTS % "wine-5d8f-x2x4z": counter((20, 0), (2, 1), (38, 0)),
            OF_ANOTHER_JOB % "wine-5d8f-x2x4z": counter((20, 0), (2, 1), (38, 0)),
        },
        {},
    ),
    Story(
        "it has had all its replicas for longer than half an hour",
        {
            **UP,
            AUTOSCALER % (HAVE, "wine"): gauge((20, 2), (41, 6)),
            AUTOSCALER % (MOST, "wine"): gauge((61, 6)),
        },
        {"ModelServiceAtMaximumReplicas": 51},
    ),
    Story(
        "it has all its replicas for a while, and another service for long",
        {
            **UP,
            AUTOSCALER % (HAVE, "wine"): gauge((20, 2), (25, 6), (16, 4)),
            AUTOSCALER % (MOST, "wine"): gauge((61, 6)),
            AUTOSCALER % (HAVE, "tea"): gauge((61, 6)),
            AUTOSCALER % (MOST, "tea"): gauge((61, 6)),
        },
        {},
    ),
    Story(
        "the prediction log's store takes no more",
        {
            **UP,
            LOGGED % "written": counter((20, 100), (40, 0)),
            LOGGED % "lost": counter((20, 0), (40, 100)),
        },
        {"ModelServicePredictionLogLosesRows": 33},
    ),
    Story(
        "the prediction log is refused from the start",
        {
            **UP,
            LOGGED % "written": counter((60, 0)),
            LOGGED % "refused": counter((20, 0), (40, 100)),
        },
        {"ModelServicePredictionLogLosesRows": 33},
    ),
    Story(
        "a burst finds no room in the prediction log's memory",
        {
            **UP,
            LOGGED % "written": counter((60, 100)),
            LOGGED % "full": counter((30, 0), (1, 15), (29, 0)),
        },
        {},
    ),
    Story("nothing is logged", {**UP, LOGGED % "written": counter((60, 0))}, {}),
]


STAGE = Stage(STORIES, RULES, SEVERITIES, minutes=60, quiet=20)
HELD = STAGE.held


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.told)
def test_what_happens_gives_its_alerts_and_no_others(simulation: Simulation, story: Story) -> None:
    STAGE.hold(simulation, story)


def test_a_service_that_stays_down_for_days_goes_on_to_page(simulation: Simulation) -> None:
    series = {READY % "a": gauge((60, 1), (2 * DAY, 0))}
    (firing,) = simulation.answers(
        ['count(ALERTS{alertname="ModelServiceNoReadyReplica",alertstate="firing"})'],
        series,
        f"{2 * DAY}m",
        groups=[group for group in RULES if group["name"].endswith("-alerts")],
        step="1m",
        evaluated_every="2m",
    )
    assert firing == 1
