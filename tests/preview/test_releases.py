"""A measured release, previewed on the production environment of each cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from preview.checkouts import ROOT, changed, copied
from stanchion_cli import preview
from stanchion_cli.preview import Preview

EXAMPLE = ROOT / "examples" / "canary" / "wine.yaml"


def with_the_example(checkout: Path, **changes: dict[str, Any] | None) -> None:
    """A checkout with the example as its one service, some of its keys changed."""
    services = copied(checkout)
    file = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    file.update({key: value for key, value in changes.items() if value is not None})
    (services / "wine.yaml").write_text(yaml.safe_dump(file), "utf-8")


def previewed(stack: str, checkout: Path, **changes: dict[str, Any] | None) -> Preview:
    """The environment with the example as its one service, some of its keys changed."""
    with_the_example(checkout, **changes)
    return preview.run(stack, root=checkout)


@pytest.mark.parametrize(
    ("stack", "rollout"),
    [("prod-aws", None), ("prod-gcp", {"strategy": "blueGreen"})],
    ids=["canary on AWS", "blue-green on Google Cloud"],
)
def test_it_keeps_every_rule_and_every_type(
    stack: str, rollout: dict[str, Any] | None, tmp_path: Path
) -> None:
    with_the_example(tmp_path, rollout=rollout)
    with changed(tmp_path / "stacks" / "services" / f"{stack}.lock.yaml") as lock:
        lock["services"]["wine"]["attempt"] = 2
    evaluated = preview.run(stack, root=tmp_path)
    (made,) = (item.inputs for item in evaluated.resources if item.type.endswith(":Rollout"))
    annotations = made["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"stanchion.dev/attempt": "2"}
    assert [str(found) for found in evaluated.findings if "wine" in str(found)] == []
    assert evaluated.problems == ()


def test_the_example_is_short_enough_to_be_read_at_a_glance() -> None:
    lines = [line for line in EXAMPLE.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert len(lines) < 25
