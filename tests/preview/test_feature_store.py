"""The feature store in an environment of each kind: policies, types, costs, and what it is told."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from preview.checkouts import ROOT, configured, copied, findings
from stanchion_cli import preview
from stanchion_cli.preview import Preview
from stanchion_cli.render import objects

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
    copied(checkout)
    shutil.copytree(EXAMPLE, checkout / "stacks" / "features")
    with configured(checkout, stack) as config:
        config["stanchion:featureStore"] = {"enabled": True, **SOURCES[stack], **changes}
    return preview.run(stack, root=checkout)


@pytest.fixture(scope="module", params=[*SOURCES])
def evaluated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Preview:
    return previewed(request.param, tmp_path_factory.mktemp(request.param))


def test_it_keeps_every_rule_and_every_type(evaluated: Preview) -> None:
    # The image registry that keeps every image, this one too, is no part of it.
    assert findings(evaluated, "feature") == []
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
