"""Where an environment's cost goes: by what pods ask for, and nothing is lost or counted twice."""

from __future__ import annotations

from typing import Any

import pytest
from stanchion_cli.costs import Allocation, allocation_of
from stanchion_cli.preview.model import Resource
from stanchion_cli.report import costs as report
from unit.costs.manifests import autoscaler, deployment, pods, scheduled, trigger, workload
from unit.estimate.samples import AWS, GCP, previewed

GENERAL = {
    "name": "general",
    "machines": ["m7i.large"],
    "capacity": ["on_demand"],
    "minNodes": 1,
    "maxNodes": 10,
}
SYSTEM, L4 = AWS["pools"]
PLATFORM = {
    **AWS,
    "pools": [{**SYSTEM, "forWorkloads": False}, GENERAL, {**L4, "devicesPerNode": 1}],
}
NODE = 0.1008
"""$ an hour of an m7i.large: 2 CPUs and 8 GiB."""


def allocated(*resources: Resource, block: dict[str, Any] = PLATFORM) -> Allocation:
    found = allocation_of([previewed(block, *resources)])
    assert found is not None
    return found


def hourly(*resources: Resource, block: dict[str, Any] = PLATFORM) -> tuple[float, float]:
    (share,) = allocated(*resources, block=block).shares
    assert share.cost is not None, share.unknown
    return share.cost.floor_hourly, share.cost.ceiling_hourly


def rest(found: Allocation, pool: str) -> tuple[float, float]:
    (left,) = [each for each in found.rests if each.pool == pool]
    assert left.cost is not None
    return left.cost.floor_hourly, left.cost.ceiling_hourly


def test_a_pod_pays_for_the_larger_of_its_shares_of_cpu_and_memory() -> None:
    assert hourly(deployment("web", cpu="500m", memory="1Gi")) == pytest.approx((NODE / 4,) * 2)
    assert hourly(deployment("web", cpu="500m", memory="6Gi")) == pytest.approx((NODE * 0.75,) * 2)


def test_replicas_count_from_the_autoscalers_fewest_to_its_most() -> None:
    found = hourly(deployment("web", 9, cpu="1", memory="1Gi"), autoscaler("web", 2, 6))
    assert found == pytest.approx((NODE, 3 * NODE))


def test_a_gpu_is_paid_for_whole_on_the_cheapest_to_the_dearest_machine_that_is_large_enough() -> (
    None
):
    low, high = hourly(deployment("llm", gpus=1, cpu="1", memory="4Gi", pool="l4"))
    assert (low, high) == pytest.approx((0.8048 * 0.5, 0.9776))
    larger, _ = hourly(deployment("llm", gpus=1, cpu="6", memory="4Gi", pool="l4"))
    assert larger == pytest.approx(0.9776 * 0.5), "g6.xlarge has 4 CPUs"


def test_a_slice_of_a_gpu_is_a_part_of_the_node() -> None:
    sliced = {**PLATFORM, "pools": [GENERAL, {**L4, "machines": ["g6.xlarge"],
                                             "devicesPerNode": 4}]}  # fmt: skip
    low, _ = hourly(deployment("llm", gpus=1, cpu="100m", memory="1Gi", pool="l4"), block=sliced)
    assert low == pytest.approx(0.8048 * 0.5 / 4)


def test_a_job_costs_nothing_at_least_and_each_run_to_its_deadline_at_most() -> None:
    low, high = hourly(scheduled("nightly", "0 2 * * *", hours=2, cpu="2", memory="1Gi"))
    assert low == 0
    assert high == pytest.approx(NODE * 2 * 30.458 / 730, rel=1e-3)


def test_a_job_without_a_deadline_may_run_all_the_time() -> None:
    job = workload("Job", "fit", {"parallelism": 3, "template": pods(cpu="2", memory="1Gi")})
    assert hourly(job) == pytest.approx((0, 3 * NODE))


