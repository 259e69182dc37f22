"""Autoscaling by demand and by the clock, previewed on the production environment of each cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from preview.test_releases import previewed

PEAK = {
    "start": "30 7 * * MON-FRI",
    "end": "0 10 * * MON-FRI",
    "timezone": "Europe/Berlin",
    "replicas": 6,
}
SCALED: dict[str, Any] = {
    "minReplicas": 4,
    "maxReplicas": 8,
    "inFlightPerReplica": 4,
    "targetLatencyMs": 500,
    "schedules": [PEAK],
}


@pytest.mark.parametrize(
    ("stack", "rollout"),
    [("prod-aws", {"strategy": "rolling"}), ("prod-gcp", {"strategy": "canary"})],
    ids=["a Deployment on AWS", "a Rollout on Google Cloud"],
)
def test_it_keeps_every_rule_and_every_type(
    stack: str, rollout: dict[str, Any], tmp_path: Path
) -> None:
    evaluated = previewed(stack, tmp_path, rollout=rollout, autoscaling=SCALED)
    assert any(item.type.endswith(":ScaledObject") for item in evaluated.resources)
    assert [str(found) for found in evaluated.findings if "wine" in str(found)] == []
    assert evaluated.problems == ()
