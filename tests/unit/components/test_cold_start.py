"""Cold-start budgets: the sum and its sources, what is refused, and what is picked."""

from __future__ import annotations

import datetime
from typing import Any, cast

import pytest
from stanchion import (
    ArgumentsError,
    LlmService,
    LlmServiceArgs,
    ModelService,
    ModelServiceArgs,
)
from stanchion.catalog.machines import load
from stanchion.serving.arguments import checked, cold_start_of
from stanchion.serving.llm_checks import checked as llm_checked
from unit.components.programs import model_service
from unit.components.test_gpu_pool import pool
from unit.components.test_llm_service import ARGUMENTS as LLM
from unit.components.test_llm_service import IN_GCS, L4, llm
from unit.components.test_model_service import ON_CPUS, ON_L4
from unit.components.world import DIGEST, IMAGE, deploy

MODEL: dict[str, Any] = {
    "namespace": "demo",
    "tenant": "demo",
    "owner": "demo-team",
    "cost_center": "demo",
    "image": f"{IMAGE}/model-server:v1",
    "model": {"name": "wine", "version": "3", "digest": DIGEST},
    "registry": {"url": "http://mlflow", "namespace": "mlflow", "username": "u", "password": "p"},
    "autoscaling": {"min_replicas": 1, "max_replicas": 4},
}
STREAMED = "europe-west4-docker.pkg.dev/project/images/model-server:v1"
MEASURED = {"node_seconds": 200, "image_seconds": 5, "model_seconds": 7, "warm_up_seconds": 3}


def seconds(**changes: Any) -> dict[str, int]:
    """The parts of a model's cold start."""
    args = checked("wine", {**MODEL, **changes})  # type: ignore[typeddict-item]
    return {part.name: part.seconds for part in cold_start_of(args).parts}


def refusal(**changes: Any) -> str:
    with pytest.raises(ArgumentsError) as error:
        checked("wine", {**MODEL, **changes})  # type: ignore[typeddict-item]
    (problem,) = error.value.problems
    return problem


def llm_refusal(**changes: Any) -> str:
    with pytest.raises(ArgumentsError) as error:
        llm_checked("chat", {**LLM, **changes})  # type: ignore[typeddict-item]
    (problem,) = error.value.problems
    return problem


def test_every_figure_of_the_catalogue_has_a_source_and_a_date() -> None:
    def figures(block: dict[str, Any]) -> list[dict[str, Any]]:
        if "source" in block:
            return [block]
        return [found for part in block.values() for found in figures(part)]

    found = figures(load("cold_starts.yaml"))
    assert len(found) == 12
    for figure in found:
        assert isinstance(figure["date"], datetime.date)
        (value,) = (figure[key] for key in figure.keys() - {"source", "date"})
        assert value > 0


def test_a_service_of_no_pool_waits_for_no_node() -> None:
    assert seconds() == {"node": 0, "image": 10, "model and warm-up": 120}
    assert seconds(load_seconds=60)["model and warm-up"] == 60


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ({"cloud": "aws"}, 360),
        ({"cloud": "gcp"}, 540),
        ({}, 540),
        ({"cloud": "gcp", "min_nodes": 1}, 0),
    ],
)
def test_a_node_of_gpus_takes_what_is_reported_of_its_cloud_unless_one_is_kept(
    place: dict[str, Any], expected: int
) -> None:
    assert seconds(placement={**ON_L4, **place}, gpus=1)["node"] == expected


def test_nodes_are_kept_for_a_start_only_where_they_hold_all_replicas() -> None:
    place = {**ON_L4, "cloud": "gcp", "min_nodes": 1}
    assert seconds(placement=place, gpus=1)["node"] == 0
    assert seconds(placement=place, gpus=2)["node"] == 540
    assert seconds(placement={**place, "min_nodes": 2}, gpus=2)["node"] == 0


def test_a_node_of_cpus_is_there_sooner() -> None:
    assert seconds(placement={**ON_CPUS, "cloud": "aws"})["node"] == 100
    assert seconds(placement={**ON_CPUS, "cloud": "gcp"})["node"] == 150
    assert seconds(placement={**ON_CPUS, "cloud": "gcp", "min_nodes": 1})["node"] == 0


