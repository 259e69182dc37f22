"""The example of a drift monitor, previewed on the production environment of each cloud."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from stanchion_cli import preview
from stanchion_cli.preview import Preview
from stanchion_cli.render import objects
from stanchion_cli.report.model import report_on

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "drift" / "wine-monitor.yaml"
PIN = {"model": "wine-cultivar", "version": "3", "digest": f"sha256:{'0' * 64}"}


def previewed(stack: str, checkout: Path) -> Preview:
    """The environment with the example's file, a log of its service and the model's pin."""
    for part in ("Pulumi.yaml", "pyproject.toml"):
        shutil.copy(ROOT / part, checkout)
    for part in ("stacks", "policies", "serving-images", "docs/runbooks"):
        ignored = shutil.ignore_patterns("__pycache__", ".venv", "local.lock.yaml")
        shutil.copytree(ROOT / part, checkout / part, ignore=ignored)
    scheme = "gs" if stack.endswith("gcp") else "s3"
    text = EXAMPLE.read_text("utf-8").replace("s3://", f"{scheme}://")
    services = checkout / "stacks" / "services"
    file = {**yaml.safe_load(text), "environments": [stack]}
    (services / "wine-monitor.yaml").write_text(yaml.safe_dump(file), "utf-8")
    wine = yaml.safe_load((services / "wine.yaml").read_text("utf-8"))
    wine["predictionLog"] = {"location": f"{scheme}://demo-predictions/log", "retentionDays": 30}
    (services / "wine.yaml").write_text(yaml.safe_dump(wine), "utf-8")
    pins = yaml.safe_dump({"services": {"wine": PIN}})
    (services / f"{stack}.lock.yaml").write_text(pins, "utf-8")
    return preview.run(stack, root=checkout)


@pytest.mark.parametrize("stack", ["prod-aws", "prod-gcp"])
def test_it_keeps_every_rule_and_every_type(stack: str, tmp_path: Path) -> None:
    evaluated = previewed(stack, tmp_path)
    report = report_on(evaluated)
    ours = [found for found in evaluated.findings if "wine-monitor" in str(found)]
    assert [f"{found.policy}: {report.message(found)}" for found in ours] == []
    assert evaluated.problems == ()
    rendered = {
        (each["kind"], each["metadata"]["name"])
        for each in (item.manifest for item in objects(evaluated))
        if str(each["metadata"]["name"]).startswith("wine-monitor")
    }
    assert rendered >= {
        ("CronJob", "wine-monitor"),
        ("Deployment", "wine-monitor"),
        ("NetworkPolicy", "wine-monitor"),
        ("NetworkPolicy", "wine-monitor-exporter"),
        ("PodDisruptionBudget", "wine-monitor"),
        ("PrometheusRule", "wine-monitor"),
        ("Service", "wine-monitor"),
        ("ServiceAccount", "wine-monitor"),
        ("ServiceMonitor", "wine-monitor"),
    }
