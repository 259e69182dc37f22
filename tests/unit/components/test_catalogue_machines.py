"""The catalogue of machines, prices and quotas is consistent, and true to the clouds' own lists."""

from __future__ import annotations

import json
import re
from datetime import date
from importlib.resources import files
from typing import Any

import botocore.session
import pytest
from stanchion.catalog.machines import CatalogueError, Machine, catalogue, load, machine, resolve
from stanchion.catalog.pools import CapacityKind, Pool, cost, quota_needed
from stanchion.catalog.prices import fixed_price, machine_prices

AWS = catalogue().machines["aws"]
GCP = catalogue().machines["gcp"]
EVERY = [*AWS.values(), *GCP.values()]


@pytest.fixture(scope="module")
def instance_types() -> set[str]:
    model = botocore.session.get_session().get_service_model("ec2")
    return set(model.shape_for("InstanceType").enum)


@pytest.fixture(scope="module")
def quota_metrics() -> set[str]:
    documents = files("googleapiclient") / "discovery_cache" / "documents"
    compute = json.loads((documents / "compute.v1.json").read_text(encoding="utf-8"))
    return set(compute["schemas"]["Quota"]["properties"]["metric"]["enum"])


def test_every_aws_machine_is_an_instance_type_of_ec2(instance_types: set[str]) -> None:
    assert set(AWS) <= instance_types


def test_every_quota_metric_of_google_cloud_is_in_its_discovery_document(
    quota_metrics: set[str],
) -> None:
    metrics = {
        entry["code"] for entry in load("quotas.yaml")["gcp"]["quotas"] if "gpu_family" not in entry
    }
    assert metrics
    assert metrics <= quota_metrics


def test_every_aws_quota_code_has_its_form_and_is_there_once() -> None:
    codes = [entry["code"] for entry in load("quotas.yaml")["aws"]["quotas"]]
    assert all(re.fullmatch(r"L-[0-9A-F]{8}", code) for code in codes)
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("name", ["machines.yaml", "prices.yaml", "quotas.yaml"])
def test_every_block_has_a_source_and_a_date(name: str) -> None:
    for block in load(name).values():
        assert block["source"].startswith("https://")
        assert isinstance(block["date"], date)


@pytest.mark.parametrize("each", EVERY, ids=lambda each: each.name)
def test_a_machine_adds_up(each: Machine) -> None:
    assert each.vcpus > 0
    assert each.memory >= each.vcpus
    assert each.gpus in {0, 1, 2, 4, 8}
    assert (each.gpus > 0) == (each.accelerator is not None)
    assert each.efa == 0 or each.cloud == "aws"


def test_only_families_of_nvidia_with_mig_have_profiles_and_none_exceeds_the_gpu() -> None:
    known = catalogue().accelerators
    with_mig = {name for name, each in known.items() if each.mig}
    assert with_mig == {name for name in known if re.match(r"nvidia-(a100|h100|h200|b200)", name)}
    for each in known.values():
        for profile, slices in each.mig.items():
            compute, memory = re.fullmatch(r"(\d)g\.(\d+)gb", profile).groups()  # type: ignore[union-attr]
            assert int(compute) * slices <= 7
            # Profiles are named by rounded memory.
            assert int(memory) * slices <= each.memory * 1.05


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_every_price_is_of_a_machine_and_those_without_one_are_known(cloud: str) -> None:
    prices, machines = machine_prices(cloud), catalogue().machines[cloud]
    assert set(prices) <= set(machines)
    assert all(price.hourly > 0 for price in prices.values())
    without = {machine.family for name, machine in machines.items() if name not in prices}
    assert without <= {"a3-ultragpu", "a4-highgpu"}


