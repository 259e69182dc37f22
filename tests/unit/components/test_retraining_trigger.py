"""`RetrainingTrigger`: told what starts a training, and able to do little more than that."""

from __future__ import annotations

import re
from typing import Any, cast

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import stanchion
from stanchion import ArgumentsError
from stanchion.jobs import _training_pods
from stanchion.jobs.retraining_arguments import ALERTS, RetrainingReason
from stanchion.monitoring import DriftLimits, WatchedMonitor, drift_monitor_rules
from stanchion.monitoring.drift import drift_rules
from stanchion.monitoring.rules import AlertRule
from stanchion.monitoring.watched import WatchedService
from stanchion_model_server.settings import read
from stanchion_retraining import metrics, runs
from stanchion_retraining.settings import TriggerSettings
from unit.components.programs import OWNED
from unit.components.test_training_job import container, training
from unit.components.world import IMAGE, World, deploy

BUCKET = "s3://demo-wines/2026-11"


def trigger(**changes: Any) -> World:
    """A trigger named wine-training-retraining."""
    args = {
        "namespace": "demo",
        "tenant": "demo",
        **OWNED,
        "image": f"{IMAGE}/model-server:1.0",
        "training": "wine-training",
        "reasons": ["drift", "new-data"],
        "model_service": "wine",
        "served_version": "3",
        "data": BUCKET,
        "monitoring": True,
        **changes,
    }
    given = cast("stanchion.RetrainingTriggerArgs", {k: v for k, v in args.items() if v != ""})

    def program() -> Any:
        made = stanchion.RetrainingTrigger("wine-training-retraining", given)
        return {"service": made.service_name}

    return deploy(program)