def test_an_image_is_streamed_from_artifact_registry_alone() -> None:
    place = {**ON_CPUS, "image_streaming": True}
    assert seconds(placement=place, image=STREAMED)["image"] == 0
    assert seconds(placement=place)["image"] == 10
    assert seconds(placement=ON_CPUS, image=STREAMED)["image"] == 10


def test_what_was_measured_takes_the_place_of_each_default() -> None:
    budget = {"budget_seconds": 1000}
    place = {"placement": {**ON_L4, "cloud": "aws"}, "gpus": 1}
    assert seconds(**place, cold_start={**budget, **MEASURED}) == {
        "node": 200, "image": 5, "model": 7, "warm-up": 3,
    }  # fmt: skip
    assert seconds(cold_start={**budget, "model_seconds": 50}) == {
        "node": 0, "image": 10, "model": 50, "warm-up": 70,
    }  # fmt: skip
    assert seconds(cold_start={**budget, "warm_up_seconds": 120})["model"] == 0


def test_a_measured_node_is_not_waited_for_where_one_is_kept() -> None:
    place = {"placement": {**ON_L4, "min_nodes": 1}, "gpus": 1}
    assert seconds(**place, cold_start={"budget_seconds": 500, **MEASURED})["node"] == 0


def test_a_budget_below_the_sum_is_refused_with_its_parts_and_with_what_would_do() -> None:
    place = {"placement": {**ON_L4, "cloud": "gcp"}, "gpus": 1}
    assert refusal(**place, cold_start={"budget_seconds": 300}) == (
        "cold_start.budget_seconds: 300 is less than "
        "node 540 (codalab/codalab-worksheets, 2022-03-06) + "
        "image 10 (0.54 GB, serving-images/model-server, 2026-11-22, at 55 MB/s, "
        "kaito-project/kaito, 2026-09-07) + "
        "model and warm-up 120 (at most load_seconds) = 670 s; "
        "write min_nodes 1 of pool 'l4' (130 s), or autoscaling.min_replicas 4, so that demand "
        "starts none, or under cold_start what you measured"
    )
    assert sum(seconds(**place, cold_start={"budget_seconds": 670}).values()) == 670


def test_changes_that_only_together_keep_the_budget_are_told_together() -> None:
    place = {"placement": {**ON_L4, "cloud": "gcp"}, "gpus": 1}
    told = refusal(**place, cold_start={"budget_seconds": 120})
    assert "write min_nodes 1 of pool 'l4' and cold_start.image_seconds 0 with the image" in told
    assert "beforehand (120 s), or" in told
    assert "; write autoscaling.min_replicas 4," in refusal(cold_start={"budget_seconds": 60})


def test_karpenters_pools_are_not_told_to_keep_nodes() -> None:
    place = {"placement": {**ON_L4, "cloud": "aws"}, "gpus": 1}
    assert "min_nodes" not in refusal(**place, cold_start={"budget_seconds": 300})


def test_where_demand_starts_no_replica_every_budget_is_kept() -> None:
    fixed = {"min_replicas": 4, "max_replicas": 4}
    assert seconds(autoscaling=fixed, cold_start={"budget_seconds": 5})["node"] == 0


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"budget_seconds": 7201}, "cold_start.budget_seconds: 7201 is out of range; write 5 to"),
        ({"budget_seconds": 900, "node_seconds": -1}, "cold_start.node_seconds: -1 is out of"),
        (
            {"budget_seconds": 900, "warm_up_seconds": 130},
            "cold_start.warm_up_seconds: 130 is more than load_seconds, 120,",
        ),
        ({"budget_second": 900}, "cold_start.budget_second: is no argument; write budget_seconds"),
    ],
)
def test_a_declaration_out_of_bounds_is_refused(declared: dict[str, int], told: str) -> None:
    with pytest.raises(ArgumentsError) as error:
        checked("wine", {**MODEL, "cold_start": declared})  # type: ignore[typeddict-item]
    assert error.value.problems[0].startswith(told)


@pytest.mark.parametrize("rollout", [None, {"strategy": "canary"}])
def test_the_workload_states_its_budget_for_the_policy(rollout: dict[str, Any] | None) -> None:
    changes: dict[str, Any] = {"rollout": rollout, "monitoring": True} if rollout else {}
    world = model_service(cold_start={"budget_seconds": 900}, **changes)
    workload = world.object("Rollout" if rollout else "Deployment")
    assert workload["metadata"]["annotations"]["stanchion.dev/cold-start-seconds"] == "900"
    assert "annotations" not in model_service().object("Deployment")["metadata"]


