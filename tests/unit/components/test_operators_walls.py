"""What the pods of `Operators` may talk to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from stanchion.foundation.cluster.contract import WEBHOOK_PORTS
from stanchion.operators.plans import PLANS, SYSTEM_NAMESPACE
from unit.components.test_operators import AWS, BOTH, GCP, operators, releases
from unit.components.world import World


def walls(world: World, name: str) -> dict[str, Mapping[str, Any]]:
    """Specs of one policy by namespace."""
    return {
        item["metadata"]["namespace"]: item["spec"]
        for item in world.manifests
        if item["kind"] == "NetworkPolicy" and item["metadata"]["name"] == name
    }


@BOTH
def test_every_namespace_denies_what_nothing_allows(base: Mapping[str, Any]) -> None:
    world = operators(base)
    made = {name for kind, name in world.objects if kind == "Namespace"}
    denied = walls(world, "default-deny")
    assert set(denied) == set(walls(world, "operator")) == made
    for spec in denied.values():
        assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@BOTH
def test_a_release_starts_inside_its_walls(base: Mapping[str, Any]) -> None:
    world = operators(base)
    policies = [r for r in world.resources if r.type.endswith(":NetworkPolicy")]
    for name, release in releases(world).items():
        own = [
            policy
            for policy in policies
            if policy.inputs["metadata"]["namespace"] == release.inputs["namespace"]
        ]
        assert bool(own) == (release.inputs["namespace"] != SYSTEM_NAMESPACE), name
        assert all(world.waits_for(release, policy) for policy in own), name


def test_the_api_server_reaches_every_webhook_through_both_walls() -> None:
    admitted = walls(operators(AWS), "operator")
    called = {plan.namespace: set(plan.called_on) for plan in PLANS.values() if plan.called_on}
    assert len(called) >= 8
    for namespace, ports in called.items():
        assert ports <= set(WEBHOOK_PORTS), namespace
        open_to_all = {
            entry["port"]
            for rule in admitted[namespace]["ingress"]
            if "from" not in rule
            for entry in rule["ports"]
        }
        assert open_to_all == ports


def test_only_proxies_of_gateways_are_open_to_clients() -> None:
    world = operators(AWS)
    wide = {
        (item["metadata"]["namespace"], item["spec"]["podSelector"]["matchLabels"][part])
        for item in world.manifests
        if item["kind"] == "NetworkPolicy"
        for rule in item["spec"].get("ingress", [])
        if "from" not in rule and any("endPort" in entry for entry in rule["ports"])
        for part in ["app.kubernetes.io/component"]
    }
    assert wide == {("envoy-gateway-system", "proxy")}


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        (AWS, {("169.254.170.23/32", 80)}),
        (GCP, {("169.254.169.254/32", 80), ("169.254.169.252/32", 988)}),
    ],
    ids=["aws", "gcp"],
)
def test_only_what_has_an_identity_reaches_the_source_of_credentials(
    base: Mapping[str, Any], expected: set[tuple[str, int]]
) -> None:
    reached: dict[str, set[tuple[str, int]]] = {}
    for namespace, spec in walls(operators(base), "operator").items():
        for rule in spec["egress"]:
            for other in rule.get("to", []):
                if "ipBlock" in other:
                    found = {(other["ipBlock"]["cidr"], entry["port"]) for entry in rule["ports"]}
                    reached.setdefault(namespace, set()).update(found)
    assert all(found == expected for found in reached.values())
    assert set(reached) == (
        {"external-secrets", "aws-load-balancer-controller"}
        if base is AWS
        else {"external-secrets"}
    )


def test_kuberay_reaches_heads_of_ray_in_every_namespace_and_no_other_pod() -> None:
    specs = walls(operators(AWS, more=["kuberay-operator"]), "operator")
    beyond = [
        (rule["to"], rule["ports"])
        for rule in specs["kuberay-operator"]["egress"]
        if "podSelector" in rule.get("to", [{}])[0] and "ports" in rule and len(rule["ports"]) == 1
    ]
    heads = {"matchLabels": {"ray.io/node-type": "head"}}
    port = {"port": 8265, "protocol": "TCP"}
    assert beyond == [([{"namespaceSelector": {}, "podSelector": heads}], [port])]


def test_prometheus_is_asked_by_those_that_ask_it_and_scrapes_all() -> None:
    specs = walls(operators(AWS), "operator")
    asking = {
        other["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in specs["monitoring"]["ingress"]
        if rule.get("ports") == [{"port": 9090, "protocol": "TCP"}]
        for other in rule["from"]
    }
    assert asking == {"keda", "argo-rollouts", "opencost"}
    for namespace in asking:
        assert any(rule.get("ports") == [{"port": 9090, "protocol": "TCP"}]
                   for rule in specs[namespace]["egress"])  # fmt: skip
    for namespace, spec in specs.items():
        scraped = [
            rule
            for rule in spec["ingress"]
            if "ports" not in rule
            and any("monitoring" in json.dumps(other) for other in rule.get("from", []))
        ]
        assert scraped, namespace
    assert any(rule.get("to") == [{"namespaceSelector": {}}]
               for rule in specs["monitoring"]["egress"])  # fmt: skip
