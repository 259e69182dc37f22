"""A canary by a Gateway's weights with a shadow, previewed on the production environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from preview.checkouts import changed, configured
from preview.test_releases import with_the_example
from stanchion.operators import gateway_plugin
from stanchion_cli import preview
from stanchion_cli.costs.workloads import workloads_of
from stanchion_cli.preview import Preview

GATEWAYS = {
    "prod-aws": {"name": "public", "namespace": "gateways"},
    "prod-gcp": {"name": "private", "namespace": "gateways", "className": "gke-l7-rilb"},
}
AT_GATEWAY: dict[str, Any] = {
    "gateway": {"hostnames": ["wine.models.example.com"]},
    "rollout": {"strategy": "canary", "traffic": "gateway", "steps": [{"weight": 1}]},
}
CANDIDATE = "7"


def previewed(
    stack: str,
    checkout: Path,
    *,
    candidate: str | None = None,
    serves: str | None = None,
    **changes: Any,
) -> Preview:
    """The environment with a Gateway, and the example as its one service at it."""
    with_the_example(checkout, **{**AT_GATEWAY, **changes})
    with configured(checkout, stack) as config:
        config["stanchion:gateway"] = GATEWAYS[stack]
        # For the time of a release both versions are at their full number, beside the shadow.
        config["stanchion:tenants"][0]["quota"] = {"cpu": "5", "memory": "10Gi"}
    if candidate is not None:
        with changed(checkout / "stacks" / "services" / f"{stack}.lock.yaml") as pins:
            pins["shadows"] = {"wine": {**pins["services"]["wine"], "version": candidate}}
            if serves is not None:
                pins["services"]["wine"]["model"] = serves
    return preview.run(stack, root=checkout)


def names(found: Preview, kind: str) -> set[str]:
    """Names of the Kubernetes objects of a kind in the service's namespace."""
    return {
        item.inputs["metadata"]["name"]
        for item in found.resources
        if item.inputs.get("kind") == kind and item.inputs["metadata"].get("namespace") == "demo"
    }


@pytest.mark.parametrize("stack", GATEWAYS)
def test_it_keeps_every_rule_and_every_type(stack: str, tmp_path: Path) -> None:
    found = previewed(stack, tmp_path, candidate=CANDIDATE, shadow={})
    assert names(found, "Rollout") == {"wine"}
    assert names(found, "Deployment") >= {"wine-shadow"}
    assert [str(each) for each in found.findings if "wine" in str(each)] == []
    assert found.problems == ()


def test_the_candidate_is_left_out_once_it_is_the_live_version(tmp_path: Path) -> None:
    found = previewed("prod-aws", tmp_path, candidate="1", shadow={})
    assert "wine-shadow" not in names(found, "Deployment") | names(found, "Service")
    (route,) = (each.inputs for each in found.resources if each.inputs.get("kind") == "HTTPRoute")
    assert "filters" not in route["spec"]["rules"][0]


def test_the_candidate_is_left_out_beside_another_model(tmp_path: Path) -> None:
    found = previewed("prod-aws", tmp_path, candidate=CANDIDATE, shadow={}, serves="former-model")
    assert "wine-shadow" not in names(found, "Deployment") | names(found, "Service")


def test_a_shadow_is_a_cost_of_its_service(tmp_path: Path) -> None:
    found = previewed("prod-aws", tmp_path, candidate=CANDIDATE, shadow={"replicas": 3})
    made = {each.name: each for each in workloads_of(found.resources)}
    assert (made["wine-shadow"].service, made["wine-shadow"].most) == ("wine", 3)


def test_the_controller_gets_the_pinned_plugin(tmp_path: Path) -> None:
    found = previewed("prod-aws", tmp_path)
    (values,) = (
        each.inputs["values"]
        for each in found.resources
        if each.inputs.get("chart") == "argo-rollouts"
    )
    (plugin,) = values["controller"]["trafficRouterPlugins"]
    assert plugin == {
        "name": gateway_plugin.NAME,
        "location": gateway_plugin.URL,
        "sha256": gateway_plugin.SHA256,
    }
