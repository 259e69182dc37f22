"""A service that rests at no replica, previewed on the production environment of each cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from preview.test_releases import previewed

RESTING: dict[str, Any] = {
    "autoscaling": {"minReplicas": 0, "maxReplicas": 3, "inFlightPerReplica": 4},
    "rollout": {"strategy": "rolling"},
    "coldStart": {"budgetSeconds": 600},
}


@pytest.mark.parametrize("stack", ["prod-aws", "prod-gcp"])
def test_it_keeps_every_rule_and_every_type(stack: str, tmp_path: Path) -> None:
    evaluated = previewed(stack, tmp_path, **RESTING)
    names = {item.name for item in evaluated.resources}
    assert {"wine-activator-deployment", "wine-replicas", "wine-autoscaler"} <= names
    assert [str(found) for found in evaluated.findings if "wine" in str(found)] == []
    assert evaluated.problems == ()
