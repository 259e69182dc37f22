"""What the number of a model's replicas follows, by which one autoscaler, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from stanchion import ArgumentsError
from stanchion.catalog.machines import load
from stanchion.serving.autoscaling import LONGEST_LATENCY_MS
from unit.components.programs import llm_gateway, model_service
from unit.components.world import World

PEAK = {
    "start": "30 7 * * MON-FRI",
    "end": "0 10 * * MON-FRI",
    "timezone": "Europe/Berlin",
    "replicas": 5,
}
BOTH: dict[str, Any] = {"in_flight_per_replica": 4, "schedules": [PEAK]}
LATENCY: dict[str, Any] = {"target_latency_ms": 500}


def scaled(**autoscaling: Any) -> World:
    return model_service(monitoring=True, autoscaling=_from_2_to_6(**autoscaling))


def _from_2_to_6(**autoscaling: Any) -> dict[str, Any]:
    return {"min_replicas": 2, "max_replicas": 6, **autoscaling}


def triggers(world: World) -> dict[str, dict[str, Any]]:
    return {each["type"]: each for each in world.object("ScaledObject")["spec"]["triggers"]}


@pytest.mark.parametrize(
    ("autoscaling", "kind"),
    [
        ({}, "HorizontalPodAutoscaler"),
        ({"schedules": []}, "HorizontalPodAutoscaler"),
        ({"target_cpu_utilization": 50}, "HorizontalPodAutoscaler"),
        ({"in_flight_per_replica": 4}, "ScaledObject"),
        ({"schedules": [PEAK]}, "ScaledObject"),
        (LATENCY, "ScaledObject"),
        (BOTH, "ScaledObject"),
    ],
)
def test_a_service_has_one_autoscaler(autoscaling: dict[str, Any], kind: str) -> None:
    kinds = [found for found, _ in scaled(**autoscaling).objects]
    assert [found for found in kinds if found in {"HorizontalPodAutoscaler", "ScaledObject"}] == [
        kind
    ]


def test_what_follows_more_follows_cpu_use_still() -> None:
    found = triggers(scaled(**BOTH, target_cpu_utilization=55))
    assert set(found) == {"cpu", "prometheus", "cron"}
    assert found["cpu"]["metricType"] == "Utilization"
    assert found["cpu"]["metadata"] == {"value": "55"}


def test_requests_in_flight_are_asked_for_by_metric_and_labels_that_are_exported() -> None:
    world = scaled(in_flight_per_replica=4)
    asked = triggers(world)["prometheus"]
    metric, used = re.fullmatch(r"sum\((\w+)\{(.*)\}\)", asked["metadata"]["query"]).groups()  # type: ignore[union-attr]
    exported = load("metrics.yaml")["images"]["model-server"]["metrics"]
    assert exported[metric]["type"] == "gauge"
    namespace = world.object("Deployment")["metadata"]["namespace"]
    assert used == f'namespace="{namespace}",service="wine"'
    assert (asked["metricType"], asked["metadata"]["threshold"]) == ("AverageValue", "4")


def test_latency_is_asked_for_by_metric_and_labels_that_are_exported() -> None:
    world = scaled(**LATENCY)
    asked = triggers(world)["prometheus"]
    metric, used = re.search(r"rate\((\w+)_bucket\{(.*)\}\[", asked["metadata"]["query"]).groups()  # type: ignore[union-attr]
    image = load("metrics.yaml")["images"]["model-server"]
    assert image["metrics"][metric]["type"] == "histogram"
    assert "outcome" in image["metrics"][metric]["labels"]
    namespace = world.object("Deployment")["metadata"]["namespace"]
    place, _, outcomes = used.rpartition(",")
    assert place == f'namespace="{namespace}",service="wine"'
    counted = re.fullmatch(r'outcome=~"(.*)"', outcomes)[1]  # type: ignore[index]
    assert set(counted.split("|")) < set(image["values"]["outcome"])


def test_latency_is_not_divided_among_replicas_and_changes_no_faster_than_it_shows() -> None:
    world = scaled(**LATENCY)
    asked = triggers(world)["prometheus"]
    assert (asked["metricType"], asked["metadata"]["threshold"]) == ("Value", "500")
    (seconds,) = re.findall(r"\[(\d+)s\]", asked["metadata"]["query"])
    spec = world.object("ScaledObject")["spec"]
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert {each["periodSeconds"] for each in behavior["scaleUp"]["policies"]} == {int(seconds)}


def test_the_longest_latency_to_follow_is_the_longest_that_an_answer_can_be_above() -> None:
    metrics = load("metrics.yaml")["images"]["model-server"]["metrics"]
    longest = metrics["model_server_request_duration_seconds"]["buckets"][-2]
    assert longest * 1000 == LONGEST_LATENCY_MS


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [
        (400, "is no bound of the histogram by which the server measures; write 250 or 500"),
        (2, "is no bound of the histogram by which the server measures; write 1 or 5"),
        (5000, "is not below request_timeout_seconds: 5, after which there is no answer that"),
        (30_000, "is out of range; write 1 to 10000"),
    ],
)
def test_a_latency_to_follow_is_one_that_the_histogram_tells(milliseconds: int, told: str) -> None:
    with pytest.raises(ArgumentsError) as refused:
        model_service(
            monitoring=True,
            request_timeout_seconds=5,
            autoscaling=_from_2_to_6(target_latency_ms=milliseconds),
        )
    (problem,) = refused.value.problems
    assert problem.startswith(f"autoscaling.target_latency_ms: {milliseconds} {told}")


@pytest.mark.parametrize("bound", [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000])
def test_every_bound_that_is_documented_can_be_followed(bound: int) -> None:
    asked = triggers(scaled(target_latency_ms=bound))["prometheus"]
    assert asked["metadata"]["threshold"] == str(bound)


def test_an_unanswered_query_is_an_error_and_no_number_is_served_in_its_place() -> None:
    world = scaled(**BOTH)
    assert triggers(world)["prometheus"]["metadata"]["ignoreNullValues"] == "false"
    assert "fallback" not in world.object("ScaledObject")["spec"]


def test_a_known_peak_has_its_replicas_before_it_comes() -> None:
    assert triggers(scaled(schedules=[PEAK]))["cron"]["metadata"] == {
        "timezone": "Europe/Berlin",
        "start": "30 7 * * MON-FRI",
        "end": "0 10 * * MON-FRI",
        "desiredReplicas": "5",
    }


@pytest.mark.parametrize("strategy", ["rolling", "canary", "blueGreen"])
def test_it_scales_whatever_runs_the_replicas(strategy: str) -> None:
    world = model_service(
        monitoring=True, rollout={"strategy": strategy}, autoscaling=_from_2_to_6(**BOTH)
    )
    target = world.object("ScaledObject")["spec"]["scaleTargetRef"]
    workload = world.object(target["kind"], target["name"])
    assert target["apiVersion"] == workload["apiVersion"]
    assert workload["spec"]["replicas"] == 2, "a new kind of workload begins with what is kept"
    assert world.registered(target["kind"], target["name"]).ignores == ("spec.replicas",)


def test_bounds_and_patience_are_those_of_the_service() -> None:
    spec = scaled(**BOTH, scale_down_seconds=120).object("ScaledObject")["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 6)
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 120
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0


def test_a_service_may_change_its_autoscaler_with_both_there_for_a_moment() -> None:
    before = scaled().object("HorizontalPodAutoscaler")["metadata"]
    assert before["annotations"] == {"validations.keda.sh/hpa-ownership": "false"}
    made = scaled(**BOTH).object("ScaledObject")["spec"]["advanced"]
    assert made["horizontalPodAutoscalerConfig"]["name"] not in {before["name"], "", None}


@pytest.mark.parametrize(
    ("autoscaling", "told"),
    [
        (
            {"min_replicas": 0},
            "autoscaling.min_replicas: 0 has requests wait for a replica, and nothing says for how "
            "long; set cold_start with its budget_seconds, or write 1 or more",
        ),
        ({"min_replicas": -1}, "autoscaling.min_replicas: -1 is out of range; write 0 to 1000"),
        (
            {"keda_namespace": "Ke da"},
            "autoscaling.keda_namespace: 'Ke da' is no name for Kubernetes objects",
        ),
        ({"in_flight_per_replica": 0}, "autoscaling.in_flight_per_replica: 0 is out of range"),
        (
            {"target_latency_ms": 60_000},
            "autoscaling.target_latency_ms: 60000 is out of range; write 1 to 10000",
        ),
        (
            {"schedules": [{**PEAK, "start": "25 61 * * *"}]},
            "autoscaling.schedules[0].start: '25 61 * * *' is no schedule; write cron's five",
        ),
        (
            {"schedules": [PEAK, {**PEAK, "end": "@daily"}]},
            "autoscaling.schedules[1].end: '@daily' is no schedule",
        ),
        (
            {"schedules": [{**PEAK, "end": PEAK["start"]}]},
            "autoscaling.schedules[0].end: '30 7 * * MON-FRI' does not come exactly once",
        ),
        (
            {"schedules": [{**PEAK, "timezone": "Berlin"}]},
            "autoscaling.schedules[0].timezone: 'Berlin' is no time zone; write a name of the IANA",
        ),
        (
            {"schedules": [{**PEAK, "replicas": 7}]},
            "autoscaling.schedules[0].replicas: 7 is above autoscaling.max_replicas, 6; lower it",
        ),
        (
            {"schedules": [{**PEAK, "replicas": 2}]},
            "autoscaling.schedules[0].replicas: 2 says nothing with autoscaling.min_replicas: 2",
        ),
        ({"latency": {"quantile": 0.99}}, "autoscaling.latency: is no argument"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(autoscaling: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError) as refused:
        scaled(**autoscaling)
    assert [problem[: len(told)] for problem in refused.value.problems] == [told]


@pytest.mark.parametrize("field", ["in_flight_per_replica", "target_latency_ms"])
def test_what_prometheus_measures_is_followed_only_where_somebody_reads_it(field: str) -> None:
    with pytest.raises(ArgumentsError, match=f"{field}: is measured by Prometheus"):
        model_service(monitoring=False, autoscaling=_from_2_to_6(**{field: 5}))
    model_service(monitoring=False, autoscaling=_from_2_to_6(schedules=[PEAK]))


def test_a_gateway_follows_cpu_use_alone() -> None:
    with pytest.raises(ArgumentsError, match=r"autoscaling\.schedules: is for a ModelService"):
        llm_gateway(autoscaling=_from_2_to_6(schedules=[PEAK]))
