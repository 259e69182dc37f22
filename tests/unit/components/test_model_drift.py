"""What is recorded and alarmed about a model service's data, and which limits are refused."""

from __future__ import annotations

from typing import Any

import pytest
from stanchion.catalog.machines import load
from stanchion.monitoring.drift_limits import DriftLimits
from unit.components.test_model_alerts import alerts, problem, rules, watched

DRIFT = {"ModelServiceFeatureDrift", "ModelServicePredictionDrift", "ModelServiceDataQuality"}


def about_drift(**changes: Any) -> dict[str, dict[str, Any]]:
    return {alert["alert"]: alert for alert in alerts(**changes) if alert["alert"] in DRIFT}


def test_drift_is_watched_without_a_word_and_tickets_its_owner() -> None:
    found = about_drift(owner="team-a")
    assert set(found) == DRIFT
    assert {alert["labels"]["severity"] for alert in found.values()} == {"ticket"}
    assert {alert["labels"]["owner"] for alert in found.values()} == {"team-a"}


def test_limits_are_those_of_the_service() -> None:
    limits: DriftLimits = {
        "psi": 0.35, "problem_ratio": 0.15, "window_hours": 6, "min_rows": 500,
    }  # fmt: skip
    found = about_drift(drift=limits)
    wanted = {"FeatureDrift": "0.35", "PredictionDrift": "0.35", "DataQuality": "0.15"}
    for name, limit in wanted.items():
        expr = found[f"ModelService{name}"]["expr"]
        assert f"> {limit} " in expr
        assert ">= 500" in expr
    recorded = [rule["expr"] for rule in rules(watched(drift=limits), "record")]
    assert any("[6h]" in expr for expr in recorded)
    assert not any("[24h]" in expr for expr in recorded)


def test_every_metric_that_is_compared_is_one_that_the_server_exports() -> None:
    exported = load("metrics.yaml")["images"]["model-server"]["metrics"]
    read = {name for name in exported if name.startswith("model_server_field_")}
    recorded = [rule["expr"] for rule in rules(watched(), "record")]
    for name in read:
        assert any(f"{name}{{" in expr for expr in recorded), name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("psi", 0.01), ("psi", 6), ("problem_ratio", 0), ("problem_ratio", 1.5),
        ("window_hours", 0), ("window_hours", 169), ("min_rows", 199), ("min_rows", 10_000_001),
    ],
)  # fmt: skip
def test_limits_that_chance_would_cross_or_nothing_could_are_refused(
    field: str, value: float
) -> None:
    assert f"drift.{field}" in problem(drift={field: value})


def test_limits_without_anybody_who_reads_metrics_are_refused() -> None:
    assert "remove drift" in problem(monitoring=False, drift={"psi": 0.3})
