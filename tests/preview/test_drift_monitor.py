"""The example of a drift monitor, previewed on the production environment of each cloud."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from preview.checkouts import ROOT, changed, copied, declared, findings
from stanchion_cli import preview
from stanchion_cli.preview import Preview
from stanchion_cli.render import objects

EXAMPLE = ROOT / "examples" / "drift" / "wine-monitor.yaml"
PIN = {"model": "wine-cultivar", "version": "3", "digest": f"sha256:{'0' * 64}"}


def previewed(stack: str, checkout: Path, **pinned: str) -> Preview:
    """The environment with the example's file, a log of its service and the model's pin."""
    services = copied(checkout)
    declared(checkout, stack, EXAMPLE)
    scheme = "gs" if stack.endswith("gcp") else "s3"
    with changed(services / "wine.yaml") as wine:
        wine["predictionLog"] = {
            "location": f"{scheme}://demo-predictions/log",
            "retentionDays": 30,
        }
    pins = yaml.safe_dump({"services": {"wine": {**PIN, **pinned}}})
    (services / f"{stack}.lock.yaml").write_text(pins, "utf-8")
    return preview.run(stack, root=checkout)


def test_it_judges_by_the_model_that_its_service_still_serves(tmp_path: Path) -> None:
    evaluated = previewed("prod-aws", tmp_path, model="former-model")
    (job,) = (
        item.manifest
        for item in objects(evaluated)
        if (item.kind, item.manifest["metadata"]["name"]) == ("CronJob", "wine-monitor")
    )
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    told = {each["name"]: each.get("value") for each in container["env"]}
    assert told["REGISTERED_MODEL_NAME"] == "former-model"


@pytest.mark.parametrize("stack", ["prod-aws", "prod-gcp"])
def test_it_keeps_every_rule_and_every_type(stack: str, tmp_path: Path) -> None:
    evaluated = previewed(stack, tmp_path)
    assert findings(evaluated, "wine-monitor") == []
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
