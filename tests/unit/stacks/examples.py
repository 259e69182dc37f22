"""The example service files, edited, in an environment of theirs."""

from __future__ import annotations

from typing import Any

import yaml
from environment import Environment, parse_environment
from stanchion import Placement
from unit.stacks.bad_files import ROOT

L4: Placement = {
    "pool": "l4",
    "node_selector": {"stanchion.dev/pool": "l4"},
    "tolerations": [],
    "device": "nvidia.com/gpu",
    "devices_per_node": 1,
    "devices_per_container": 1,
    "max_devices": 8,
}
"""A pool of nodes with one GPU each."""


def example(path: str) -> str:
    """The service file at a path within examples/."""
    return (ROOT / "examples" / path).read_text("utf-8")


def edited(text: str, *changes: tuple[str, str]) -> str:
    """A text with parts replaced, each of which it has."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def environment(stack: str = "prod-aws", **changes: Any) -> Environment:
    """An environment of this repository with images, and with sections replaced."""
    written = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text("utf-8"))
    values = {key.partition(":")[2]: value for key, value in written["config"].items()}
    return parse_environment({**values, "images": {"tag": "v1"}, **changes})
