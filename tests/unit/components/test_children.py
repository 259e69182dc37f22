"""What a component's options mean for everything in it."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import stanchion
from unit.components.world import deploy


def _tenant(opts: pulumi.ResourceOptions) -> stanchion.Tenant:
    return stanchion.Tenant(
        "demo", {"namespace": "demo", "owner": "team-a", "cost_center": "cc-1"}, opts
    )


def test_what_a_component_waits_for_its_children_wait_for() -> None:
    def program() -> Any:
        first = k8s.core.v1.ConfigMap("first", metadata={"name": "first", "namespace": "x"})
        _tenant(pulumi.ResourceOptions(depends_on=[first]))

    world = deploy(program)
    (first,) = [r for r in world.resources if r.name == "first"]
    children = [r for r in world.resources if r.name.startswith("demo-")]
    assert len(children) == 5
    assert all(first.urn in child.dependencies for child in children)


def test_objects_inside_wait_for_their_namespace() -> None:
    world = deploy(lambda: _tenant(pulumi.ResourceOptions()).namespace)
    (quota,) = [r for r in world.resources if r.name == "demo-quota"]
    assert world.waits_for(quota, world.registered("Namespace", "demo"))


def test_children_are_made_in_the_cluster_that_the_component_was_given() -> None:
    used: list[str] = []

    def program() -> Any:
        cluster = k8s.Provider("cluster")
        made = _tenant(pulumi.ResourceOptions(provider=cluster))
        assert made.get_provider("kubernetes::") is cluster
        return cluster.urn.apply(used.append)

    world = deploy(program)
    children = [r for r in world.resources if r.name.startswith("demo-")]
    assert len(children) == 5
    assert all(child.provider.startswith(used[0]) for child in children)
