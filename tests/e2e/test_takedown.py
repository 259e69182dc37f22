"""The end of the platform's story: what goes with it, and what stays."""

from __future__ import annotations

import pytest
from e2e.platform import Platform
from e2e.traces import Traces
from stanchion_cli import cluster

pytestmark = [pytest.mark.node, pytest.mark.usefixtures("unbroken")]


def test_in_a_cluster_named_by_its_context_down_deletes_our_objects_and_no_others(
    platform: Platform,
) -> None:
    environment = platform.root / "stacks" / "Pulumi.local.yaml"
    text = environment.read_text()
    node = cluster.find(platform.cluster)
    assert node is not None
    named = f"context: {node.context}\n    kubeconfig: {node.kubeconfig}"
    environment.write_text(text.replace(f"bundled: {platform.cluster}", named))
    platform.kubectl("create", "namespace", "bystander")
    assert "0 created, 0 changed" in platform.stanchion("up", "local").stderr
    platform.stanchion("down", "local")
    environment.write_text(text)
    left = {item["metadata"]["name"] for item in platform.get("namespaces")["items"]}
    assert "bystander" in left
    assert not left & {"tracking", "demo", "stanchion-system"}


def test_down_leaves_nothing_behind(platform: Platform, traces_before: Traces) -> None:
    down = platform.stanchion("down", "local")
    assert "cache" in down.stderr + down.stdout, "what stays is listed"
    assert Traces.of_machine().left_over(traces_before) == {}
