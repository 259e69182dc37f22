"""The feature store in an environment of each kind: policies, types, costs, and what it is told."""

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
EXAMPLE = ROOT / "examples" / "feature-store" / "definitions"
SOURCES = {
    "local": {"sources": "file:///data/features", "claim": "features"},
    "prod-aws": {
        "sources": "s3://team-features/shop",
        "sourcesKey": "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d",
    },
    "prod-gcp": {"sources": "gs://team-features/shop"},
}


def previewed(stack: str, checkout: Path, **changes: Any) -> Preview:
    """The environment with the example's feature repository, as docs/feature-store.md says."""
    for part in ("Pulumi.yaml", "pyproject.toml"):
        shutil.copy(ROOT / part, checkout)
    for part in ("stacks", "policies", "serving-images"):
        ignored = shutil.ignore_patterns("__pycache__", ".venv", "local.lock.yaml")
        shutil.copytree(ROOT / part, checkout / part, ignore=ignored)
    shutil.copytree(ROOT / "docs" / "runbooks", checkout / "docs" / "runbooks")
    shutil.copytree(EXAMPLE, checkout / "stacks" / "features")
    path = checkout / "stacks" / f"Pulumi.{stack}.yaml"
    environment = yaml.safe_load(path.read_text("utf-8"))
    block = {"enabled": True, **SOURCES[stack], **changes}
    environment["config"]["stanchion:featureStore"] = block
    path.write_text(yaml.safe_dump(environment), "utf-8")
    return preview.run(stack, root=checkout)


@pytest.fixture(scope="module", params=[*SOURCES])
def evaluated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Preview:
    return previewed(request.param, tmp_path_factory.mktemp(request.param))


def test_it_keeps_every_rule_and_every_type(evaluated: Preview) -> None:
    report = report_on(evaluated)
    # The image registry that keeps every image, this one too, is no part of it.
    ours = [found for found in evaluated.findings if "feature" in str(found)]
    assert [f"{found.policy}: {report.message(found)}" for found in ours] == []
    assert evaluated.problems == ()


def test_everything_is_there(evaluated: Preview) -> None:
    found = {(item.kind, item.manifest["metadata"]["name"]) for item in objects(evaluated)}
    for wanted in (
        ("Deployment", "features"),
        ("Service", "features"),
        ("CronJob", "features-materialize"),
        ("CronJob", "features-check"),
        ("NetworkPolicy", "features-jobs"),
    ):
        assert wanted in found
    assert [name for kind, name in found if kind == "Job" and name.startswith("features-apply-")]