def test_all_parts_of_a_job_set_count() -> None:
    template = {"spec": {"parallelism": 2, "template": pods(cpu="2", memory="1Gi")}}
    parts = [{"name": "worker", "replicas": 3, "template": template}]
    _, high = hourly(workload("JobSet", "train", {"replicatedJobs": parts}))
    assert high == pytest.approx(6 * NODE)


def test_each_try_of_a_job_set_may_take_all_of_its_deadline() -> None:
    bounded = {"activeDeadlineSeconds": 73 * 3600, "template": pods(cpu="2", memory="1Gi")}
    parts = [{"name": "node", "replicas": 1, "template": {"spec": {**bounded, "parallelism": 2}}}]
    for policy, tries in (({}, 1), ({"failurePolicy": {"maxRestarts": 3}}, 4)):
        _, high = hourly(workload("JobSet", "train", {"replicatedJobs": parts, **policy}))
        assert high == pytest.approx(2 * NODE * tries / 10), "a tenth of the month each try"
    always = {"failurePolicy": {"maxRestarts": 99}}
    _, high = hourly(workload("JobSet", "train", {"replicatedJobs": parts, **always}))
    assert high == pytest.approx(2 * NODE), "no more pods than there are at once"


@pytest.mark.parametrize(
    ("schedule", "waits", "budget", "runs"),
    [
        ("0 0 1 1 *", True, None, 1),
        ("0 0 1 1 *", True, 8, 8 * 730 / 720),
        ("0 2 * * 0", False, 8, 8 * 730 / 720),
        ("0 2 * * 0", False, 3, 105 / 24),
        ("0 2 * * 0", False, None, 105 / 24),
    ],
)
def test_a_training_that_begins_again_by_itself_counts_as_often_as_it_may(
    schedule: str, waits: bool, budget: int | None, runs: float
) -> None:
    training = scheduled("fit", schedule, hours=24, cpu="2", memory="1Gi")
    training.inputs["spec"]["suspend"] = waits
    others = [trigger("fit-again", "other", 99), trigger("fit-there", "fit", 99, namespace="else")]
    if budget is not None:
        others.append(trigger("fit-retraining", "fit", budget))
    found = [s.cost for s in allocated(training, *others).shares if s.workload.name == "fit"]
    assert [cost and cost.ceiling_hourly for cost in found] == [
        pytest.approx(NODE * runs * 24 / 730, rel=1e-3)
    ]


def test_a_container_that_comes_first_counts_where_it_asks_for_more() -> None:
    template = pods(cpu="500m", memory="1Gi")
    template["spec"]["initContainers"] = [{"resources": {"requests": {"cpu": "1500m"}}}]
    first = workload("Deployment", "web", {"replicas": 1, "template": template})
    assert hourly(first) == pytest.approx((NODE * 0.75,) * 2)


def test_what_names_no_pool_goes_where_workloads_without_gpus_may() -> None:
    (share,) = allocated(deployment("web")).shares
    assert share.cheapest is not None
    assert share.dearest is not None
    assert {share.cheapest.pool, share.dearest.pool} == {"general"}


def test_what_is_left_of_a_pool_is_nobodys_and_together_they_are_its_ceiling() -> None:
    found = allocated(deployment("web", 3, cpu="500m", memory="1Gi"))
    assert rest(found, "general") == pytest.approx((NODE / 4, 10 * NODE - 3 * NODE / 4))
    assert rest(found, "system") == pytest.approx((3 * NODE, 6 * NODE))
    everything, complete = report.everything(found)
    assert complete
    assert everything.ceiling_hourly == pytest.approx(found.estimate.total.ceiling_hourly)


def test_a_pool_has_as_many_nodes_as_its_workloads_need_at_the_least() -> None:
    found = allocated(deployment("web", 5, cpu="1500m", memory="1Gi"))
    # 3.75 nodes are asked for: four are there.
    assert rest(found, "general")[0] == pytest.approx(NODE / 4)
    full = allocated(deployment("web", 20, cpu="200m", memory="1Gi"))
    assert rest(full, "general")[0] == pytest.approx(0.5 * NODE, abs=1e-6)


