"""How policies find the objects that belong together, unknown names and namespaces among them."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy
from stanchion_policies.cluster import Cluster
from stanchion_policies.kubernetes import KubernetesObject
from stanchion_policies.unknown import UnknownValueError


def _object(kind: str, name: str, namespace: str | None, group: str = "") -> KubernetesObject:
    metadata: dict[str, Any] = {"name": name}
    if namespace is not None:
        metadata["namespace"] = namespace
    body = unknown_checking_proxy({"metadata": metadata})
    return KubernetesObject(f"urn:{name}", name, group, kind, body)


FIRST = _object("ConfigMap", "first", "team")
SECOND = _object("ConfigMap", "second", "team")
ELSEWHERE = _object("ConfigMap", "first", "other")
LATE = _object("ConfigMap", "late", UNKNOWN_STRING_VALUE)
NAMELESS = _object("ConfigMap", UNKNOWN_STRING_VALUE, "team")
WORKLOAD = _object("Deployment", "server", "team", "apps")
ADRIFT = _object("Deployment", "server", UNKNOWN_STRING_VALUE, "apps")


def test_an_object_is_found_by_kind_namespace_and_name() -> None:
    cluster = Cluster([FIRST, ELSEWHERE])
    assert cluster.find("ConfigMap", "other", "first") is ELSEWHERE
    assert cluster.find("Secret", "other", "first") is None


def test_objects_of_unknown_names_are_passed_over() -> None:
    assert Cluster([NAMELESS, LATE, FIRST]).find("ConfigMap", "team", "first") is FIRST


def test_a_kind_of_another_api_group_is_another_kind() -> None:
    knative = _object("Service", "web", "team", "serving.knative.dev")
    assert Cluster([knative]).find("Service", "team", "web") is None


def test_objects_beside_a_workload_keep_their_order() -> None:
    found = Cluster([SECOND, ELSEWHERE, FIRST]).policies_for(WORKLOAD, "ConfigMap")
    assert [*found] == [SECOND, FIRST]


def test_an_unknown_namespace_may_be_the_workloads() -> None:
    cluster = Cluster([FIRST, LATE])
    for _ in range(2):
        with pytest.raises(UnknownValueError):
            cluster.policies_for(WORKLOAD, "ConfigMap")
    assert [*cluster.possibly_in("team", "ConfigMap")] == [FIRST, LATE]


def test_where_there_is_no_such_object_the_namespace_does_not_matter() -> None:
    assert [*Cluster([ADRIFT]).policies_for(ADRIFT, "ConfigMap")] == []
    with pytest.raises(UnknownValueError):
        Cluster([FIRST]).policies_for(ADRIFT, "ConfigMap")