def test_a_language_models_weights_are_counted_by_their_bytes_and_their_way() -> None:
    assert llm_refusal(cold_start={"budget_seconds": 600}) == (
        "cold_start.budget_seconds: 600 is less than "
        "node 540 (codalab/codalab-worksheets, 2022-03-06) + "
        "image 219 (12 GB, vllm-project/vllm, 2025-10-18, at 55 MB/s, kaito-project/kaito, "
        "2026-09-07) + "
        "weights 96 (16.4 GB, hub 263 MB/s then disk 486 MB/s, tensorfuse.io, 2025-09-01) + "
        "warm-up 290 (kaito-project/kaito, 2026-09-07) = 1145 s; "
        "write autoscaling.min_replicas 4, so that demand starts none, or under cold_start what "
        "you measured"
    )


def test_a_faster_cache_is_offered_where_it_keeps_the_budget() -> None:
    near = {"placement": {**L4, "cloud": "gcp", "min_nodes": 1}}
    assert "write storage.cache volume (554 s), or" in llm_refusal(
        **near, cold_start={"budget_seconds": 560, "image_seconds": 219}
    )


@pytest.mark.parametrize(
    ("storage", "changes", "picked"),
    [
        ({}, {}, "nodeNvme"),
        ({"claim": "weights", "offline": True}, {}, "volume"),
        ({"claim": "weights"}, {"placement": {**L4, "nvme_cache": False}}, "volume"),
        ({}, {"model": IN_GCS["model"]}, "bucketMount"),
    ],
)
def test_the_cache_from_which_weights_are_there_soonest_is_picked(
    storage: dict[str, Any], changes: dict[str, Any], picked: str
) -> None:
    args = llm_checked("chat", {**LLM, **changes, "storage": storage})  # type: ignore[typeddict-item]
    assert args["storage"]["cache"] == picked


def test_a_pick_is_refused_where_there_is_no_cache_to_pick() -> None:
    told = llm_refusal(storage={}, placement={**L4, "nvme_cache": False})
    assert told.startswith("storage.cache: is nodeNvme, and nodes of pool 'l4'")


def test_a_language_models_workload_states_its_budget_for_the_policy() -> None:
    world = llm(storage={}, cold_start={"budget_seconds": 1200})
    annotations = world.object("Deployment")["metadata"]["annotations"]
    assert annotations == {"stanchion.dev/cold-start-seconds": "1200"}


def test_services_tell_their_pick_and_their_sum() -> None:
    def outputs() -> dict[str, Any]:
        model = ModelService("wine", cast("ModelServiceArgs", MODEL))
        language = LlmService("chat", cast("LlmServiceArgs", {**LLM, "storage": {}}))
        return {
            "model": (model.cold_start, model.cold_start_seconds),
            "llm": (language.weights_cache, language.cold_start_seconds),
        }

    told = deploy(outputs).exports
    assert told["model"][0].endswith("at most load_seconds) = 130 s")
    assert (told["model"][1], *told["llm"]) == (130, "nodeNvme", 1145)


def test_a_pool_tells_what_a_cold_start_depends_on() -> None:
    aws, gcp = (pool(cloud, capacity=["on_demand"]).exports for cloud in ("aws", "gcp"))
    assert (aws["cloud"], aws["image_streaming"]) == ("aws", False)
    assert (gcp["cloud"], gcp["image_streaming"]) == ("gcp", True)
    assert pool("gcp", min_nodes=2, capacity=["on_demand"]).exports["min_nodes"] == 2


@pytest.mark.parametrize("node", [540, 5000])
def test_a_rollout_waits_longer_than_a_cold_start_takes(node: int) -> None:
    changes: dict[str, Any] = {
        "placement": {**L4, "cloud": "gcp"},
        "cold_start": {"budget_seconds": 7200, "node_seconds": node},
    }
    for world, rest in ((model_service(gpus=1, **changes), 130), (llm(**changes), 605)):
        assert world.object("Deployment")["spec"]["progressDeadlineSeconds"] > node + rest
