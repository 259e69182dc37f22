"""Figures against limits: which side counts, and what is said."""

from __future__ import annotations

from typing import Any

import pytest
from service_gates import Gates
from stanchion_cli.models import card, judging
from stanchion_cli.models.judging import Champion
from validation import as_tuples


def _evaluation(**wanted: Any) -> Any:
    base = {"data": "e.csv", "sha256": "0" * 64, "label": "y", "task": "regression", "minRows": 1}
    gates = Gates.model_validate(as_tuples({"evaluation": {**base, **wanted}}))
    return gates.model_dump(mode="json", by_alias=True)["evaluation"]


def _measured(metrics: Any = None, **more: Any) -> Any:
    found: dict[str, Any] = {
        "rows": 40,
        "failed_rows": 0,
        "failure": "",
        "metrics": metrics or {},
        "slices": [],
    }
    return {"evaluation": {**found, **more}}


def _failures(wanted: Any, measured: Any, champion: Champion | None = None) -> tuple[str, ...]:
    return judging.evaluation("wine", wanted, measured, champion).failures


def test_an_error_above_its_bound_fails_and_one_at_its_bound_passes() -> None:
    wanted = _evaluation(thresholds={"mae": {"max": 2}})
    assert _failures(wanted, _measured({"mae": 2.0})) == ()
    assert _failures(wanted, _measured({"mae": 2.5})) == ("mae 2.5 > 2",)


@pytest.mark.parametrize(("value", "passes"), [(1.0, True), (1.5, True), (1.6, False)])
def test_an_error_is_worse_when_it_is_larger_than_the_champions(value: float, passes: bool) -> None:
    wanted = _evaluation(notWorseThanChampionBy={"rmse": 0.25})
    champion = Champion("4", _measured({"rmse": 1.25}))
    found = _failures(wanted, _measured({"rmse": value}), champion)
    assert (found == ()) is passes
    if not passes:
        assert found == (
            "rmse 1.6 is 0.35 worse than the champion's 1.25 (version 4), at most 0.25",
        )


def test_a_champion_that_cannot_be_measured_is_not_passed_over() -> None:
    wanted = _evaluation(notWorseThanChampionBy={"rmse": 0})
    champion = Champion("4", {"evaluation": {"problem": "sklearn 1.5 is not here"}})
    (said,) = _failures(wanted, _measured({"rmse": 1.0}), champion)
    assert said.startswith("champion version 4 cannot be measured to compare with: sklearn 1.5")


def test_a_metric_that_cannot_be_had_fails_rather_than_passes() -> None:
    wanted = _evaluation(thresholds={"r2": {"min": 0}})
    assert _failures(wanted, _measured({"r2": None})) == ("r2 cannot be computed from the answers",)
    of_classes = _evaluation(task="classification", thresholds={"logLoss": {"max": 1}})
    assert _failures(of_classes, _measured({"accuracy": 1.0})) == (
        "logLoss needs probabilities; log the model so that it answers those",
    )


def test_rows_that_were_not_answered_fail_with_the_first_reason() -> None:
    wanted = _evaluation(thresholds={"mae": {"max": 2}}, maxFailedRows=1)
    measured = _measured({"mae": 1.0}, failed_rows=2, failure="row 3: no bucket")
    assert _failures(wanted, measured) == (
        "2 of 40 rows were not answered, at most 1 (first: row 3: no bucket)",
    )


def _groups(**values: tuple[int, float | None]) -> Any:
    groups = {name: {"rows": rows, "value": value} for name, (rows, value) in values.items()}
    return _measured(slices=[{"column": "region", "metric": "mae", "groups": groups}])


def test_groups_are_held_against_the_best_and_their_own_bounds() -> None:
    limits = {"column": "region", "metric": "mae", "maxDisparity": 0.5, "max": 2}
    wanted = _evaluation(slices=[limits])
    assert _failures(wanted, _groups(north=(9, 1.0), south=(9, 1.5))) == ()
    assert _failures(wanted, _groups(north=(9, 1.0), south=(9, 2.25))) == (
        "slice region=south: mae 2.25 > 2",
        "slice region=south: mae 2.25, 1.25 above the best slice, at most 0.5",
    )


def test_small_groups_are_not_judged_but_no_group_at_all_fails() -> None:
    wanted = _evaluation(slices=[{"column": "region", "metric": "mae", "max": 2, "minRows": 5}])
    assert _failures(wanted, _groups(north=(9, 1.0), south=(4, 9.0))) == ()
    assert _failures(wanted, _groups(south=(4, 9.0))) == ("slice region: no group has 5 rows",)


def test_slices_of_which_no_row_was_answered_fail_whatever_rows_may_fail() -> None:
    wanted = _evaluation(slices=[{"column": "region", "metric": "mae", "max": 2}], maxFailedRows=40)
    unanswered = _measured(failed_rows=40, failure="row 1: no bucket")
    (said,) = _failures(wanted, unanswered)
    assert said.startswith("slice region: no group has ")


def test_each_limit_of_the_smoke_test_is_told_with_its_unit() -> None:
    limits = {
        "maxP99Milliseconds": 20,
        "maxMemoryMebibytes": 300,
        "maxMemoryGrowthMebibytes": 8,
        "maxLatencyRatioToChampion": 1.5,
    }
    gates = Gates.model_validate({"smoke": limits}).model_dump(mode="json", by_alias=True)
    found = {"requests": 200, "latency_ms": 4.0, "p99_ms": 25.5, "rss_mb": 310, "growth_mb": 9.5}
    champion = Champion("4", {"smoke": {**found, "latency_ms": 2.0}})
    outcome = judging.smoke("wine", gates["smoke"], {"smoke": found}, champion)
    assert outcome.failures == (
        "p99 latency 25.5 ms > 20 ms",
        "memory 310 MiB > 300 MiB",
        "memory growth over 200 requests 9.5 MiB > 8 MiB",
        "median latency 4 ms is 2 times the champion's 2 ms (version 4), at most 1.5",
    )


def test_a_card_counts_text_under_lower_headings_as_its_sections() -> None:
    text = "# M\n## Intended Use\n### Who\nAll.\n## Data\n\n## Limits ##\nNone known.\n"
    found = card.judge("wine", text, ["Intended use", "Data", "Limits", "Owner"]).failures
    assert found == ("no section 'Owner'", "section 'Data' is empty")