def test_a_pool_that_may_be_asked_for_more_than_it_has_is_named() -> None:
    found = allocated(deployment("web", cpu="2", memory="1Gi"), autoscaler("web", 1, 11))
    assert [each.pool for each in found.rests if each.over] == ["general"]
    assert rest(found, "general")[1] == 0
    assert any("pool general: its workloads at their most" in note for note in report.notes(found))


@pytest.mark.parametrize(
    ("resources", "told"),
    [
        (deployment("web", pool="gone"), "no pool is named gone"),
        (deployment("web", cpu="64", memory="1Gi"), "no machine of general is large enough"),
    ],
)
def test_what_has_no_place_has_no_cost_and_says_why(resources: Resource, told: str) -> None:
    found = allocated(resources)
    assert [share.cost for share in found.shares] == [None]
    assert f"demo/web: {told}" in report.notes(found)
    _, complete = report.everything(found)
    assert not complete


def test_a_pool_without_a_price_makes_its_workloads_unknown_and_never_free() -> None:
    found = allocated(deployment("llm", gpus=8, pool="h200"), block=GCP)
    (share,) = found.shares
    assert (share.cost, share.unknown) == (None, "pool h200 has no confirmed price")
    assert report.service_rows(found)[0].missing
    assert report.service_rows(found)[-1].cells[-1].startswith("at least ")


def test_services_and_teams_add_up_to_the_same() -> None:
    found = allocated(
        deployment("web", cpu="500m"),
        workload("Job", "web-fit", {"template": pods()}, service="web"),
        deployment("api", cpu="1", team="team-b"),
    )
    document = report.as_json(found)
    assert [each["service"] for each in document["services"]] == ["api", "web"]
    assert [(each["team"], each["costCenter"]) for each in document["teams"]] == [
        ("team-a", "cc-team-a"), ("team-b", "cc-team-b"),
    ]  # fmt: skip
    for part in ("floorMonthly", "ceilingMonthly"):
        of_services = sum(each[part] for each in document["services"])
        assert of_services == pytest.approx(sum(each[part] for each in document["teams"]))
        others = sum(each[part] for each in (*document["notAllocated"], *document["fixed"]))
        assert document["total"][part] == pytest.approx(of_services + others, abs=0.05)


def test_a_service_is_one_row_with_its_jobs() -> None:
    found = allocated(
        deployment("web"), workload("Job", "web-fit", {"template": pods()}, service="web")
    )
    assert report.service_rows(found)[0].cells[:4] == (
        "demo/web", "team-a", "cc-team-a", "1 x 0.5 CPU, 1 GiB on general; 1 job",
    )  # fmt: skip


def test_an_environment_without_nodes_that_are_paid_for_has_no_costs() -> None:
    assert allocation_of([previewed(None, deployment("web"))]) is None


def test_what_runs_in_further_stacks_of_the_environment_is_on_its_nodes() -> None:
    found = allocation_of(
        [previewed(PLATFORM), previewed(None, deployment("web"), environment="dev-services")]
    )
    assert found is not None
    assert [share.workload.title for share in found.shares] == ["demo/web"]


def test_the_head_and_all_workers_of_a_ray_job_count_in_every_try() -> None:
    cluster = {
        "headGroupSpec": {"template": pods(cpu="1", memory="1Gi")},
        "workerGroupSpecs": [
            {"groupName": "worker", "replicas": 3, "template": pods(cpu="2", memory="1Gi")}
        ],
    }
    bounded = {"activeDeadlineSeconds": 73 * 3600, "backoffLimit": 1, "rayClusterSpec": cluster}
    for spec, part in (({"rayClusterSpec": cluster}, 1.0), (bounded, 0.2)):
        costs = [each.cost for each in allocated(workload("RayJob", "train", spec)).shares]
        ceilings = [cost.ceiling_hourly for cost in costs if cost is not None]
        assert ceilings == pytest.approx([0.5 * NODE * part, 3 * NODE * part]), "a tenth each try"
