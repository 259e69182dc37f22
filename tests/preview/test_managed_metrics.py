"""Production with the cloud's managed Prometheus: its objects meet the policies and SDK types."""

from __future__ import annotations

from pathlib import Path

import pytest
from preview.checkouts import configured, copied
from stanchion_cli import preview


@pytest.mark.parametrize(("cloud", "made"), [("aws", "Workspace"), ("gcp", "IAMMember")])
def test_a_managed_prometheus_keeps_every_rule_and_every_type(
    tmp_path: Path, cloud: str, made: str
) -> None:
    copied(tmp_path)
    with configured(tmp_path, f"prod-{cloud}") as config:
        config.setdefault("stanchion:monitoring", {})["prometheus"] = {"managed": {}}
    evaluated = preview.run(f"prod-{cloud}", root=tmp_path)
    assert evaluated.problems == ()
    # Rights that name what the cloud is yet to name are decided when it has.
    assert [str(found) for found in evaluated.findings if not found.undecided] == []
    own = [item for item in evaluated.resources if "-metrics" in item.name]
    assert made in {item.type.rpartition(":")[2] for item in own}
