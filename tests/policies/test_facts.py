"""What the pack knows of machines, prices and metrics is what the catalogue says."""

from __future__ import annotations

import json
from datetime import date
from functools import cache

import pytest
from policies.conftest import PACK, ROOT
from policies.in_process import seen
from policies.own_environment import analyzed
from stanchion.catalog.export import FILES, exported
from stanchion.catalog.machines import catalogue
from stanchion.catalog.prices import fixed_price, hourly_price, spot_discount
from stanchion_cli import preview
from stanchion_cli.estimate import estimate_of
from stanchion_cli.preview import Preview
from stanchion_policies import facts
from stanchion_policies.cost import cost_of

DATA = PACK / "stanchion_policies" / "data"
FIXED = ("control_plane", "nat_gateway", "db.m7g.large", "db-custom-2-8192", "nothing")


@pytest.mark.parametrize("name", FILES)
def test_the_packs_copy_is_the_catalogue(name: str) -> None:
    copy = (DATA / f"{name}.json").read_text()
    assert copy == exported(name), f"run python -m stanchion.catalog.export {DATA}"


def test_the_pack_has_no_other_data() -> None:
    assert {file.stem for file in DATA.iterdir()} == set(FILES)


def test_every_table_of_metrics_says_where_it_is_from_and_when_that_was() -> None:
    tables = json.loads((DATA / "exporters.json").read_text())
    for table in (tables["target"], tables["open"], *tables["exporters"].values()):
        assert table["source"].startswith("https://")
        assert date.fromisoformat(table["date"])


def test_no_exporters_table_has_a_metric_of_another_prefix() -> None:
    for name, table in json.loads((DATA / "exporters.json").read_text())["exporters"].items():
        listed = [*table["metrics"], *table.get("histograms", ()), *table.get("disabled", ())]
        assert listed
        assert {facts.exporter_of(metric) for metric in listed} == {name}


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_machines_and_prices_are_read_as_the_catalogue_reads_them(cloud: str) -> None:
    listed = catalogue().machines[cloud]
    assert set(facts.machines(cloud)) == set(listed)
    for name, read in facts.machines(cloud).items():
        known = listed[name]
        assert (read.gpus, read.vcpus) == (known.gpus, known.vcpus)
        assert read.hourly == hourly_price(cloud, name)
    assert facts.spot_share(cloud) == 1 - spot_discount(cloud)
    for item in FIXED:
        price = fixed_price(cloud, item)
        expected = price and (price.floor_hourly, price.ceiling_hourly)
        assert facts.fixed_hourly(cloud, item) == expected


def test_a_histogram_is_known_by_its_series_and_not_by_its_name() -> None:
    assert facts.metric("vllm:time_to_first_token_seconds") is None
    bucket = facts.metric("vllm:time_to_first_token_seconds_bucket")
    assert bucket is not None
    assert bucket.has("le")


def test_a_disabled_counter_is_told_from_one_that_is_not() -> None:
    off = facts.metric("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL")
    assert off is not None
    assert off.off
    assert facts.metric("DCGM_FI_DEV_NO_SUCH_FIELD") is None
    assert facts.exporter_of("DCGM_FI_DEV_NO_SUCH_FIELD") == "dcgm"


@cache
def planned(environment: str) -> Preview:
    return preview.run(environment, root=ROOT, policies=False)


@pytest.mark.parametrize("environment", ["prod-aws", "prod-gcp"])
def test_cost_told_by_the_pools_is_the_estimate_of_the_preview(environment: str) -> None:
    estimated = estimate_of(planned(environment))
    assert estimated is not None
    resources = [seen(analyzed(each)) for each in planned(environment).resources]
    cost = cost_of(resources, environment.removeprefix("prod-"))
    assert cost.floor == pytest.approx(estimated.total.floor_monthly, abs=0.5)
    assert cost.ceiling == pytest.approx(estimated.total.ceiling_monthly, abs=0.5)