def pod(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.object("Deployment")["spec"]["template"]["spec"]
    return found


def told(world: World) -> TriggerSettings:
    (one,) = pod(world)["containers"]
    return read({each["name"]: each["value"] for each in one["env"]}, TriggerSettings)


def test_its_objects_are_what_kubernetes_takes() -> None:
    for manifest in trigger().manifests:
        if "coreos" not in manifest["apiVersion"]:
            kubernetes_validate.validate(manifest, "1.36", strict=True)


def test_it_is_told_what_it_needs() -> None:
    found = told(trigger(cooldown_hours=48, max_runs=3, poll_minutes=2, settle_minutes=20))
    assert (found.namespace, found.cron_job, found.service) == ("demo", "wine-training", "wine")
    assert found.reasons == {
        "ModelServiceFeatureDrift": "drift",
        "ModelServicePredictionDrift": "drift",
    }
    assert (found.cooldown_seconds, found.max_runs, found.poll_seconds) == (48 * 3600, 3, 120)
    assert (found.data_uri, found.settle_seconds) == (BUCKET, 1200)
    assert found.served_version == "3"


def test_every_reason_is_one_that_the_trigger_counts() -> None:
    assert set(metrics.REASONS) == set(RetrainingReason)


def test_every_drift_alert_of_a_service_is_known() -> None:
    watched = WatchedService(
        "wine", "demo", "demo", "demo", slo={}, settling_seconds=60, drift=DriftLimits()
    )
    alerts = {
        rule.alert
        for group in drift_rules(watched)
        for rule in group.rules
        if isinstance(rule, AlertRule)
    }
    # What a day's log says beside the rules of every five minutes starts nothing a second time.
    assert alerts | {"ModelServiceQualityLost"} == set(ALERTS)


def test_the_alert_of_late_labels_is_one_that_a_drift_monitor_has() -> None:
    watched = WatchedMonitor(
        "wine",
        "demo",
        "demo",
        "demo",
        "wine-monitor",
        metric="accuracy",
        min_labels=200,
        overdue_seconds=3600,
    )
    (group,) = drift_monitor_rules(watched)
    assert "ModelServiceQualityLost" in {
        rule.alert for rule in group.rules if isinstance(rule, AlertRule)
    }


def test_what_the_trigger_writes_on_pods_is_what_a_training_reads() -> None:
    assert set(_training_pods.BECAUSE.values()) == {runs.REASON, runs.CAUSE, runs.PARENT}


def test_it_may_read_one_cron_job_and_make_jobs_and_nothing_else() -> None:
    world = trigger()
    rights = {
        (*rule["resources"], *rule.get("resourceNames", ())): rule["verbs"]
        for rule in world.object("Role")["rules"]
    }
    assert rights == {
        ("cronjobs", "wine-training"): ["get"],
        ("cronjobs/status", "wine-training"): ["patch"],
        ("jobs",): ["list", "create"],
    }
    (subject,) = world.object("RoleBinding")["subjects"]
    account = world.object("ServiceAccount")
    assert (subject["kind"], subject["name"]) == ("ServiceAccount", account["metadata"]["name"])
    assert account["automountServiceAccountToken"] is False
    assert pod(world)["automountServiceAccountToken"] is False
    (token, authority) = next(v for v in pod(world)["volumes"] if v["name"] == "account")[
        "projected"
    ]["sources"]
    assert token["serviceAccountToken"]["expirationSeconds"] == 3600
    assert authority["configMap"]["name"] == "kube-root-ca.crt"


def test_alertmanager_tells_it_of_the_services_drift_and_of_nothing_else() -> None:
    spec = trigger().object("AlertmanagerConfig")["spec"]
    route, (receiver,) = spec["route"], spec["receivers"]
    matchers = {each["name"]: each["value"] for each in route["matchers"]}
    assert all(each["matchType"] == "=~" for each in route["matchers"])
    assert matchers["service"] == "wine"
    assert re.fullmatch(matchers["alertname"], "ModelServicePredictionDrift")
    assert not re.fullmatch(matchers["alertname"], "ModelServiceDataQuality")
    assert receiver["name"] == route["receiver"]
    (webhook,) = receiver["webhookConfigs"]
    host = "wine-training-retraining.demo.svc.cluster.local"
    assert webhook["url"] == f"http://{host}/alerts"
    assert route["continue"], "people hear of it as well"


def test_only_monitoring_comes_in_and_only_what_is_needed_goes_out() -> None:
    policy = trigger().object("NetworkPolicy")["spec"]
    (admitted,) = policy["ingress"]
    peers = [each["podSelector"]["matchLabels"] for each in admitted["from"]]
    assert peers == [
        {"app.kubernetes.io/name": "alertmanager"},
        {"app.kubernetes.io/name": "prometheus"},
    ]
    alone = trigger(reasons=["drift"], data="").object("NetworkPolicy")["spec"]
    ports = {port["port"] for rule in alone["egress"] for port in rule["ports"]}
    assert ports == {53, 443, 6443}
    assert len(policy["egress"]) > len(alone["egress"]), "a bucket is reached"


def test_without_monitoring_data_are_watched_and_nobody_comes_in() -> None:
    world = trigger(monitoring=False, reasons=["new-data"], model_service="")
    assert not world.object("NetworkPolicy")["spec"].get("ingress")
    kinds = {kind for kind, _ in world.objects}
    assert kinds & {"AlertmanagerConfig", "ServiceMonitor", "PrometheusRule"} == set()
    assert told(world).reasons == {}


def test_a_volume_is_mounted_to_be_read_alone() -> None:
    world = trigger(data="file:///data/wines", volume_claim_name="wine")
    (one,) = pod(world)["containers"]
    (mount,) = [each for each in one["volumeMounts"] if each["mountPath"] == "/data"]
    assert mount["readOnly"] is True


def test_a_replica_goes_when_another_one_answers() -> None:
    world = trigger(replicas=2)
    spec = world.object("Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]["rollingUpdate"]["maxUnavailable"]) == (2, 0)
    assert world.object("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"reasons": []}, "reasons: is empty"),
        ({"reasons": ["drift", "drift"]}, "reasons: 'drift' is there twice"),
        (
            {"reasons": ["rain"]},
            "'rain' is unknown; write one of drift, data-quality, quality, new-data",
        ),
        ({"model_service": ""}, "model_service: is missing, and reasons has drift"),
        ({"monitoring": False}, "monitoring: is false, and reasons has drift"),
        ({"data": ""}, "data: is missing, and reasons has new-data"),
        ({"data": "https://example.org/a.csv"}, "is no folder that can be watched"),
        ({"data": "file:///data/wines"}, "volume_claim_name: is missing, and data is file:"),
        ({"cooldown_hours": 0}, "cooldown_hours: 0 is out of range"),
        ({"max_runs": 101}, "max_runs: 101 is out of range"),
        ({"training": "Wine"}, "training: 'Wine' is no name"),
        ({"resources": {"cpu": "much", "memory": "1Gi"}}, "resources.cpu: 'much' is no amount"),
    ],
)
def test_wrong_arguments_are_refused_with_what_to_write(
    changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ArgumentsError) as error:
        trigger(**changes)
    assert problem in str(error.value)


def test_a_training_on_demand_is_a_cron_job_that_begins_nothing_by_itself() -> None:
    waiting = training(on_demand=True, kept_runs=8).object("CronJob")["spec"]
    assert waiting["suspend"] is True
    assert waiting["successfulJobsHistoryLimit"] == waiting["failedJobsHistoryLimit"] == 8
    scheduled = training(on_demand=True, schedule="17 3 * * 0").object("CronJob")["spec"]
    assert (scheduled["schedule"], scheduled.get("suspend")) == ("17 3 * * 0", None)


def test_a_training_on_demand_knows_why_it_runs() -> None:
    env = {each["name"]: each for each in container(training(on_demand=True))["env"]}
    path = env["RETRAINING_REASON"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert path == f"metadata.annotations['{runs.REASON}']"
    assert "RETRAINING_REASON" not in {each["name"] for each in container(training())["env"]}


def test_several_nodes_are_not_trained_on_demand() -> None:
    with pytest.raises(ArgumentsError, match="is 2, and on_demand is set"):
        training(nodes=2, on_demand=True)
