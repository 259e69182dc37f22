"""What an environment costs and needs, from what it declares and the catalogue."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from stanchion_cli.errors import StanchionError
from stanchion_cli.estimate import as_json, estimate_of, read_capacity
from stanchion_cli.preview.model import UNKNOWN
from unit.estimate.samples import AWS, GCP, estimated, previewed, resource


def costs(block: dict[str, Any], **changes: Any) -> dict[str, tuple[float, float] | None]:
    return {
        line.name: (line.cost.floor_hourly, line.cost.ceiling_hourly) if line.cost else None
        for line in estimated(block, **changes).lines
    }


def test_the_floor_has_the_fewest_cheapest_nodes_and_the_ceiling_the_most_and_dearest() -> None:
    found = costs(AWS)
    assert found["system"] == pytest.approx((3 * 0.1008, 6 * 0.1008))
    assert found["l4"] == pytest.approx((0.8048 * 0.5, 4 * 0.9776))


def test_what_always_runs_is_in_the_floor_and_in_the_ceiling() -> None:
    found = costs(AWS)
    assert found["control plane"] == pytest.approx((0.1, 0.1))
    assert found["NAT gateways"] == pytest.approx((3 * 0.045, 3 * 0.045))
    assert found["database"] == pytest.approx((2 * 0.168, 2 * 0.168))


def test_the_total_is_the_sum_of_its_lines_over_a_month_of_730_hours() -> None:
    found = estimated(AWS)
    known = [line.cost for line in found.lines if line.cost]
    assert found.total.floor_hourly == pytest.approx(sum(each.floor_hourly for each in known))
    assert found.total.ceiling_monthly == pytest.approx(
        730 * sum(each.ceiling_hourly for each in known)
    )


def test_what_has_no_price_is_named_and_never_counts_as_nothing() -> None:
    found = estimated(GCP)
    (line,) = found.unpriced
    assert (line.name, line.cost) == ("h200", None)
    assert line.unknown == "no confirmed price of a3-ultragpu-8g"
    document = as_json(found)
    assert document["lines"][0]["floorHourly"] is None
    assert document["total"]["complete"] is False


def test_a_machine_or_item_that_nobody_knows_is_said_to_be_unknown() -> None:
    pool = {**AWS["pools"][0], "machines": ["m7i.large", "x9.huge"]}
    found = estimated(AWS, pools=[pool], fixed=[{"name": "db", "item": "db.z9.tiny", "count": 1}])
    assert [line.unknown for line in found.lines] == [
        "x9.huge: not in the catalogue",
        "no confirmed price of db.z9.tiny",
    ]
    assert found.uncounted == ("system",)
    assert found.quotas == ()


def test_quotas_are_summed_over_the_pools_of_the_region() -> None:
    needs = {need.code: (need.amount, need.pools) for need in estimated(AWS).quotas}
    assert needs == {
        "L-1216C47A": (12, ("system",)),
        "L-DB2E81BA": (32, ("l4",)),
        "L-3819A6DF": (32, ("l4",)),
    }


def test_an_environment_that_declares_no_capacity_has_no_estimate() -> None:
    assert estimate_of(previewed(None)) is None
    assert read_capacity({"capacity": None}, environment="local") is None


@pytest.mark.parametrize(
    ("kind", "inputs", "account"),
    [
        ("pulumi:providers:aws", {"allowedAccountIds": '["111111111111"]'}, "111111111111"),
        ("pulumi:providers:aws", {"allowedAccountIds": ["111111111111"]}, "111111111111"),
        ("pulumi:providers:gcp", {"project": "ml-dev"}, "ml-dev"),
        ("pulumi:providers:gcp", {"project": UNKNOWN}, ""),
        ("pulumi:providers:kubernetes", {"project": "no"}, ""),
    ],
)
def test_the_account_is_the_one_that_the_provider_is_bound_to(
    kind: str, inputs: dict[str, Any], account: str
) -> None:
    found = estimate_of(previewed(AWS, resource(kind, "cloud", inputs)))
    assert found is not None
    assert found.account == account


POOL = AWS["pools"][0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cloud": "azure"}, ".cloud of dev: 'azure' has no catalogue; write one of aws, gcp"),
        ({"region": ""}, ".region of dev: is no text"),
        ({"region": UNKNOWN}, "capacity of dev: holds values that are unknown offline"),
        ({"pools": {}}, ".pools of dev: is no list"),
        ({"pools": ["l4"]}, ".pools[0] of dev: is no mapping"),
        ({"pools": [{**POOL, "minNodes": "1"}]}, ".pools[0].minNodes of dev: is no number"),
        ({"pools": [{**POOL, "maxNodes": 2}]}, ".pools[0].maxNodes of dev: 2 is below minNodes, 3"),
        ({"pools": [{**POOL, "capacity": ["cheap"]}]}, ".pools[0].capacity of dev: ['cheap'] are"),
        ({"fixed": [{"name": "x", "item": "y", "count": -1}]}, ".fixed[0].count of dev: is no"),
        ({"budgetMonthlyUsd": True}, ".budgetMonthlyUsd of dev: is no number of at least 0"),
    ],
)
def test_a_malformed_capacity_is_refused_by_its_place(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(StanchionError) as error:
        read_capacity({"capacity": {**AWS, **changes}}, environment="dev")
    assert f"output capacity{told.removeprefix('capacity')}" in str(error.value)


def test_an_estimate_does_not_load_the_components_and_leaves_them_importable() -> None:
    program = (
        "import sys, stanchion_cli.estimate; assert 'stanchion' not in sys.modules;"
        "assert 'pulumi_kubernetes' not in sys.modules;"
        "from stanchion.catalog.pools import Pool;"
        "from stanchion_cli.estimate._catalogue import Pool as same; assert Pool is same;"
        "import stanchion; assert stanchion.Cloud"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
