"""Rules that hold for every object of every component."""

from __future__ import annotations

from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from stanchion.names import LABEL_VALUE
from unit.components import programs
from unit.components.world import RANDOM_PASSWORD, SECRET_MARK, World, generated, text

STANDARD_LABELS = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/managed-by",
    "stanchion.dev/owner",
    "stanchion.dev/cost-center",
}
CLUSTER_WIDE = {"Namespace"}
OF_PROMETHEUS_OPERATOR = {"ServiceMonitor", "PrometheusRule"}


def test_every_object_fits_kubernetes_own_schema(platform: World) -> None:
    judged = 0
    for item in platform.manifests:
        if item["kind"] not in {*OF_PROMETHEUS_OPERATOR, "ExternalSecret"}:
            kubernetes_validate.validate(item, "1.36", strict=True)
            judged += 1
    assert judged > 30


def test_the_schema_check_sees_a_wrong_key(platform: World) -> None:
    broken = {**platform.object("Deployment", "wine"), "sepc": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.36", strict=True)


def test_every_object_has_an_explicit_name_and_namespace(platform: World) -> None:
    for item in platform.manifests:
        assert item["metadata"]["name"]
        assert "generateName" not in item["metadata"]
        assert ("namespace" in item["metadata"]) == (item["kind"] not in CLUSTER_WIDE)


def test_no_two_objects_share_kind_namespace_and_name(platform: World) -> None:
    keys = [
        (r.inputs["kind"], r.inputs["metadata"].get("namespace"), r.inputs["metadata"]["name"])
        for r in platform.resources
        if r.type.startswith("kubernetes:")
    ]
    assert len(keys) == len(set(keys))


def test_every_object_and_pod_is_labelled_with_owner_and_cost_center(platform: World) -> None:
    labelled = [item["metadata"]["labels"] for item in platform.manifests]
    labelled += [template["metadata"]["labels"] for template in platform.pods().values()]
    for labels in labelled:
        assert set(labels) >= STANDARD_LABELS
        assert all(LABEL_VALUE.fullmatch(value) for value in labels.values())


def test_nothing_is_empty_that_every_server_side_apply_would_write_anew(platform: World) -> None:
    def empty(value: Any, path: str) -> list[str]:
        # An empty selector means every pod: the one empty value that says something.
        if value in ([], {}) and not path.endswith("podSelector"):
            return [path]
        if isinstance(value, list):
            return [f for at, part in enumerate(value) for f in empty(part, f"{path}[{at}]")]
        if isinstance(value, dict):
            return [f for key, part in value.items() for f in empty(part, f"{path}.{key}")]
        return []

    assert [found for item in platform.manifests for found in empty(item, item["kind"])] == []


def test_every_child_belongs_to_its_component(platform: World) -> None:
    components = {r.urn for r in platform.resources if r.type.startswith("stanchion:")}
    for resource in platform.resources:
        if not resource.type.startswith("stanchion:"):
            assert resource.parent in components


def test_selectors_select_their_own_pods_and_no_others(platform: World) -> None:
    pods = platform.pods()
    for (kind, name), item in platform.objects.items():
        if kind in {"Deployment", "StatefulSet"}:
            chosen = item["spec"]["selector"]["matchLabels"].items()
            hit = [pod for pod, t in pods.items() if t["metadata"]["labels"].items() >= chosen]
            assert hit == [f"{kind}/{name}"]


def test_every_pod_is_isolated_both_ways_by_its_own_network_policy(platform: World) -> None:
    policies = [
        item["spec"]
        for (kind, name), item in platform.objects.items()
        if kind == "NetworkPolicy" and name not in {"default-deny", "allow-dns"}
    ]
    for template in platform.pods().values():
        labels = template["metadata"]["labels"].items()
        isolating = [
            p
            for p in policies
            if p["podSelector"].get("matchLabels")
            and labels >= p["podSelector"]["matchLabels"].items()
        ]
        assert {t for p in isolating for t in p["policyTypes"]} == {"Ingress", "Egress"}


def test_pods_meet_the_restricted_level_and_hold_no_token(platform: World) -> None:
    for template in platform.pods().values():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["serviceAccountName"] != "default"
        assert spec["enableServiceLinks"] is False
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] >= 999
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert all("hostPath" not in volume for volume in spec["volumes"])


