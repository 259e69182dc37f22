"""The example of a batch scoring, previewed on the production environment of each cloud."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from stanchion_cli import preview
from stanchion_cli.preview import Preview
from stanchion_cli.render import objects
from stanchion_cli.report.model import report_on

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "batch" / "wine-scores.yaml"
PIN = {"model": "wine-cultivar", "version": "3", "digest": f"sha256:{'0' * 64}"}
ON_GPUS = {"pool": "train", "resources": {"gpus": 1, "memory": "4Gi"}}


def previewed(stack: str, checkout: Path, **changes: Any) -> Preview:
    """The environment with the example's file and the model's pin."""
    for part in ("Pulumi.yaml", "pyproject.toml"):
        shutil.copy(ROOT / part, checkout)
    for part in ("stacks", "policies", "serving-images"):
        ignored = shutil.ignore_patterns("__pycache__", ".venv", "local.lock.yaml")
        shutil.copytree(ROOT / part, checkout / part, ignore=ignored)
    environment = checkout / "stacks" / f"Pulumi.{stack}.yaml"
    written = yaml.safe_load(environment.read_text("utf-8"))
    (demo,) = written["config"]["stanchion:tenants"]
    demo["quota"] = {"gpus": 1}
    environment.write_text(yaml.safe_dump(written), "utf-8")
    scheme = "gs" if stack.endswith("gcp") else "s3"
    text = EXAMPLE.read_text("utf-8").replace("s3://", f"{scheme}://")
    file = {**yaml.safe_load(text), "environments": [stack], **changes}
    services = checkout / "stacks" / "services"
    (services / "wine-scores.yaml").write_text(yaml.safe_dump(file), "utf-8")
    pins = yaml.safe_dump({"services": {"wine": PIN}})
    (services / f"{stack}.lock.yaml").write_text(pins, "utf-8")
    return preview.run(stack, root=checkout)


def findings(evaluated: Preview) -> list[str]:
    """What the policies have against the scoring's own objects, advisory findings included."""
    report = report_on(evaluated)
    ours = (found for found in evaluated.findings if "wine-scores" in str(found))
    return [f"{found.policy}: {report.message(found)}" for found in ours]


@pytest.mark.parametrize(
    ("stack", "changes"),
    [("prod-aws", {}), ("prod-gcp", {}), ("prod-aws", ON_GPUS)],
    ids=["aws", "gcp", "spot-gpus"],
)
def test_it_keeps_every_rule_and_every_type(
    stack: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    evaluated = previewed(stack, tmp_path, **changes)
    assert findings(evaluated) == []
    assert evaluated.problems == ()
    rendered = {
        (each["kind"], each["metadata"]["name"].rpartition("-")[0] or each["metadata"]["name"])
        for each in (item.manifest for item in objects(evaluated))
        if "wine-scores" in str(each["metadata"]["name"])
    }
    assert ("Job", "wine-scores") in rendered
    assert {"CronJob", "NetworkPolicy", "ServiceAccount", "Secret"} <= {
        kind for kind, _ in rendered
    }
