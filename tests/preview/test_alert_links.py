"""An environment whose file says where runbooks and Grafana are: every alert in it leads there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from preview.checkouts import ROOT, copied
from preview.conftest import as_yaml
from preview.test_llm import QUOTA
from stanchion_cli import preview
from stanchion_cli.preview import Preview
from stanchion_cli.report.model import report_on

STACK = "prod-aws"
REPOSITORY = "https://git.example.com/ml/platform/blob/main"
LINKS = {"runbooks": f"{REPOSITORY}/docs/runbooks/", "grafanaUrl": "https://grafana.example.com"}
EXAMPLES = ROOT / "examples"


def rewritten(path: Path, **changes: Any) -> None:
    """A YAML file with keys added or replaced."""
    path.write_text(yaml.safe_dump({**as_yaml(path), **changes}), "utf-8")


def with_everything(checkout: Path) -> None:
    """Services, jobs and stores of every kind that has alerts, as their examples have them."""
    stacks = checkout / "stacks"
    services = stacks / "services"
    for example in ("llm/assistant", "drift/wine-monitor", "training/wine-training"):
        shutil.copy(EXAMPLES / f"{example}.yaml", services)
    shutil.copytree(EXAMPLES / "training" / "wine-training", services / "wine-training")
    shutil.copytree(EXAMPLES / "feature-store" / "definitions", stacks / "features")
    log = {"location": "s3://demo-predictions/log", "retentionDays": 30}
    promised = {"latency": {"milliseconds": 250, "percent": 99}}
    rewritten(services / "wine.yaml", predictionLog=log, slo=promised)
    rewritten(
        services / "wine-training.yaml",
        model="wine-cultivar",
        data={"location": "s3://demo-wines/training/2026-11/"},
        retrain={"reasons": ["drift", "new-data"], "service": "wine"},
    )


def previewed(checkout: Path, links: Mapping[str, str]) -> Preview:
    """Production with all of them, and with where alerts lead."""
    copied(checkout)
    with_everything(checkout)
    file = checkout / "stacks" / f"Pulumi.{STACK}.yaml"
    config: Any = as_yaml(file)["config"]
    (pool,) = (each for each in config["stanchion:pools"] if each["name"] == "l4")
    pool["nvmeCache"] = True
    config["stanchion:tenants"][0]["quota"] = QUOTA
    config["stanchion:monitoring"] |= links
    key = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d"
    sources = {"sources": "s3://team-features/shop", "sourcesKey": key}
    config["stanchion:featureStore"] = {"enabled": True, **sources}
    rewritten(file, config=config)
    levels = checkout / "policies" / "environments" / "prod.json"
    held = {"enforcementLevel": "mandatory", "prefixes": [REPOSITORY]}
    judged = {**json.loads(levels.read_text("utf-8")), "alert-runbook": held}
    levels.write_text(json.dumps(judged), "utf-8")
    return preview.run(STACK, root=checkout)


def alerts(evaluated: Preview) -> list[dict[str, Any]]:
    return [
        rule
        for item in evaluated.resources
        if item.type.endswith(":PrometheusRule")
        for group in item.inputs["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


def warnings(evaluated: Preview) -> list[str]:
    return [line.message for line in evaluated.log if "monitoring.runbooks" in line.message]


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Preview:
    return previewed(tmp_path_factory.mktemp("linked"), LINKS)


def test_every_alert_that_is_deployed_links_to_its_page(linked: Preview) -> None:
    found = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in alerts(linked)}
    assert found == {name: f"{REPOSITORY}/docs/runbooks/{name}.md" for name in found}
    # One of each component that has alerts.
    assert found.keys() >= {
        "DriftMonitorBlind",
        "FeatureStoreStale",
        "GpuHot",
        "LlmGatewayUngrounded",
        "LlmServiceNotServing",
        "ModelServiceLatencyBudgetBurn",
        "RetrainingFailed",
        "Watchdog",
    }


def test_every_dashboard_of_an_alert_is_a_link(linked: Preview) -> None:
    found = {rule["annotations"].get("dashboard", "") for rule in alerts(linked)} - {""}
    assert {address.partition("/d/")[0] for address in found} == {LINKS["grafanaUrl"]}
    assert {address.partition("?")[0].rpartition("/")[2] for address in found} == {
        "stanchion-batch-training",
        "stanchion-drift",
        "stanchion-gpu-fleet",
        "stanchion-llm-service",
        "stanchion-mlflow",
        "stanchion-model-service",
    }


def test_the_pages_below_the_address_are_held_to_files(linked: Preview) -> None:
    report = report_on(linked)
    assert [report.message(found) for found in report.mandatory] == []
    assert linked.problems == ()
    assert warnings(linked) == []


def test_in_prod_somebody_who_is_led_nowhere_is_told_of_beforehand() -> None:
    evaluated = preview.run(STACK, root=ROOT, policies=False)
    (told,) = warnings(evaluated)
    assert told.startswith("stanchion:monitoring.runbooks: is not written")
    assert "; write where docs/runbooks is published, as https://" in told
    assert {rule["annotations"]["runbook_url"].partition("/")[0] for rule in alerts(evaluated)} == {
        "docs"
    }
