"""The example of a batch scoring, previewed on the production environment of each cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from preview.checkouts import ROOT, configured, copied, declared, findings
from stanchion_cli import preview
from stanchion_cli.preview import Preview
from stanchion_cli.render import objects

EXAMPLE = ROOT / "examples" / "batch" / "wine-scores.yaml"
PIN = {"model": "wine-cultivar", "version": "3", "digest": f"sha256:{'0' * 64}"}
ON_GPUS = {"pool": "train", "resources": {"gpus": 1, "memory": "4Gi"}}


def previewed(stack: str, checkout: Path, **changes: Any) -> Preview:
    """The environment with the file and the model's pin, and room for it on GPUs."""
    services = copied(checkout)
    with configured(checkout, stack) as config:
        (demo,) = config["stanchion:tenants"]
        demo["quota"] = {"gpus": 4, "memory": "16Gi"}
    declared(checkout, stack, EXAMPLE, **changes)
    pins = yaml.safe_dump({"services": {"wine": PIN}})
    (services / f"{stack}.lock.yaml").write_text(pins, "utf-8")
    return preview.run(stack, root=checkout)


@pytest.mark.parametrize(
    ("stack", "changes"),
    [("prod-aws", {}), ("prod-gcp", {}), ("prod-aws", ON_GPUS)],
    ids=["aws", "gcp", "spot-gpus"],
)
def test_it_keeps_every_rule_and_every_type(
    stack: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    evaluated = previewed(stack, tmp_path, **changes)
    assert findings(evaluated, "wine-scores") == []
    assert evaluated.problems == ()
    rendered = {
        (each["kind"], each["metadata"]["name"].rpartition("-")[0] or each["metadata"]["name"])
        for each in (item.manifest for item in objects(evaluated))
        if "wine-scores" in str(each["metadata"]["name"])
    }
    assert ("Job", "wine-scores") in rendered
    assert {"CronJob", "NetworkPolicy", "PrometheusRule", "ServiceAccount", "Secret"} <= {
        kind for kind, _ in rendered
    }
