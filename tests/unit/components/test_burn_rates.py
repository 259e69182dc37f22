"""How fast an error budget goes, and from when on that is somebody's business."""

from __future__ import annotations

import promql_parser
import pytest
from stanchion.monitoring.burn_rates import (
    BURN_RATES,
    INTERVAL_SECONDS,
    Objective,
    burning,
    errors,
    failed,
    recordings,
    seconds,
)
from stanchion.monitoring.rules import AlertSeverity, RecordingRule

DAYS = 24 * 3600


def promise(percent: float = 99.5, window_days: int = 28) -> Objective:
    return Objective(
        "availability",
        percent,
        window_days,
        10,
        {"namespace": "demo", "service": "wine"},
        lambda window: f"sum(rate(requests_total[{window}]))",
        lambda window: f"sum(rate(failures_total[{window}]))",
    )


@pytest.mark.parametrize(
    ("at", "share_of_a_month"),
    list(enumerate([0.02, 0.05, 0.10, 0.10])),
    ids=["page at 1h", "page at 6h", "ticket at 1d", "ticket at 3d"],
)
def test_an_alert_is_the_workbooks_share_of_thirty_days_budget(
    at: int, share_of_a_month: float
) -> None:
    rate = BURN_RATES[at]
    assert rate.factor * seconds(rate.long) / (30 * DAYS) == pytest.approx(share_of_a_month)


def test_a_short_window_is_a_twelfth_of_its_long_one() -> None:
    assert all(seconds(rate.long) == 12 * seconds(rate.short) for rate in BURN_RATES)


@pytest.mark.parametrize(
    ("percent", "budget"), [(95, 0.05), (99.5, 0.005), (99.9, 0.001), (99.999, 0.00001)]
)
def test_the_budget_is_what_the_objective_leaves(percent: float, budget: float) -> None:
    assert promise(percent).budget == budget


def test_every_series_that_an_alert_asks_for_is_recorded() -> None:
    recorded = {
        rule.record
        for group in recordings("demo-wine", promise())
        for rule in group.rules
        if isinstance(rule, RecordingRule)
    }
    for rate in BURN_RATES:
        asked = {errors(rate.long), errors(rate.short), failed(rate.long)}
        assert asked <= recorded
        assert all(name in burning(promise(), rate.severity) for name in asked)


def test_a_page_and_a_ticket_ask_for_their_own_windows_alone() -> None:
    page = burning(promise(), AlertSeverity.PAGE)
    assert " > 14.4 and " in page
    assert " > 6 and " in page
    assert "ratio_rate3d" not in page
    assert "ratio_rate1h" not in burning(promise(), AlertSeverity.TICKET)


def test_every_query_is_promql() -> None:
    for severity in AlertSeverity:
        promql_parser.parse(burning(promise(), severity))
    for group in recordings("demo-wine", promise()):
        for rule in group.rules:
            promql_parser.parse(rule.expr)


def test_only_the_short_windows_look_at_the_counters() -> None:
    short, counts, long = recordings("demo-wine", promise())
    assert {window for window in ("1d", "3d", "28d") if f"[{window}]" in str(short.manifest())} == (
        set()
    )
    assert "failures_total" not in str(long.manifest())
    # Each count covers the time since the one before: none is added twice.
    assert counts.interval_seconds == seconds("5m")
    assert all("[5m]" in rule.expr and rule.expr.endswith("* 300") for rule in counts.rules)


def test_a_recorded_series_is_never_older_than_prometheus_looks_back() -> None:
    short, _, long = recordings("demo-wine", promise())
    assert short.interval_seconds == INTERVAL_SECONDS
    assert long.interval_seconds < 300


def test_the_budget_left_is_that_of_the_promised_window() -> None:
    long = recordings("demo-wine", promise(window_days=14))[2].manifest()["rules"]
    rules = {rule["record"]: rule["expr"] for rule in long}
    assert rules["model_service:slo_errors:ratio_period"].count("[14d]") == 2
    assert rules["model_service:slo_error_budget:left_ratio"].endswith("/ 0.005")
    assert rules["model_service:slo_objective:ratio"] == "vector(0.995)"