def test_every_further_table_of_prices_has_a_source_and_a_date_and_repeats_nothing() -> None:
    for block in load("prices.yaml").values():
        for table in block.get("more", ()):
            assert table["source"].startswith("https://")
            assert isinstance(table["date"], date)
            assert not set(table["hourly"]) & set(block["hourly"])


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_a_larger_machine_of_a_family_costs_more(cloud: str) -> None:
    prices, machines = machine_prices(cloud), catalogue().machines[cloud]
    for one in prices:
        for other in prices:
            a, b = machines[one], machines[other]
            if a.family == b.family and a.gpus <= b.gpus and a.vcpus < b.vcpus:
                assert prices[one].hourly < prices[other].hourly, (one, other)


def test_every_accelerator_of_google_cloud_has_its_name_there() -> None:
    carried = {each.accelerator for each in GCP.values() if each.accelerator}
    assert carried == set(catalogue().accelerator_types)


def test_an_accelerator_resolves_to_the_fewest_gpus_smallest_machine_first() -> None:
    names = [each.name for each in resolve("aws", "nvidia-l4")]
    assert names == ["g6.xlarge", "g6.2xlarge", "g6.4xlarge", "g6.8xlarge", "g6.16xlarge"]
    assert [each.name for each in resolve("gcp", "nvidia-h100-80gb", 8)] == ["a3-highgpu-8g"]


@pytest.mark.parametrize(
    ("cloud", "name", "count", "told"),
    [
        ("aws", "nvidia-l40", None, "'nvidia-l40' is no accelerator; write one of nvidia-l40s"),
        ("gcp", "nvidia-l40s", None, "gcp has no nvidia-l40s; nearest to its 48 GiB there: "),
        ("gcp", "nvidia-t4", None, "nvidia-l4 (24 GiB)"),
        ("aws", "nvidia-l4", 2, "aws has no machine with 2 nvidia-l4; write one of 1, 4, 8"),
    ],
)
def test_what_a_cloud_has_not_is_refused_with_what_it_has(
    cloud: str, name: str, count: int | None, told: str
) -> None:
    with pytest.raises(CatalogueError) as error:
        resolve(cloud, name, count)
    assert told in str(error.value)


def test_an_unknown_machine_is_refused_with_the_nearest() -> None:
    with pytest.raises(CatalogueError, match=r"g2-standard-6'.*g2-standard-"):
        machine("gcp", "g2-standard-6")


def pool(**changed: Any) -> Pool:
    settings: dict[str, Any] = {
        "name": "l4",
        "cloud": "aws",
        "machines": resolve("aws", "nvidia-l4")[:2],
        "capacity": (CapacityKind.SPOT, CapacityKind.ON_DEMAND),
        "min_nodes": 1,
        "max_nodes": 10,
    }
    return Pool(**{**settings, **changed})


def test_the_floor_is_the_cheapest_way_and_the_ceiling_the_dearest() -> None:
    estimate = cost(pool())
    assert estimate is not None
    assert estimate.floor_hourly == pytest.approx(0.8048 * 0.5)
    assert estimate.ceiling_hourly == pytest.approx(0.9776 * 10)
    assert estimate.ceiling_monthly == pytest.approx(0.9776 * 10 * 730)


def test_on_google_cloud_the_ceiling_has_every_kind_at_its_maximum() -> None:
    on_gcp = pool(cloud="gcp", machines=resolve("gcp", "nvidia-l4")[:1])
    estimate = cost(on_gcp)
    assert estimate is not None
    assert estimate.ceiling_hourly == pytest.approx(0.76 * 1.5 * 10)


def test_a_machine_without_a_price_has_no_estimate() -> None:
    assert cost(pool(cloud="gcp", machines=resolve("gcp", "nvidia-b200"))) is None


