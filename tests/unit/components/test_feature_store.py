"""The feature store's objects; the image's own commands are tested with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import stanchion
from stanchion import ArgumentsError
from unit.components.programs import OWNED
from unit.components.world import IMAGE, World, deploy

DATABASE = {
    "host": "database.tracking.svc.cluster.local",
    "port": 5432,
    "admin_secret_name": "database-admin",
    "pods": {"namespace": "tracking"},
}
BUCKET = {"sources": "s3://team-features/shop"}


def features(**changes: Any) -> World:
    """A feature store over files on a volume."""
    args = {
        "namespace": "tracking",
        **OWNED,
        "image": f"{IMAGE}/feature-store:1.0",
        "database": DATABASE,
        "definitions": {"customers.py": "customer = 1\n"},
        "sources": "file:///data/features",
        **changes,
    }
    if args["sources"].startswith("file:"):
        args.setdefault("volume_claim_name", "features")

    def program() -> Any:
        made = stanchion.FeatureStore("features", cast("stanchion.FeatureStoreArgs", args))
        return {"url": made.url, "namespace": made.namespace, "service": made.service_name}

    return deploy(program)


def template(world: World, kind: str, part: str) -> Mapping[str, Any]:
    """The pods of the one object whose name begins so."""
    (found,) = [o for (k, n), o in world.objects.items() if k == kind and n.startswith(part)]
    spec = found["spec"]
    return cast("Mapping[str, Any]", spec.get("jobTemplate", {"spec": spec})["spec"]["template"])


PODS = (
    ("Job", "features-apply"),
    ("Deployment", "features"),
    ("CronJob", "features-materialize"),
    ("CronJob", "features-check"),
)


def test_its_objects_are_what_kubernetes_takes() -> None:
    known = [
        m for m in features(replicas=2).manifests if "monitoring.coreos" not in m["apiVersion"]
    ]
    assert len(known) > 15
    for manifest in known:
        kubernetes_validate.validate(manifest, "1.36", strict=True)


def test_it_says_where_it_answers() -> None:
    assert features().exports == {
        "url": "http://features.tracking.svc.cluster.local",
        "namespace": "tracking",
        "service": "features",
    }


def test_the_images_commands_are_the_contract() -> None:
    world = features()
    commands = [
        container["command"]
        for kind, part in PODS
        for container in (
            *template(world, kind, part)["spec"].get("initContainers", ()),
            *template(world, kind, part)["spec"]["containers"],
        )
    ]
    words = ["prepare", "apply", "serve", "materialize", "check"]
    assert commands == [["stanchion-feature-store", word] for word in words]


def test_every_pod_is_restricted_and_every_container_read_only() -> None:
    world = features()
    for kind, part in PODS:
        spec = template(world, kind, part)["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["automountServiceAccountToken"] is False
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert {"cpu", "memory", "ephemeral-storage"} <= {*container["resources"]["limits"]}


def test_a_teams_code_runs_without_the_administrators_password() -> None:
    spec = template(features(), "Job", "features-apply")["spec"]
    (apply,) = spec["containers"]
    mounts = {m["mountPath"]: m.get("subPath") for m in apply["volumeMounts"]}
    assert mounts == {
        "/tmp": None,
        "/run/secrets/stanchion/owner": "owner",
        "/definitions": None,
    }


def test_the_server_has_the_password_that_reads_and_no_other() -> None:
    for kind, part, role in (
        ("Deployment", "features", "reader"),
        ("CronJob", "features-materialize", "writer"),
        ("CronJob", "features-check", "writer"),
    ):
        (secrets,) = [
            volume["projected"]["sources"]
            for volume in template(features(), kind, part)["spec"]["volumes"]
            if "projected" in volume
        ]
        assert [each["secret"]["name"] for each in secrets] == [f"features-{role}"]


def test_passwords_are_secrets_of_the_state() -> None:
    world = features()
    for role in ("owner", "writer", "reader"):
        assert world.registered("Secret", f"features-{role}").wire


def test_other_definitions_are_another_job_and_other_pods() -> None:
    before, after = features(), features(definitions={"customers.py": "customer = 2\n"})
    same = features()
    jobs = [{n for k, n in world.objects if k in {"Job", "ConfigMap"}} for world in (before, after)]
    assert not jobs[0] & jobs[1]
    assert jobs[0] == {n for k, n in same.objects if k in {"Job", "ConfigMap"}}
    annotations = [
        template(world, "Deployment", "features")["metadata"]["annotations"]
        for world in (before, after)
    ]
    assert annotations[0] != annotations[1]


def test_the_server_waits_for_its_definitions() -> None:
    world = features()
    (job,) = [n for k, n in world.objects if k == "Job"]
    for kind, name in PODS[1:]:
        assert world.waits_for(world.registered(kind, name), world.registered("Job", job))


def test_callers_are_those_that_are_named_and_metrics_are_prometheus_own() -> None:
    world = features(clients=[{"namespace": "demo"}])
    rules = world.object("NetworkPolicy", "features-server")["spec"]["ingress"]
    by_port = {rule["ports"][0]["port"]: rule["from"] for rule in rules}
    named = [peer.get("namespaceSelector", {}).get("matchLabels") for peer in by_port[8080]]
    assert named == [None, {"kubernetes.io/metadata.name": "demo"}]
    assert by_port[9090] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]


@pytest.mark.parametrize(
    ("changes", "ports"), [({}, {53, 5432}), (BUCKET, {53, 5432, 80, 8080, 443})]
)
def test_the_jobs_alone_reach_the_sources(changes: dict[str, Any], ports: set[int]) -> None:
    world = features(**changes)
    for part, wanted in (("jobs", ports), ("server", {53, 5432}), ("apply", {53, 5432})):
        rules = world.object("NetworkPolicy", f"features-{part}")["spec"]["egress"]
        assert {port["port"] for rule in rules for port in rule["ports"]} == wanted, part


def test_an_identity_belongs_to_the_jobs_alone() -> None:
    world = features(**BUCKET, service_account_annotations={"eks.amazonaws.com/role-arn": "arn"})
    annotated = [
        name
        for (kind, name), item in world.objects.items()
        if kind == "ServiceAccount" and item["metadata"].get("annotations")
    ]
    assert annotated == ["features-jobs"]


def test_what_another_try_cannot_cure_is_tried_once() -> None:
    job = features().object("CronJob", "features-check")["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    rules = job["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert [(rule["action"], rule.get("onExitCodes", {}).get("values")) for rule in rules] == [
        ("Ignore", None),
        ("FailJob", [2, 3]),
    ]


def test_with_monitoring_it_is_scraped_and_has_alerts() -> None:
    world = features(monitoring=True, stale_minutes=30)
    (group,) = world.object("PrometheusRule")["spec"]["groups"]
    by_name = {rule["alert"]: rule["expr"] for rule in group["rules"]}
    assert set(by_name) == {
        "FeatureStoreUnavailable",
        "FeatureStoreStale",
        "FeatureStoreInconsistent",
        "FeatureStoreUnchecked",
    }
    assert by_name["FeatureStoreStale"].endswith("> 1800")
    assert world.object("ServiceMonitor")["spec"]["endpoints"][0]["port"] == "metrics"
    assert "ServiceMonitor" not in {kind for kind, _ in features().objects}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"definitions": {}}, "definitions: is empty"),
        ({"definitions": {"../a.py": ""}}, r"definitions\['../a.py'\]: is no name"),
        ({"definitions": {"a.py": "x" * 900_001}}, "definitions: has 900001 bytes"),
        ({"sources": "https://example.com/a"}, "sources: 'https://example.com/a' is no folder"),
        ({"overlap_minutes": 180, "step_hours": 3}, "step_hours: 3 is no longer than"),
        ({"tolerance": 0.9}, "tolerance"),
        ({"check_schedule": "hourly"}, "check_schedule: 'hourly' is no schedule"),
        ({"image": f"{IMAGE}/feature-store"}, "image"),
        (
            {"service_account_annotations": {"a": "b"}},
            "service_account_annotations: are given, but",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_field(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError, match=told):
        features(**changes)
