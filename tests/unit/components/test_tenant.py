from __future__ import annotations

from typing import Any

import pytest
from stanchion import ArgumentsError, Role
from unit.components.programs import tenant


@pytest.mark.parametrize("mode", ["enforce", "audit", "warn"])
def test_the_namespace_holds_pods_to_the_restricted_level(mode: str) -> None:
    labels = tenant().object("Namespace")["metadata"]["labels"]
    assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"


def test_the_namespace_names_its_tenant_owner_and_cost_center() -> None:
    labels = tenant().object("Namespace", "demo")["metadata"]["labels"]
    assert labels["stanchion.dev/tenant"] == "demo"
    assert labels["stanchion.dev/owner"] == "team-a"
    assert labels["stanchion.dev/cost-center"] == "cc-1"


def test_everything_is_denied_both_ways_unless_allowed() -> None:
    assert tenant().object("NetworkPolicy", "default-deny")["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


def test_names_are_looked_up_at_cluster_dns_alone_over_udp_and_tcp() -> None:
    (rule,) = tenant().object("NetworkPolicy", "allow-dns")["spec"]["egress"]
    assert {(port["protocol"], port["port"]) for port in rule["ports"]} == {
        ("UDP", 53),
        ("TCP", 53),
    }
    (peer,) = rule["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "kube-system"
    }
    assert peer["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}


def test_pods_of_one_namespace_meet_only_when_asked() -> None:
    assert ("NetworkPolicy", "allow-same-namespace") not in tenant().objects
    allowed = tenant(allow_same_namespace=True).object("NetworkPolicy", "allow-same-namespace")
    assert allowed["spec"]["ingress"] == [{"from": [{"podSelector": {}}]}]
    assert allowed["spec"]["egress"] == [{"to": [{"podSelector": {}}]}]


def test_the_tracking_server_is_open_only_to_declared_clients() -> None:
    label = "stanchion.dev/tracking-client"
    assert label not in tenant().object("Namespace")["metadata"]["labels"]
    assert tenant(tracking_client=True).object("Namespace")["metadata"]["labels"][label] == "true"


@pytest.mark.parametrize(
    ("role", "cluster_role"), [("viewer", "view"), ("editor", "edit"), ("admin", "admin")]
)
def test_a_role_is_kubernetes_own(role: str, cluster_role: str) -> None:
    binding = tenant(access=[{"group": "g", "role": role}]).object("RoleBinding")
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": cluster_role,
    }
    assert [subject["name"] for subject in binding["subjects"]] == ["g"]


def test_groups_of_one_role_share_a_binding_and_unused_roles_have_none() -> None:
    world = tenant(
        access=[{"group": "a", "role": Role.VIEWER}, {"group": "b", "role": Role.VIEWER}]
    )
    binding = world.object("RoleBinding")
    assert [subject["name"] for subject in binding["subjects"]] == ["a", "b"]


def test_no_rights_reach_beyond_the_namespace() -> None:
    world = tenant(access=[{"group": "a", "role": "admin"}])
    assert "ClusterRoleBinding" not in {kind for kind, _ in world.objects}


def test_the_quota_covers_gpus_and_refuses_ways_out_of_the_cluster() -> None:
    hard = tenant(quota={"gpus": 8, "memory": "64Gi"}).object("ResourceQuota")["spec"]["hard"]
    assert hard["requests.nvidia.com/gpu"] == "8"
    assert hard["requests.memory"] == hard["limits.memory"] == "64Gi"
    assert hard["services.nodeports"] == hard["services.loadbalancers"] == "0"


def test_spare_cpu_is_free() -> None:
    world = tenant()
    assert "limits.cpu" not in world.object("ResourceQuota")["spec"]["hard"]
    (defaults,) = world.object("LimitRange")["spec"]["limits"]
    assert "cpu" not in defaults["default"]
    assert defaults["defaultRequest"]["cpu"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"namespace": "Demo"}, "namespace: 'Demo' is no name"),
        ({"namespace": "a" * 41}, "at most 40"),
        ({"owner": "team a"}, "owner: 'team a' cannot be a label"),
        ({"owner": ""}, "owner: '' cannot be a label"),
        ({"quota": {"gpus": -1}}, "quota.gpus: -1 is out of range"),
        ({"quota": {"memory": "lots"}}, "quota.memory: 'lots' is no amount"),
        ({"quota": {"gpu": 1}}, "quota.gpu: is no argument; write gpus"),
        ({"access": [{"group": "g", "role": "owner"}]}, "access[0].role: 'owner' is unknown"),
        ({"access": [{"group": "g"}]}, "access[0].role: is missing"),
        ({"access": [{"group": " ", "role": "admin"}]}, "access[0].group: is empty"),
        (
            {"access": [{"group": "system:authenticated", "role": "viewer"}]},
            "is everyone, not a team",
        ),
        (
            {"access": [{"group": "g", "role": "viewer"}, {"group": "g", "role": "viewer"}]},
            "'g as viewer' is there twice",
        ),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError) as error:
        tenant(**wrong)
    assert told in str(error.value)