def test_quotas_are_counted_by_market_and_family() -> None:
    block = pool(
        name="block",
        machines=resolve("aws", "nvidia-h100-80gb", 8),
        capacity=(CapacityKind.CAPACITY_BLOCK,),
    )
    cpu = pool(
        name="cpu", machines=(machine("aws", "m7i.xlarge"),), capacity=(CapacityKind.ON_DEMAND,)
    )
    other = pool(name="other", max_nodes=1)
    needs = {need.code: need for need in quota_needed([pool(), block, cpu, other])}
    assert {code: (need.amount, need.unit) for code, need in needs.items()} == {
        "L-DB2E81BA": (88, "vCPU"),
        "L-3819A6DF": (88, "vCPU"),
        "L-1216C47A": (40, "vCPU"),
    }
    assert needs["L-DB2E81BA"].pools == ("l4", "other")


@pytest.mark.parametrize(
    ("name", "kind", "code", "amount"),
    [
        ("nvidia-l4", CapacityKind.SPOT, "PREEMPTIBLE_NVIDIA_L4_GPUS", 10),
        ("nvidia-l4", CapacityKind.QUEUED, "NVIDIA_L4_GPUS", 10),
        ("nvidia-h200-141gb", "on_demand", "GPUS-PER-GPU-FAMILY-per-project-region", 80),
        ("nvidia-b200", CapacityKind.SPOT, None, 80),
    ],
)
def test_google_cloud_counts_gpus(name: str, kind: str, code: str | None, amount: int) -> None:
    (need,) = quota_needed(
        [pool(cloud="gcp", machines=resolve("gcp", name), capacity=(CapacityKind(kind),))]
    )
    assert (need.code, need.amount, need.unit) == (code, amount, "GPU")


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_every_fixed_price_has_a_source_a_date_and_amounts(cloud: str) -> None:
    fixed = load("prices.yaml")[cloud]["fixed"]
    assert {"control_plane", "nat_gateway"} <= set(fixed)
    for entry in fixed.values():
        assert entry["what"]
        assert entry["source"].startswith("https://")
        assert isinstance(entry["date"], date)
        amounts = [entry[key] for key in entry if key.startswith(("hourly", "floor"))]
        assert amounts
        assert all(0 < amount < 10 for amount in amounts)


def test_a_fixed_price_that_is_not_from_the_list_itself_says_so() -> None:
    own = re.compile(r"https://(aws\.amazon\.com/blogs|cloud\.google\.com)/")
    for cloud, block in load("prices.yaml").items():
        for item, entry in block["fixed"].items():
            assert bool(entry.get("second_hand")) != bool(own.match(entry["source"])), (cloud, item)


def test_cloud_sql_costs_the_sum_of_its_vcpus_and_memory() -> None:
    price = fixed_price("gcp", "db-custom-4-16384")
    assert price is not None
    assert price.ceiling_hourly == pytest.approx(4 * 0.0413 + 16 * 0.007)
    assert price.floor_hourly == price.ceiling_hourly


def test_a_price_that_grows_with_use_has_a_floor_below_its_ceiling() -> None:
    price = fixed_price("gcp", "nat_gateway")
    assert price is not None
    assert 0 < price.floor_hourly < price.ceiling_hourly


@pytest.mark.parametrize(
    ("cloud", "item"), [("aws", "db.r7g.large"), ("aws", "db-custom-2-8192"), ("gcp", "db-custom")]
)
def test_a_fixed_thing_without_a_price_has_none(cloud: str, item: str) -> None:
    assert fixed_price(cloud, item) is None


def test_on_google_cloud_two_kinds_that_one_quota_counts_need_it_twice() -> None:
    both = (CapacityKind.QUEUED, CapacityKind.ON_DEMAND)
    machines = resolve("gcp", "nvidia-l4")[:1]
    (need,) = quota_needed([pool(cloud="gcp", machines=machines, capacity=both)])
    assert (need.code, need.amount) == ("NVIDIA_L4_GPUS", 20)


def test_a_quota_of_several_families_of_gpus_names_the_family() -> None:
    machines = resolve("gcp", "nvidia-h200-141gb")
    on_demand = (CapacityKind.ON_DEMAND,)
    (need,) = quota_needed([pool(cloud="gcp", machines=machines, capacity=on_demand)])
    assert need.gpu_family == "NVIDIA_H200"
