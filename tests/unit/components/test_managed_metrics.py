"""The cloud's managed Prometheus beside ours: who may write there, and what stays here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from unit.components.test_operators import (
    AWS,
    BOTH,
    FILLED_IN,
    GCP,
    named,
    operators,
    releases,
    values,
)

MANAGED: dict[str, Any] = {"metrics": {"managed": {}}}
STACK = "kube-prometheus-stack"
ACCOUNT = "kube-prometheus-stack-prometheus"
WORKSPACE = FILLED_IN["aws:amp/workspace:Workspace"]


def prometheus(base: Mapping[str, Any], **metrics: Any) -> dict[str, Any]:
    """Values of the chart about Prometheus."""
    made = operators(base, metrics={"managed": {}, **metrics})
    found: dict[str, Any] = values(made, STACK)["prometheus"]
    return found


def test_on_aws_every_sample_goes_to_a_workspace_of_the_environments_own() -> None:
    world = operators(AWS, **MANAGED)
    workspace = named(world, ":Workspace")
    assert workspace.inputs["kmsKeyArn"] == FILLED_IN["aws:kms/key:Key"]["arn"]
    assert workspace.inputs["tags"]["environment"] == "prod-aws"
    retention = named(world, ":WorkspaceConfiguration")
    assert retention.inputs["retentionPeriodInDays"] == 150
    (store,) = prometheus(AWS)["prometheusSpec"]["remoteWrite"]
    assert store["url"] == f"{WORKSPACE['prometheusEndpoint']}api/v1/remote_write"
    assert store["sigv4"] == {"region": "eu-west-1"}
    assert world.exports["metrics"] == WORKSPACE["prometheusEndpoint"]


def test_of_two_replicas_the_workspace_keeps_one() -> None:
    """It takes one replica's where `cluster` is equal and `__replica__` is not."""
    spec = prometheus(AWS)["prometheusSpec"]
    assert spec["externalLabels"] == {"cluster": "prod-aws"}
    assert spec["remoteWrite"][0]["writeRelabelConfigs"] == [
        {"sourceLabels": ["prometheus_replica"], "targetLabel": "__replica__"},
        {"action": "labeldrop", "regex": "prometheus_replica"},
    ]


def test_prometheus_may_write_to_that_workspace_and_nothing_else() -> None:
    world = operators(AWS, **MANAGED)
    policy = named(world, ":RolePolicy", f"{STACK}-policy").inputs["policy"]
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Action"] == ["aps:RemoteWrite"]
    assert statement["Resource"] == WORKSPACE["arn"]
    association = named(world, ":PodIdentityAssociation", f"{STACK}-association")
    assert association.inputs["namespace"] == "monitoring"
    assert association.inputs["serviceAccount"] == ACCOUNT
    assert world.waits_for(releases(world)[STACK], association)


def test_on_google_cloud_googles_build_of_prometheus_writes_to_the_project() -> None:
    world, made = operators(GCP, **MANAGED), prometheus(GCP)
    spec = made["prometheusSpec"]
    assert spec["image"]["repository"] == "prometheus-engine/prometheus"
    assert spec["image"]["tag"].startswith(spec["version"])
    assert len(spec["image"]["sha"]) == 64
    assert spec["externalLabels"] == {
        "cluster": "prod-gcp",
        "project_id": "acme-prod",
        "location": GCP["location"]["region"],
    }
    assert "remoteWrite" not in spec
    member = named(world, ":IAMMember", "metrics-may-write")
    assert member.inputs["role"] == "roles/monitoring.metricWriter"
    user = named(world, ":IAMMember", "metrics-user")
    assert user.inputs["member"] == f"serviceAccount:acme-prod.svc.id.goog[monitoring/{ACCOUNT}]"
    assert all(world.waits_for(releases(world)[STACK], each) for each in (member, user))
    assert "/projects/acme-prod/" in world.exports["metrics"]


@BOTH
def test_the_server_runs_as_the_account_that_has_the_right(base: Mapping[str, Any]) -> None:
    account = prometheus(base)["serviceAccount"]
    assert (account["create"], account["name"]) == (True, ACCOUNT)
    annotated = "iam.gke.io/gcp-service-account" in account["annotations"]
    assert annotated is (base is GCP)


@BOTH
def test_ours_goes_on_to_keep_evaluate_and_answer(base: Mapping[str, Any]) -> None:
    """Objectives look back 30 days; releases, KEDA and the retraining trigger ask it."""
    spec, plain = prometheus(base)["prometheusSpec"], values(operators(base), STACK)
    kept = {
        "retention",
        "retentionSize",
        "replicas",
        "storageSpec",
        "ruleSelectorNilUsesHelmValues",
    }
    for value in kept:
        assert spec[value] == plain["prometheus"]["prometheusSpec"][value], value


@BOTH
def test_the_way_to_the_nodes_credentials_is_open_only_where_it_is_needed(
    base: Mapping[str, Any],
) -> None:
    def reached(**more: Any) -> bool:
        wall = named(operators(base, **more), ":NetworkPolicy", f"{STACK}-operator")
        return "169.254." in json.dumps(wall.wire)

    assert reached(**MANAGED)
    assert not reached()


@BOTH
def test_without_it_nothing_of_it_is_made(base: Mapping[str, Any]) -> None:
    world = operators(base)
    assert not [r for r in world.resources if "amp/" in r.type or "metrics" in r.name]
    assert world.exports["metrics"] == ""


def test_other_stores_get_every_sample_as_before() -> None:
    other = {"url": "https://metrics.example.com/write"}
    aws = prometheus(AWS, remote_write=[other])["prometheusSpec"]["remoteWrite"]
    assert [store["url"] == other["url"] for store in aws] == [True, False]
    assert prometheus(GCP, remote_write=[other])["prometheusSpec"]["remoteWrite"] == [other]
