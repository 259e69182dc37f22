"""`JobQueues`: every tenant its part, nobody more than there is, and nothing left unused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest
import stanchion
from stanchion import ArgumentsError, labels
from stanchion.quantities import amount, whole_gib
from unit.components.programs import OWNED
from unit.components.test_model_service import ON_CPUS, ON_L4
from unit.components.world import World, deploy

CPUS: dict[str, Any] = {**ON_CPUS, "max_cpu": 80, "max_memory": 300}
L4: dict[str, Any] = {**ON_L4, "max_cpu": 64, "max_memory": 256}
SPOT: dict[str, Any] = {
    **L4,
    "pool": "h100",
    "node_selector": {"stanchion.dev/pool": "h100", "cloud.google.com/compute-class": "h100"},
    "max_devices": 8,
    "max_cpu": 160,
    "max_memory": 1600,
}


def team(name: str, **changes: Any) -> dict[str, Any]:
    """A tenant that may have 8 GPUs."""
    quota = {"cpu": "40", "memory": "200Gi", "gpus": 8}
    return {"tenant": name, "namespace": name, **OWNED, "quota": quota, **changes}


def queues(*tenants: Mapping[str, Any], **changes: Any) -> World:
    """The queues of an environment called dev with three pools."""
    args = {
        "environment": "dev",
        **OWNED,
        "pools": [L4, CPUS, SPOT],
        "tenants": [*tenants],
        **changes,
    }

    def program() -> Any:
        made = stanchion.JobQueues("queues", cast("stanchion.JobQueuesArgs", args))
        return {"queue": made.queue_name, "cohort": made.cohort}

    return deploy(program)


def amounts(item: Mapping[str, Any], field: str = "nominalQuota") -> dict[tuple[str, str], int]:
    """What an object says of each pool and resource."""
    (group,) = item["spec"]["resourceGroups"]
    return {
        (flavor["name"], each["name"]): int(
            amount(each[field]) / (2**30 if "mem" in each["name"] else 1)
        )
        for flavor in group["flavors"]
        for each in flavor["resources"]
        if field in each
    }


GPU = "nvidia.com/gpu"


def test_a_tenant_has_its_quota_on_every_pool_that_has_it() -> None:
    found = amounts(queues(team("a")).object("ClusterQueue", "a"))
    assert {pool: found[pool, GPU] for pool in ("cpu", "l4", "h100")} == {
        "cpu": 0,
        "l4": 8,
        "h100": 8,
    }
    assert (found["cpu", "cpu"], found["cpu", "memory"]) == (40, 200)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
def test_guarantees_and_what_is_nobodys_make_up_every_pool_and_no_more(count: int) -> None:
    world = queues(*(team(f"t{at}") for at in range(count)))
    sums = amounts(world.object("Cohort"))
    for at in range(count):
        for key, size in amounts(world.object("ClusterQueue", f"t{at}")).items():
            sums[key] += size
    for pool in (CPUS, L4, SPOT):
        assert sums[pool["pool"], GPU] == pool["max_devices"]
        assert sums[pool["pool"], "cpu"] == pool["max_cpu"]
        assert sums[pool["pool"], "memory"] == pool["max_memory"]


def test_a_pool_too_small_for_all_is_shared_by_their_quotas() -> None:
    small = {"cpu": "40", "memory": "200Gi", "gpus": 4}
    world = queues(team("a"), team("b", quota=small), team("c", quota=small))
    found = [amounts(world.object("ClusterQueue", name))["h100", GPU] for name in "abc"]
    assert found == [4, 2, 2]


def test_nothing_admits_more_of_a_pool_than_the_namespace_may_ask_for() -> None:
    world = queues(team("a"), team("b"), team("c"))
    queue = world.object("ClusterQueue", "a")
    nominal, more = amounts(queue), amounts(queue, "borrowingLimit")
    for pool in (CPUS, L4, SPOT):
        at = pool["pool"]
        assert nominal[at, GPU] + more[at, GPU] == min(8, pool["max_devices"])
        assert nominal[at, "cpu"] + more[at, "cpu"] == 40
        assert nominal[at, "memory"] + more[at, "memory"] == 200


def test_who_has_no_gpus_has_no_flavour_of_gpu_pools() -> None:
    world = queues(team("a", quota={"cpu": "8"}))
    (group,) = world.object("ClusterQueue", "a")["spec"]["resourceGroups"]
    assert [flavor["name"] for flavor in group["flavors"]] == ["cpu"]
    assert group["coveredResources"] == ["cpu", "memory"]


def test_pools_of_cpus_are_tried_first_so_that_gpu_nodes_are_for_those_that_name_them() -> None:
    (group,) = queues(team("a")).object("ClusterQueue", "a")["spec"]["resourceGroups"]
    assert [flavor["name"] for flavor in group["flavors"]] == ["cpu", "l4", "h100"]
    assert group["coveredResources"] == ["cpu", "memory", GPU]
    for flavor in group["flavors"]:
        assert [each["name"] for each in flavor["resources"]] == group["coveredResources"]


@pytest.mark.parametrize("pool", [L4, CPUS, SPOT])
def test_a_flavour_is_the_pool_as_workloads_know_it(pool: dict[str, Any]) -> None:
    spec = queues(team("a")).object("ResourceFlavor", pool["pool"])["spec"]
    assert spec["nodeLabels"] == pool["node_selector"]
    tainted = [{**each, "operator": "Equal"} for each in spec.get("nodeTaints", [])]
    assert tainted == pool["tolerations"]
    assert "tolerations" not in spec, "Kueue would then put anything there"


def test_a_queue_is_its_tenants_alone() -> None:
    world = queues(team("a"), team("b"))
    selector = world.object("ClusterQueue", "a")["spec"]["namespaceSelector"]
    assert selector == {"matchLabels": {"kubernetes.io/metadata.name": "a"}}
    locals_ = [o for (kind, _), o in world.objects.items() if kind == "LocalQueue"]
    assert all(each["spec"]["clusterQueue"] == each["metadata"]["namespace"] for each in locals_)
    assert world.object("ClusterQueue", "b")["metadata"]["labels"][labels.TENANT] == "b"


def test_a_tenant_gets_its_part_back_and_no_job_stops_one_of_its_own_rank() -> None:
    spec = queues(team("a", weight=2.5)).object("ClusterQueue", "a")["spec"]
    assert spec["preemption"] == {
        "withinClusterQueue": "LowerPriority",
        "reclaimWithinCohort": "Any",
    }
    assert "borrowWithinCohort" not in spec["preemption"], "Kueue has it without fair sharing only"
    assert spec["fairSharing"] == {"weight": "2500m"}
    assert spec["cohortName"] == "dev"


def test_who_neither_borrows_nor_lends_is_alone() -> None:
    queue = queues(team("a", borrows=False, lends=False)).object("ClusterQueue", "a")
    assert set(amounts(queue, "borrowingLimit").values()) == {0}
    assert set(amounts(queue, "lendingLimit").values()) == {0}
    assert not amounts(queues(team("a")).object("ClusterQueue", "a"), "lendingLimit")


def test_who_waits_for_an_answer_is_before_files_and_files_before_training() -> None:
    world = queues(team("a"))
    order = [
        world.object("WorkloadPriorityClass", name)["value"]
        for name in ("training", "batch", "online")
    ]
    assert order == sorted(order)
    assert len(set(order)) == 3


def test_what_is_told_stands_and_the_others_share_the_rest() -> None:
    told = [{"pool": "h100", "gpus": 6}]
    world = queues(team("a", guaranteed=told), team("b"), team("c"))
    found = [amounts(world.object("ClusterQueue", name)) for name in "abc"]
    assert [each["h100", GPU] for each in found] == [6, 1, 1]
    assert found[0]["l4", GPU] == 0
    assert found[0]["h100", "cpu"] == 40, "cores go with the GPUs, up to the quota"


def test_a_queue_is_usable_only_with_all_it_stands_on() -> None:
    world = queues(team("a"))
    local = world.registered("LocalQueue", "jobs")
    for kind, name in (
        ("ClusterQueue", "a"),
        ("Cohort", "dev"),
        ("ResourceFlavor", "l4"),
    ):
        assert world.waits_for(local, world.registered(kind, name))
    assert world.exports == {"queue": "jobs", "cohort": "dev"}


@pytest.mark.parametrize(
    ("tenants", "changes", "says"),
    [
        (
            [
                team("a", guaranteed=[{"pool": "h100", "gpus": 5, "cpu": 1, "memory": 1}]),
                team("b", guaranteed=[{"pool": "h100", "gpus": 4, "cpu": 1, "memory": 1}]),
            ],
            {},
            "9 GPUs or slices of pool 'h100' are guaranteed in all, and it has 8 at its largest",
        ),
        (
            [team("a", guaranteed=[{"pool": "l4", "gpus": 9}])],
            {},
            r"tenants\[0\].guaranteed\[0\].gpus: 9 is more than 8, the quota of tenant 'a'",
        ),
        ([team("a", guaranteed=[{"pool": "a100"}])], {}, "'a100' is none of pools"),
        ([team("a", guaranteed=[{"pool": "cpu", "gpus": 1}])], {}, "pool 'cpu' has none"),
        ([team("a", weight=0)], {}, "weight: 0.0 is out of range"),
        ([team("a"), team("a")], {}, "'a' is there twice"),
        ([team("a")], {"pools": []}, "pools: 0 is out of range"),
        ([team("a")], {"pools": [ON_L4]}, r"pools\[0\].max_cpu: is missing"),
        ([team("a")], {"within": "any"}, "within: is any"),
        ([team("a", quota={"cpu": "many"})], {}, "'many' is no amount"),
    ],
)
def test_what_no_pool_can_keep_is_refused_with_the_numbers(
    tenants: list[dict[str, Any]], changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(ArgumentsError, match=says):
        queues(*tenants, **changes)


def test_amounts_are_numbers_and_what_is_none_is_told() -> None:
    assert [str(amount(each)) for each in ("500m", "2", "1.5k")] == ["0.500", "2", "1500.0"]
    assert (whole_gib("1536Mi"), whole_gib("2Ti")) == (1, 2048)
    for none in ("", "Gi", "4Q", "4 Gi"):
        with pytest.raises(ValueError, match="is no amount"):
            amount(none)
