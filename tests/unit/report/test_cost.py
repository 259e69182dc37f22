"""Cost and quota in every format of the report."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from stanchion_cli.errors import StanchionError
from stanchion_cli.estimate import estimate_of
from stanchion_cli.report import cost
from stanchion_cli.report.form import Format
from stanchion_cli.report.formats import written
from stanchion_cli.report.model import report_on
from unit.estimate.samples import AWS, GCP, estimated, previewed

SHOWING = [form for form in Format if form is not Format.SARIF]
PEOPLE = [Format.TEXT, Format.MARKDOWN, Format.HTML]


def shown(form: Format, block: dict[str, Any] | None, base: dict[str, Any] | None = None) -> str:
    """The report in a format without its escapes; compared where a base is given."""
    compared = {} if base is None else {"base": previewed(base), "base_ref": "main"}
    report = report_on(previewed(block), **compared)  # type: ignore[arg-type]
    text = written(form, [report], [], files={})
    return text.replace("\\", "") if form is Format.MARKDOWN else text


def cells(rows: list[cost.Row]) -> dict[str, tuple[str, ...]]:
    return {row.cells[0]: row.cells[1:] for row in rows}


@pytest.mark.parametrize("form", PEOPLE)
def test_every_pool_the_total_and_their_dated_source_are_shown(form: Format) -> None:
    text = shown(form, AWS)
    for part in ("m7i.large", "g6.xlarge", "NAT gateways", "total", "2026-07-20", "50% off"):
        assert part in text
    assert "not in it: disks" in text


@pytest.mark.parametrize("form", SHOWING)
def test_every_quota_is_shown_with_its_code_and_amount(form: Format) -> None:
    text = shown(form, AWS)
    for need in estimated(AWS).quotas:
        assert str(need.code) in text
        assert str(need.amount) in text


@pytest.mark.parametrize("form", PEOPLE)
def test_what_has_no_price_is_named_and_the_total_is_at_least(form: Format) -> None:
    text = shown(form, GCP)
    assert "unknown" in text
    assert "no confirmed price of a3-ultragpu-8g" in text
    assert "at least" in text


def test_a_price_of_zero_is_written_for_nothing_alone() -> None:
    rows = cells(cost.cost_rows(estimated(GCP)))
    assert rows["h200"][1:] == ("unknown",) * 4
    assert rows["l4"][1] == "0.00"


@pytest.mark.parametrize("form", SHOWING)
def test_an_environment_without_capacity_shows_no_cost(form: Format) -> None:
    text = shown(form, None)
    assert "$/month" not in text.replace("$/month, floor to ceiling", "")
    if form is Format.JSON:
        assert json.loads(text)["environments"][0]["cost"] is None


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (100, "budget: 100 $/month, below the floor by"),
        (1000, "of the ceiling"),
        (90_000, "budget: 90,000 $/month, above the ceiling"),
    ],
)
def test_the_budget_is_held_against_floor_and_ceiling(budget: int, said: str) -> None:
    assert said in "\n".join(cost.cost_notes(estimated(AWS, budgetMonthlyUsd=budget)))


def test_prices_of_another_region_are_said_to_be_that() -> None:
    notes = "\n".join(cost.cost_notes(estimated(AWS, region="eu-west-1")))
    assert "in us-east-1; eu-west-1 differs" in notes
    assert "differs" not in "\n".join(cost.cost_notes(estimated(AWS)))


def test_prices_of_several_dates_are_said_to_be_of_all_of_them() -> None:
    assert "prices of 2025-03-06 to 2026-11-21" in "\n".join(cost.cost_notes(estimated(GCP)))
    cheap = [GCP["pools"][2]]
    assert "prices of 2026-11-21 in" in "\n".join(cost.cost_notes(estimated(GCP, pools=cheap)))


def test_the_spot_discount_is_stated_where_spot_is_used_alone() -> None:
    without = [AWS["pools"][0]]
    assert "spot is taken at 50% off" in "\n".join(cost.cost_notes(estimated(AWS)))
    assert "spot" not in "\n".join(cost.cost_notes(estimated(AWS, pools=without)))


def test_second_hand_prices_are_named() -> None:
    assert "second-hand prices: NAT gateways, database" in cost.cost_notes(estimated(AWS))


def test_a_pool_whose_quota_is_not_counted_is_named() -> None:
    odd = [{**AWS["pools"][0], "machines": ["x9.huge"]}]
    assert "not counted in the quota needed: system" in cost.cost_notes(estimated(AWS, pools=odd))


LARGER = {**AWS, "pools": [AWS["pools"][0], {**AWS["pools"][1], "maxNodes": 8}]}


@pytest.mark.parametrize("form", PEOPLE)
def test_a_comparison_shows_what_each_line_and_the_total_change_by(form: Format) -> None:
    text = shown(form, LARGER, base=AWS)
    change = 4 * 0.9776 * 730
    assert "main" in text
    assert f"(+{change:,.0f})" in text


def test_the_first_line_of_a_comment_says_what_it_was_and_is() -> None:
    was, now = estimated(AWS).total, estimated(LARGER).total
    said = (
        f"{was.floor_monthly:,.0f} to {now.ceiling_monthly:,.0f} (was {was.floor_monthly:,.0f} to"
    )
    assert said in shown(Format.MARKDOWN, LARGER, base=AWS)
    assert "(was" not in shown(Format.MARKDOWN, AWS, base=AWS)


def test_a_comparison_lists_what_differs_and_leaves_out_the_rest() -> None:
    rows = cells(cost.change_rows(estimated(AWS), estimated(LARGER)))
    assert set(rows) == {"l4", "total"}
    assert "→" not in rows["l4"][0]
    assert cost.change_rows(estimated(AWS), estimated(AWS)) == []


def test_what_is_new_starts_at_nothing_and_what_goes_ends_there() -> None:
    fewer = {**AWS, "fixed": AWS["fixed"][:2]}
    gone = cells(cost.change_rows(estimated(AWS), estimated(fewer)))["database"]
    new = cells(cost.change_rows(estimated(fewer), estimated(AWS)))["database"]
    assert gone[0] == "245 → 0 (-245)"
    assert new[0] == "0 → 245 (+245)"
    everything = cells(cost.change_rows(None, estimated(AWS)))["total"]
    assert everything[0].startswith("0 → ")


def test_a_price_that_becomes_unknown_is_no_change_to_zero() -> None:
    odd = {**AWS, "pools": [{**AWS["pools"][0], "machines": ["x9.huge"]}, AWS["pools"][1]]}
    row = cells(cost.change_rows(estimated(AWS), estimated(odd)))["system"]
    assert row == ("221 → unknown", "442 → unknown")


def test_tools_get_both_estimates() -> None:
    (one,) = json.loads(shown(Format.JSON, LARGER, base=AWS))["environments"]
    difference = one["cost"]["total"]["ceilingHourly"] - one["costBase"]["total"]["ceilingHourly"]
    assert difference == pytest.approx(4 * 0.9776)


def test_a_base_whose_capacity_has_another_form_has_no_cost() -> None:
    report = report_on(previewed(AWS), base=previewed({"cloud": "old"}), base_ref="main")
    assert report.base_estimate is None
    assert report.estimate == estimate_of(previewed(AWS))


def test_a_malformed_capacity_is_no_report_without_cost() -> None:
    with pytest.raises(StanchionError, match="output capacity"):
        report_on(previewed({"cloud": "aws"}))


@pytest.mark.parametrize(
    ("form", "name", "never"),
    [
        (Format.TEXT, "\x1b[2Jpool", r"\x1b"),
        (Format.MARKDOWN, "<script>|[x](y)", r"(?<!\\)(<script|\|\[|\]\()"),
        (Format.HTML, "<script>alert(1)</script>", r"<script"),
    ],
)
def test_names_of_pools_cannot_break_out_of_the_report(form: Format, name: str, never: str) -> None:
    hostile = [{**AWS["pools"][0], "name": name}]
    report = report_on(previewed({**AWS, "pools": hostile}))
    text = written(form, [report], [], files={})
    assert not re.search(never, text)