def test_containers_are_read_only_and_without_capabilities(platform: World) -> None:
    for _, container in platform.containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]


def test_containers_state_requests_and_limits_and_memory_cannot_be_overcommitted(
    platform: World,
) -> None:
    for _, container in platform.containers():
        requests, limits = container["resources"]["requests"], container["resources"]["limits"]
        assert set(requests) == {"cpu", "memory", "ephemeral-storage"}
        assert set(limits) >= {"memory", "ephemeral-storage"}
        assert requests["memory"] == limits["memory"]


def test_every_mount_has_its_volume_and_every_secret_exists(platform: World) -> None:
    for name, template in platform.pods().items():
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        for container in template["spec"]["containers"]:
            claimed = {"data"} if name.startswith("StatefulSet") else set()
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes) | claimed
        for source in volumes["secrets"]["projected"]["sources"]:
            held = _keys(platform, source["secret"]["name"])
            assert {item["key"] for item in source["secret"]["items"]} <= held


def _keys(platform: World, secret: str) -> set[str]:
    """The keys of a Secret that is made here, or by External Secrets from what is."""
    if ("ExternalSecret", secret) in platform.objects:
        wanted = platform.object("ExternalSecret", secret)["spec"]["data"]
        return {entry["secretKey"] for entry in wanted}
    return set(platform.object("Secret", secret)["stringData"])


def test_long_running_containers_have_three_different_probes(platform: World) -> None:
    for name, container in platform.containers():
        if not name.startswith("Job/"):
            probes = [container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")]
            assert len({text(probe) for probe in probes}) == 3


def test_passwords_are_in_secrets_and_nowhere_else(platform: World) -> None:
    passwords = [generated(r.name) for r in platform.resources if r.type == RANDOM_PASSWORD]
    assert len(passwords) == 5
    for item in platform.manifests:
        if item["kind"] != "Secret":
            assert not any(password in text(item) for password in passwords)
    kept = "".join(text(item) for item in platform.manifests if item["kind"] == "Secret")
    assert all(password in kept for password in passwords)


def test_passwords_are_long_and_need_no_quoting(platform: World) -> None:
    for resource in platform.resources:
        if resource.type == RANDOM_PASSWORD:
            assert resource.inputs == {"length": 32, "special": False}


def test_values_of_secrets_travel_as_secrets(platform: World) -> None:
    def marked(value: Any) -> bool:
        return isinstance(value, dict) and SECRET_MARK in value

    for resource in platform.resources:
        if resource.type == "kubernetes:core/v1:Secret":
            values = resource.wire["stringData"]
            assert marked(values) or all(marked(value) for value in values.values())


def test_password_outputs_are_secret(platform: World) -> None:
    assert platform.exports["secrets"] == [True, True]


def test_no_password_is_in_an_environment_variable(platform: World) -> None:
    for _, container in platform.containers():
        for variable in container.get("env", []):
            assert "PASSWORD" not in variable["name"]
            assert "valueFrom" not in variable


def test_a_preview_knows_every_name(platform: World) -> None:
    planned = programs.platform(preview=True)
    assert set(planned.objects) == set(platform.objects)


def test_without_monitoring_nothing_needs_prometheus_operator() -> None:
    kinds = {kind for kind, _ in programs.platform(monitoring=False).objects}
    assert kinds.isdisjoint(OF_PROMETHEUS_OPERATOR)


def test_workloads_wait_for_the_walls_of_their_namespace(platform: World) -> None:
    walls = [r for r in platform.resources if r.name.endswith("-default-deny")]
    for kind, name, wall in (
        ("Deployment", "wine", "demo-default-deny"),
        ("Deployment", "mlflow", "tracking-default-deny"),
        ("StatefulSet", "database", "tracking-default-deny"),
    ):
        (earlier,) = [r for r in walls if r.name == wall]
        assert platform.waits_for(platform.registered(kind, name), earlier)


def test_a_model_service_waits_for_its_registry(platform: World) -> None:
    assert platform.waits_for(
        platform.registered("Deployment", "wine"), platform.registered("Deployment", "mlflow")
    )
