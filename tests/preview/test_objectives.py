"""A service's objectives in an environment: rules where somebody evaluates them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from preview.checkouts import configured
from preview.test_releases import previewed, with_the_example
from stanchion_cli import preview
from stanchion_cli.preview import Preview

PROMISED = {"availability": 99.9, "latency": {"milliseconds": 250, "percent": 99}}


def rules(evaluated: Preview) -> list[dict[str, Any]]:
    """The rules of the service, as they would be applied."""
    groups = [
        group
        for item in evaluated.resources
        if item.type.endswith(":PrometheusRule")
        for group in item.inputs["spec"]["groups"]
    ]
    return [rule for group in groups for rule in group["rules"]]


def local(checkout: Path, operators: Sequence[str], **changes: Any) -> Preview:
    """The local environment with operators, its service pinned."""
    with_the_example(checkout, rollout={"strategy": "rolling"}, **changes)
    pins = checkout / "stacks" / "services"
    shutil.copy(pins / "prod-aws.lock.yaml", pins / "local.lock.yaml")
    with configured(checkout, "local") as config:
        config["stanchion:operators"] = {"enabled": list(operators)}
    return preview.run("local", root=checkout)


@pytest.mark.parametrize("stack", ["prod-aws", "prod-gcp"])
def test_they_keep_every_rule_and_every_type(stack: str, tmp_path: Path) -> None:
    evaluated = previewed(stack, tmp_path, slo=PROMISED)
    assert {rule["labels"]["slo"] for rule in rules(evaluated) if "slo" in rule["labels"]} == {
        "availability",
        "latency",
    }
    assert [str(found) for found in evaluated.findings if "wine" in str(found)] == []
    assert evaluated.problems == ()


def test_the_local_node_has_them_with_its_prometheus(tmp_path: Path) -> None:
    evaluated = local(tmp_path, ["kube-prometheus-stack"])
    objective = [
        r for r in rules(evaluated) if r.get("record") == "model_service:slo_objective:ratio"
    ]
    assert [rule["expr"] for rule in objective] == ["vector(0.995)"]
    names = {rule["alert"] for rule in rules(evaluated) if "alert" in rule}
    assert "ModelServiceErrorBudgetBurn" in names
    assert "ModelServiceLatencyBudgetBurn" not in names
    about_alerts = {"alert-runbook", "query-exported", "serving-burn-rate"}
    assert [str(found) for found in evaluated.findings if found.policy in about_alerts] == []
    assert evaluated.problems == ()


def test_without_prometheus_the_same_file_makes_the_same_service(tmp_path: Path) -> None:
    evaluated = local(tmp_path, [], slo=PROMISED)
    assert rules(evaluated) == []
    assert any(item.name == "wine-deployment" for item in evaluated.resources)
    assert evaluated.problems == ()
