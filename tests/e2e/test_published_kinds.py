"""Our objects of other makers' kinds, held to the definitions that those publish."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from e2e import kinds
from stanchion import Operator
from stanchion.operators.lock import charts
from unit.components.programs import model_service
from unit.components.test_job_queues import queues, team
from unit.components.test_llm_service import ROUTING, llm
from unit.components.test_model_autoscaling import PEAK, scaled
from unit.components.test_model_gateway import GOOGLES, SHADOW, at_gateway
from unit.components.test_model_rest import resting
from unit.components.test_model_service import ON_L4
from unit.components.test_training_job import training
from unit.components.test_training_on_ray import on_ray
from unit.components.world import World

pytestmark = pytest.mark.e2e
KUEUE = "kueue.x-k8s.io/v1beta2"
RELEASED = {"Rollout", "AnalysisTemplate"}
ASKED = [
    [team("a")],
    [team("a", weight=0.25, lends=False, borrows=False), team("b", quota={"cpu": "8"})],
    [team("a", guaranteed=[{"pool": "l4", "gpus": 2, "cpu": 4, "memory": 16}])],
]


@pytest.mark.parametrize("tenants", ASKED)
def test_queues_are_what_kueue_takes(tenants: list[dict[str, Any]]) -> None:
    made = queues(*tenants).manifests
    assert {each["kind"] for each in made} == {
        "ClusterQueue",
        "Cohort",
        "LocalQueue",
        "ResourceFlavor",
        "WorkloadPriorityClass",
    }
    for manifest in made:
        assert manifest["apiVersion"] == KUEUE
        assert not kinds.problems(manifest), manifest


@pytest.mark.parametrize("changes", [{}, {"queue": "jobs", "queue_priority": "training"}])
def test_a_training_on_several_nodes_is_what_jobset_takes(changes: dict[str, Any]) -> None:
    assert not kinds.problems(training(nodes=4, **changes).object("JobSet"))


@pytest.mark.parametrize(
    "changes", [{"queue": "jobs", "queue_priority": "training"}, {"placement": ON_L4, "gpus": 1}]
)
def test_a_training_on_ray_is_what_kuberay_takes(changes: dict[str, Any]) -> None:
    made = on_ray(**changes).object("RayJob")
    assert not kinds.problems(made)
    made["spec"]["rayClusterSpec"]["authOptions"]["mode"] = "none"
    assert "'none' is not one of" in kinds.problems(made)[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cohort": "dev"}, "'cohort' was unexpected"),
        ({"queueingStrategy": "Fair"}, "'Fair' is not one of"),
        ({"fairSharing": {"weight": "heavy"}}, "'heavy' does not match"),
        ({"preemption": {"reclaimWithinCohort": "Always"}}, "'Always' is not one of"),
    ],
)
def test_the_definitions_refuse_what_they_do_not_know(change: dict[str, Any], says: str) -> None:
    queue = queues(team("a")).object("ClusterQueue", "a")
    (told,) = kinds.problems({**queue, "spec": {**queue["spec"], **change}})
    assert says in told


@pytest.mark.parametrize("gateway", [{}, {"gateway": GOOGLES}], ids=["envoy", "gke"])
@pytest.mark.parametrize("shadow", [{}, {"shadow": SHADOW}], ids=["alone", "with a shadow"])
def test_a_canary_at_a_gateway_is_what_gateway_api_and_argo_rollouts_take(
    gateway: dict[str, Any], shadow: dict[str, Any]
) -> None:
    world = at_gateway(**gateway, **shadow)
    for kind in ("HTTPRoute", "AnalysisTemplate"):
        made = [each for (found, _), each in world.objects.items() if found == kind]
        assert made
        assert not [told for each in made for told in kinds.problems(each)]


def test_a_share_of_the_mirrored_requests_is_what_gateway_api_takes() -> None:
    route = at_gateway(shadow={**SHADOW, "percent": 20}).object("HTTPRoute")
    assert not kinds.problems(route)
    route["spec"]["rules"][0]["filters"][0]["requestMirror"]["percent"] = 101
    assert "101 is greater than the maximum of 100" in kinds.problems(route)[0]


def test_a_rollout_at_a_gateway_is_what_argo_rollouts_takes() -> None:
    assert not kinds.problems(at_gateway().object("Rollout"))


@pytest.mark.parametrize(
    "rollout", [{"strategy": "canary"}, {"strategy": "blueGreen"}], ids=["canary", "blueGreen"]
)
def test_a_release_is_what_argo_rollouts_takes(rollout: dict[str, Any]) -> None:
    own = {"name": "accepted", "query": "vector(1)", "minimum": 1}
    world = model_service(rollout={**rollout, "analysis": {"metrics": [own]}}, monitoring=True)
    made = [each for (kind, _), each in world.objects.items() if kind in RELEASED]
    assert {each["kind"] for each in made} == RELEASED
    assert not [told for each in made for told in kinds.problems(each)]


@pytest.mark.parametrize(
    "program",
    [
        llm,
        lambda: scaled(in_flight_per_replica=4, target_latency_ms=500, schedules=[PEAK]),
        resting,
    ],
    ids=["a language model", "a model", "a model at rest"],
)
def test_what_replicas_follow_is_what_keda_takes(program: Callable[[], World]) -> None:
    assert not kinds.problems(program().object("ScaledObject"))


def test_a_language_model_behind_a_picker_is_what_its_gateway_takes() -> None:
    world = llm(routing=ROUTING)
    pool = world.object("InferencePool")
    assert not kinds.problems(pool)
    assert not kinds.problems(world.object("HTTPRoute"))
    pool["spec"]["targetPorts"][0]["number"] = 0
    assert "0 is less than the minimum of 1" in kinds.problems(pool)[0]


def test_definitions_are_of_the_releases_that_are_installed() -> None:
    for operator in (
        Operator.KEDA,
        Operator.KUEUE,
        Operator.JOBSET,
        Operator.KUBERAY_OPERATOR,
        Operator.ARGO_ROLLOUTS,
    ):
        pinned = (kinds.HERE / operator / "go.mod").read_text("utf-8")
        assert f" v{charts()[str(operator)].app_version.removeprefix('v')}\n" in pinned
