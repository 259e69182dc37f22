"""How a new version of a model takes over: what is asked of Argo Rollouts, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import promql_parser
import pytest
from stanchion import ArgumentsError
from stanchion.serving.rollout import nearest_weight, steps_of
from unit.components.programs import model_service
from unit.components.test_model_service import ON_L4
from unit.components.world import World

CANARY = {"strategy": "canary"}
BLUE_GREEN = {"strategy": "blueGreen"}
HEALTH = {
    "error-ratio", "unusable-ratio", "latency-ratio", "class-shift", "mean-shift", "restarts",
}  # fmt: skip


def released(rollout: Mapping[str, Any], **changes: Any) -> World:
    return model_service(rollout=dict(rollout), monitoring=True, **changes)


def strategy(world: World, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = world.object("Rollout")["spec"]["strategy"][kind]
    return found


def metrics(world: World, name: str) -> dict[str, dict[str, Any]]:
    template = world.object("AnalysisTemplate", name)["spec"]
    return {metric["name"]: metric for metric in template["metrics"]}


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


def watched_by(world: World) -> str:
    """The template of what goes on in the background of a canary."""
    (named,) = strategy(world, "canary")["analysis"]["templates"]
    return str(named["templateName"])


@pytest.mark.parametrize("rollout", [CANARY, BLUE_GREEN], ids=["canary", "blueGreen"])
def test_a_rollout_runs_the_very_pods_that_a_deployment_would(rollout: dict[str, Any]) -> None:
    plain, world = model_service(monitoring=True), released(rollout)
    spec = world.object("Rollout")["spec"]
    assert spec["template"] == plain.object("Deployment")["spec"]["template"]
    assert spec["selector"] == plain.object("Deployment")["spec"]["selector"]
    assert not [kind for kind, _ in world.objects if kind == "Deployment"]


@pytest.mark.parametrize("rollout", [CANARY, BLUE_GREEN], ids=["canary", "blueGreen"])
def test_replicas_belong_to_the_one_autoscaler_which_follows_the_rollout(
    rollout: dict[str, Any],
) -> None:
    world = released(rollout)
    assert (
        world.object("Rollout")["spec"]["replicas"]
        == world.object("HorizontalPodAutoscaler")["spec"]["minReplicas"]
    ), "one that replaces a Deployment begins with what is kept"
    assert world.registered("Rollout", "wine").ignores == ("spec.replicas",)
    assert world.object("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"] == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "name": world.object("Rollout")["metadata"]["name"],
    }


def test_every_share_is_judged_before_the_next() -> None:
    steps = [{"weight": 33, "good_intervals": 3}, {"weight": 50, "pause_seconds": 60}]
    made = strategy(released({**CANARY, "steps": steps}), "canary")
    kinds = [next(iter(step)) for step in made["steps"]]
    assert kinds == ["setWeight", "analysis", "setWeight", "analysis", "pause"]
    asked = {each["name"]: each.get("value") for each in made["steps"][1]["analysis"]["args"]}
    assert asked["good-intervals"] == "3"
    assert made["maxUnavailable"] == 0


@pytest.mark.parametrize(("replicas", "ready_seconds"), [(10, 240), (20, 115), (4, 600)])
def test_a_good_canary_is_not_taken_back_for_the_time_in_which_its_replicas_start(
    replicas: int, ready_seconds: int
) -> None:
    many = {"min_replicas": replicas, "max_replicas": replicas}
    world = released(CANARY, autoscaling=many, load_seconds=ready_seconds)
    spec, steps = world.object("Rollout")["spec"], strategy(world, "canary")["steps"]
    each = ready_seconds + spec["minReadySeconds"]
    assert each <= spec["progressDeadlineSeconds"], "a slower one is taken back for that"
    judged = [step["analysis"] for step in steps if "analysis" in step]
    assert len(judged) == 2
    started = round(replicas * steps[0]["setWeight"] / 100)
    takes = (replicas - started) * each + len(judged) * 2 * 30
    assert takes > 1800, "longer than a step may take"
    assert seconds(metrics(world, watched_by(world))["deadline"]["initialDelay"]) > takes
    for run in judged:
        # It begins once the replicas of its step answer, and no delay of it waits for others.
        found = metrics(world, run["templates"][0]["templateName"])["traffic"]
        assert (found["initialDelay"], found["interval"], found["count"]) == ("30s", "30s", 60)


def test_the_last_deadline_of_a_canary_comes_after_all_others_and_its_pauses() -> None:
    steps = [{"weight": 33, "pause_seconds": 3600}, {"weight": 50}]
    world = released({**CANARY, "steps": steps, "analysis": {"deadline_seconds": 600}})
    found = metrics(world, watched_by(world))["deadline"]
    replica = world.object("Rollout")["spec"]["progressDeadlineSeconds"]
    # Six replicas at the most, and one more while they are replaced.
    assert seconds(found["initialDelay"]) == 2 * 600 + 3600 + 7 * replica
    assert (found["failureCondition"], found["count"]) == ("true", 1)


@pytest.mark.parametrize("rollout", [CANARY, BLUE_GREEN], ids=["canary", "blueGreen"])
def test_who_waits_for_a_release_waits_for_its_last_deadline_and_the_way_back(
    rollout: dict[str, Any],
) -> None:
    world = released(rollout)
    replica = world.object("Rollout")["spec"]["progressDeadlineSeconds"]
    most, steps = (7, 2) if rollout is CANARY else (12, 1)
    assert world.exports["release_seconds"] == steps * 1800 + 2 * most * replica


def test_the_deadline_is_of_each_step_and_not_of_their_sum() -> None:
    world = released({**CANARY, "analysis": {"interval_seconds": 600}})
    good = [step for step in strategy(world, "canary")["steps"] if "analysis" in step]
    assert len(good) * 2 * 600 > 1800, "what all of them take"


def test_a_canary_is_measured_as_long_as_it_lasts() -> None:
    world = released({**CANARY, "analysis": {"interval_seconds": 20, "min_requests": 40}})
    assert strategy(world, "canary")["analysis"]["startingStep"] == 1
    step, watch = metrics(world, "wine-release"), metrics(world, watched_by(world))
    assert set(watch) == {*HEALTH, "deadline"}
    for name in HEALTH:
        metric = step[name]
        assert metric["consecutiveSuccessLimit"] == "{{args.good-intervals}}"
        assert watch[name]["interval"] == metric["interval"]
        assert watch[name]["failureLimit"] == 0
        assert not {"count", "consecutiveSuccessLimit"} & set(watch[name]), "nothing ends it"
    query = watch["error-ratio"]["provider"]["prometheus"]["query"]
    assert set(re.findall(r"\[(\d+)s\]", query)) == {"200"}, "ten intervals: chance is no reason"
    assert ">= 400" in query
    assert watch["restarts"]["provider"] == step["restarts"]["provider"]


@pytest.mark.parametrize("rollout", [CANARY, BLUE_GREEN], ids=["canary", "blueGreen"])
def test_a_run_that_sees_too_few_numbers_ends_at_its_deadline(rollout: dict[str, Any]) -> None:
    own = {"name": "accepted", "query": "vector(1)", "minimum": 1}
    analysis = {"deadline_seconds": 600, "interval_seconds": 20, "metrics": [own]}
    world = released({**rollout, "analysis": analysis})
    made_of = strategy(world, rollout["strategy"])
    run = made_of.get("postPromotionAnalysis") or made_of["steps"][1]["analysis"]
    made = metrics(world, run["templates"][0]["templateName"])
    for name in ("traffic", "accepted.unknown"):
        found = made[name]
        assert (found["count"], found["interval"], found["failureLimit"]) == (30, "20s", -1)
    assert made["accepted.unknown"]["provider"] == made["accepted"]["provider"]


def test_after_a_switch_the_version_before_is_looked_at_until_the_deadline() -> None:
    analysis = {"interval_seconds": 1800, "deadline_seconds": 7200}
    made = metrics(released({**BLUE_GREEN, "analysis": analysis}), "wine-release")
    query = made["traffic"]["provider"]["prometheus"]["query"]
    seconds = dict(re.findall(r"args\.(canary|stable)-hash\}\}\"\}\[(\d+)s\]", query))
    assert seconds == {"canary": "1800", "stable": str(3600 + 7200)}


@pytest.mark.parametrize("rollout", [CANARY, BLUE_GREEN], ids=["canary", "blueGreen"])
def test_one_bad_interval_ends_a_release_and_an_empty_one_does_not(rollout: dict[str, Any]) -> None:
    world = released(rollout)
    found = metrics(world, "wine-release")
    assert set(found) >= HEALTH
    for name in HEALTH:
        assert found[name]["failureLimit"] == 0
        assert found[name]["inconclusiveLimit"] > 10_000
        for condition in ("successCondition", "failureCondition"):
            assert found[name][condition].startswith("len(result) > 0 && !isNaN(result[0])")


@pytest.mark.parametrize("rollout", [CANARY, BLUE_GREEN], ids=["canary", "blueGreen"])
def test_every_query_is_promql_over_the_pods_of_each_version(rollout: dict[str, Any]) -> None:
    for name, metric in metrics(released(rollout), "wine-release").items():
        query = metric["provider"]["prometheus"]["query"]
        promql_parser.parse(query.replace("{{args.", "").replace("}}", ""))
        assert 'rollouts_pod_template_hash="{{args.canary-hash}}"' in query, name
        assert 'service="wine"' in query, name


@pytest.mark.parametrize("rollout", [CANARY, BLUE_GREEN], ids=["canary", "blueGreen"])
def test_restarts_are_seen_however_long_a_server_takes_to_come_back(
    rollout: dict[str, Any],
) -> None:
    world = released({**rollout, "analysis": {"interval_seconds": 15}}, load_seconds=600)
    query = metrics(world, "wine-release")["restarts"]["provider"]["prometheus"]["query"]
    (seconds,) = re.findall(r"\[(\d+)s\]", query)
    assert int(seconds) == 15 + world.object("Rollout")["spec"]["progressDeadlineSeconds"]


def test_a_measure_of_ones_own_is_held_to_its_bounds() -> None:
    own = {"name": "accepted", "query": "vector(1)", "minimum": 0.5, "maximum": 2}
    found = metrics(released({**CANARY, "analysis": {"metrics": [own]}}), "wine-release")
    assert found["accepted"]["successCondition"].endswith("result[0] >= 0.5 && result[0] <= 2")


def test_an_answer_that_nobody_can_use_counts_as_one_that_failed() -> None:
    found = metrics(released({**CANARY, "analysis": {"max_error_ratio": 0.07}}), "wine-release")
    for name in ("error-ratio", "unusable-ratio"):
        assert found[name]["failureCondition"].endswith("!(result[0] <= 0.07)")


def test_metrics_tell_versions_apart_and_come_thrice_an_interval() -> None:
    world = released({**CANARY, "analysis": {"interval_seconds": 15}})
    spec = world.object("ServiceMonitor")["spec"]
    assert spec["podTargetLabels"] == ["rollouts-pod-template-hash"]
    assert spec["endpoints"][0]["interval"] == "5s"
    assert "podTargetLabels" not in model_service(monitoring=True).object("ServiceMonitor")["spec"]


def test_which_pods_a_switched_service_selects_is_left_to_the_controller() -> None:
    world = released(BLUE_GREEN)
    made = strategy(world, "blueGreen")
    for field in ("activeService", "previewService"):
        assert world.registered("Service", made[field]).ignores == ("spec.selector",)
    assert released(CANARY).registered("Service", "wine").ignores == ()


@pytest.mark.parametrize("delay", [{}, {"scale_down_delay_seconds": 30}])
def test_a_version_that_is_kept_for_a_moment_needs_no_room(delay: dict[str, int]) -> None:
    fits = {"min_replicas": 2, "max_replicas": 4}
    released({**BLUE_GREEN, **delay}, gpus=2, placement=ON_L4, autoscaling=fits)


def test_of_versions_before_one_is_kept() -> None:
    made = strategy(released({**BLUE_GREEN, "scale_down_delay_seconds": 3600}), "blueGreen")
    assert (made["scaleDownDelaySeconds"], made["scaleDownDelayRevisionLimit"]) == (3600, 1)


def test_pods_behind_two_services_are_scraped_once() -> None:
    world = released(BLUE_GREEN)
    wanted = world.object("ServiceMonitor")["spec"]["selector"]["matchLabels"]
    scraped = [
        name
        for (kind, name), found in world.objects.items()
        if kind == "Service" and wanted.items() <= found["metadata"]["labels"].items()
    ]
    assert scraped == ["wine"]


def test_the_engine_waits_for_the_first_replicas_and_not_for_a_release() -> None:
    annotations = released(CANARY).object("Rollout")["metadata"]["annotations"]
    assert annotations["pulumi.com/waitFor"] == "condition=Available"


def test_a_rollout_goes_before_its_pods_so_that_its_services_lead_to_others_then() -> None:
    annotations = released(BLUE_GREEN).object("Rollout")["metadata"]["annotations"]
    assert annotations["pulumi.com/deletionPropagationPolicy"] == "background"


@pytest.mark.parametrize(
    ("weight", "replicas", "surge", "expected"),
    [
        (25, 4, 0, (25, 1, 4)),
        (25, 4, 1, (25, 1, 4)),
        (25, 2, 1, (100 / 3, 1, 3)),
        (10, 9, 1, (10, 1, 10)),
        (50, 1, 1, (50, 1, 2)),
        (90, 2, 1, (200 / 3, 2, 3)),
    ],
)
def test_the_share_that_replicas_give(
    weight: int, replicas: int, surge: int, expected: tuple[float, int, int]
) -> None:
    share, canary, total = nearest_weight(weight, replicas, surge)
    assert (round(share, 6), canary, total) == (round(expected[0], 6), *expected[1:])


@pytest.mark.parametrize("replicas", [1, 2, 3, 4, 7, 30])
def test_default_steps_are_within_reach_of_any_number_of_replicas(replicas: int) -> None:
    steps = steps_of({"strategy": CANARY["strategy"]}, replicas)  # type: ignore[typeddict-item]
    weights = [step["weight"] for step in steps]
    assert weights == sorted(set(weights))
    for weight in weights:
        assert abs(nearest_weight(weight, replicas, 1)[0] - weight) <= 2


@pytest.mark.parametrize(
    ("rollout", "changes", "complaint"),
    [
        (
            {**CANARY, "steps": [{"weight": 10}]},
            {},
            "rollout.steps[0].weight: 10 percent cannot be reached with autoscaling.min_replicas: "
            "2, where 1 of 3 replicas are the nearest, 33 percent; write 33, raise min_replicas "
            "to 8, or write traffic: gateway",
        ),
        (
            {**CANARY, "steps": [{"weight": 50}, {"weight": 33}]},
            {},
            "rollout.steps[1].weight: 33 is not above 50 before it; let weights grow",
        ),
        (
            {"strategy": "rolling", "analysis": {}},
            {},
            "rollout.analysis: says nothing with strategy rolling; remove it, or write strategy: "
            "blueGreen or canary",
        ),
        (
            CANARY,
            {"monitoring": False},
            "rollout.strategy: judges by metrics, and without monitoring nobody reads them; set "
            "monitoring, or write strategy: rolling",
        ),
        (
            {**CANARY, "analysis": {"max_error_ratio": 1.5}},
            {},
            "rollout.analysis.max_error_ratio: 1.5 is out of range; write 0 to 1",
        ),
        (
            {**CANARY, "analysis": {"metrics": [{"name": "own", "query": "vector(1)"}]}},
            {},
            "rollout.analysis.metrics[0]: has neither minimum nor maximum; add the one that is "
            "meant",
        ),
        (
            {
                **CANARY,
                "analysis": {
                    "metrics": [{"name": "own", "query": "vector(1)", "minimum": 2, "maximum": 1}]
                },
            },
            {},
            "rollout.analysis.metrics[0].minimum: 2 is above maximum, 1, so that no interval would "
            "be good; swap them",
        ),
        (
            {
                **CANARY,
                "analysis": {"metrics": [{"name": "restarts", "query": "vector(1)", "minimum": 2}]},
            },
            {},
            "rollout.analysis.metrics[0].name: 'restarts' is what is measured anyway; choose "
            "another name; limits of what is measured have settings of their own",
        ),
        (
            {
                **CANARY,
                "steps": [{"weight": 33}, {"weight": 50, "good_intervals": 4}],
                "analysis": {"interval_seconds": 600},
            },
            {},
            "rollout.analysis.deadline_seconds: at 1800 s every version is taken back, and 4 good "
            "intervals of 600 s take 2400 s at least; write more than 2400, or ask for fewer or "
            "shorter intervals",
        ),
        (
            {**BLUE_GREEN, "analysis": {"deadline_seconds": 60}},
            {},
            "rollout.analysis.deadline_seconds: at 60 s every version is taken back, and 2 good "
            "intervals of 30 s take 60 s at least; write more than 60, or ask for fewer or "
            "shorter intervals",
        ),
        (
            BLUE_GREEN,
            {"gpus": 2, "placement": ON_L4, "autoscaling": {"min_replicas": 2, "max_replicas": 6}},
            "autoscaling.max_replicas: 6 and the 6 more that a rollout needs are 12 replicas with "
            "gpus: 2, and the 16 GPUs or slices of pool 'l4' at its largest hold 8; lower it to 4, "
            "or raise max_nodes of the pool",
        ),
        (
            {**BLUE_GREEN, "scale_down_delay_seconds": 3600},
            {"gpus": 2, "placement": ON_L4, "autoscaling": {"min_replicas": 2, "max_replicas": 4}},
            "autoscaling.max_replicas: 4 and the 8 more that a rollout within "
            "rollout.scale_down_delay_seconds, 3600, of another needs are 12 replicas with gpus: "
            "2, and the 16 GPUs or slices of pool 'l4' at its largest hold 8; lower "
            "it to 2, lower rollout.scale_down_delay_seconds to 60, or raise max_nodes of the pool",
        ),
    ],
)
def test_refused_with_path_reason_and_fix(
    rollout: dict[str, Any], changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ArgumentsError) as refused:
        model_service(**{"rollout": dict(rollout), "monitoring": True, **changes})
    assert refused.value.problems == (complaint,)
