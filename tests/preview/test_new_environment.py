"""What it takes to add an environment, or a cloud: a file each, and no change elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from preview.checkouts import copied
from stanchion_cli import preview


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project as it is, to add files to."""
    copied(tmp_path)
    return tmp_path


def test_an_environment_is_added_by_its_file_alone(checkout: Path) -> None:
    stacks = checkout / "stacks"
    text = (stacks / "Pulumi.staging-gcp.yaml").read_text("utf-8")
    text = text.replace("us-central1", "europe-west4").replace("10.30.0.0", "10.90.0.0")
    (stacks / "Pulumi.staging-eu.yaml").write_text(text)
    evaluated = preview.run("staging-eu", root=checkout)
    assert evaluated.problems == ()
    assert [f for f in evaluated.findings if f.level == "mandatory"] == []
    (cluster,) = (r for r in evaluated.resources if r.type == "gcp:container/cluster:Cluster")
    assert cluster.inputs["name"] == "staging-eu"
    assert cluster.inputs["location"] == "europe-west4"
