"""`DriftMonitor`: a job that judges, an exporter that tells, and alerts that follow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import stanchion
from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT
from stanchion import ArgumentsError
from stanchion.jobs import _drift_pods
from stanchion.monitoring import drift
from stanchion_drift_monitor import comparing
from stanchion_drift_monitor.settings import OF_TASK, ExporterSettings, MonitorSettings
from stanchion_model_server.batch import errors
from stanchion_model_server.settings import read
from unit.components.programs import OWNED
from unit.components.world import IMAGE, World, deploy

LABELS: dict[str, Any] = {
    "location": "s3://demo-labels/cultivars",
    "column": "cultivar",
    "task": "classification",
    "metric": "accuracy",
    "max_drop": 0.05,
}


def monitor(**changes: Any) -> World:
    """A monitor named wine-monitor."""
    args = {
        "namespace": "demo",
        "tenant": "demo",
        **OWNED,
        "image": f"{IMAGE}/model-server:1.0",
        "model_service": "wine",
        "model_name": "wine-cultivar",
        "prediction_log": "s3://demo-log/wine",
        "reports": "s3://demo-reports/drift",
        "tracking": {
            "url": "http://mlflow.tracking.svc.cluster.local:5000",
            "namespace": "tracking",
            "secret_name": "wine-monitor-mlflow",
        },
        "schedule": "30 2 * * *",
        "labels": LABELS,
        "monitoring": True,
        **changes,
    }
    given = cast("stanchion.DriftMonitorArgs", {k: v for k, v in args.items() if v is not None})

    def program() -> Any:
        made = stanchion.DriftMonitor("wine-monitor", given)
        return {"cron": made.cron_job_name, "service": made.service_name}

    return deploy(program)


def job(world: World) -> dict[str, Any]:
    return dict(world.object("CronJob")["spec"]["jobTemplate"]["spec"])


def told(world: World, **pod: str) -> MonitorSettings:
    (one,) = job(world)["template"]["spec"]["containers"]
    given = {each["name"]: each.get("value", "") for each in one["env"]}
    return read({**given, **pod}, MonitorSettings)


def alerts(world: World) -> dict[str, list[dict[str, Any]]]:
    (group,) = world.object("PrometheusRule")["spec"]["groups"]
    named: dict[str, list[dict[str, Any]]] = {}
    for rule in group["rules"]:
        named.setdefault(rule["alert"], []).append(rule)
    return named


def problems(**changes: Any) -> list[str]:
    with pytest.raises(ArgumentsError) as error:
        monitor(**changes)
    return list(error.value.problems)


@pytest.mark.parametrize("changes", [{}, {"queue": "demo"}, {"monitoring": None, "labels": None}])
def test_its_objects_are_what_kubernetes_takes(changes: dict[str, Any]) -> None:
    for manifest in monitor(**changes).manifests:
        if "coreos" not in manifest["apiVersion"]:
            kubernetes_validate.validate(manifest, "1.36", strict=True)


def test_the_job_understands_what_it_is_told() -> None:
    found = told(monitor(psi=0.3, problem_ratio=0.1, min_rows=500, window_days=7))
    assert (found.service, found.registered_model_name) == ("wine", "wine-cultivar")
    assert (found.psi, found.problem_ratio, found.min_rows) == (0.3, 0.1, 500)
    assert found.window_days == 7
    assert found.labels is not None
    assert (found.labels.metric, found.labels.max_drop) == ("accuracy", 0.05)
    assert (found.labels.days, found.labels.min_rows) == (30, 200)


def test_mlflow_writes_no_line_of_its_own_into_logs_of_json() -> None:
    (one,) = job(monitor())["template"]["spec"]["containers"]
    given = {each["name"]: each.get("value") for each in one["env"]}
    assert given[MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.name] == "true"


def test_a_run_judges_the_day_before_its_schedule_however_late_it_is_tried() -> None:
    scheduled = datetime.now(UTC) - timedelta(days=9)
    minutes = int(scheduled.timestamp()) // 60  # as the controller names its Jobs
    found = told(monitor(), JOB_NAME=f"wine-monitor-{minutes}")
    last = scheduled.date() - timedelta(days=1)
    assert found.last == last
    assert found.days(2) == [last - timedelta(days=1), last]


def test_the_exporter_understands_what_it_is_told_and_may_only_read() -> None:
    world = monitor(
        prediction_log="file:///data/log",
        reports="file:///data/reports",
        labels=None,
        volume_claim_name="wine-data",
    )
    pod = world.object("Deployment")["spec"]["template"]["spec"]
    (one,) = pod["containers"]
    given = {each["name"]: each["value"] for each in one["env"]}
    found = read(given, ExporterSettings)
    assert (found.service, found.report_uri) == ("wine", "file:///data/reports")
    assert {each["mountPath"]: each.get("readOnly") for each in one["volumeMounts"]} == {
        "/tmp": None,
        "/data": True,
    }
    assert not any("secret" in str(each) for each in pod["volumes"]), "it needs no MLflow"


def test_what_no_try_cures_ends_the_job_and_an_eviction_counts_for_nothing() -> None:
    ignored, refused = job(monitor())["podFailurePolicy"]["rules"]
    assert ignored["action"] == "Ignore"
    assert (refused["action"], refused["onExitCodes"]["values"]) == (
        "FailJob",
        [errors.MISCONFIGURED, errors.MODEL_REFUSED, errors.INPUT_REFUSED],
    )


def test_its_pods_reach_what_their_work_needs_and_are_told_apart() -> None:
    world = monitor()
    policies = {
        each["metadata"]["name"]: each["spec"]
        for each in world.manifests
        if each["kind"] == "NetworkPolicy"
    }
    judges, tells = policies["wine-monitor"], policies["wine-monitor-exporter"]
    assert not judges.get("ingress")
    assert len(tells["ingress"]) == 1, "Prometheus"
    assert judges["podSelector"] != tells["podSelector"]
    mlflow = [rule for rule in judges["egress"] if "tracking" in json.dumps(rule)]
    assert mlflow
    assert not [rule for rule in tells["egress"] if "tracking" in json.dumps(rule)]
    selector = world.object("Service")["spec"]["selector"]
    assert selector == tells["podSelector"]["matchLabels"], "no job is behind the Service"


def test_its_metrics_are_the_model_services_own() -> None:
    (endpoint,) = monitor().object("ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["relabelings"] == [{"targetLabel": "service", "replacement": "wine"}]


def test_without_prometheus_it_judges_and_nothing_tells() -> None:
    world = monitor(monitoring=None)
    assert world.exports["service"] is None
    assert {each["kind"] for each in world.manifests} == {
        "CronJob",
        "NetworkPolicy",
        "ServiceAccount",
    }


def test_its_alerts_are_about_the_service_and_name_who_answers() -> None:
    found = alerts(monitor())
    assert set(found) == {
        "ModelServiceQualityLost",
        "ModelServiceQualityUnknown",
        "ModelServiceLogDrift",
        "DriftMonitorBlind",
    }
    for rule in (each for rules in found.values() for each in rules):
        labels = rule["labels"]
        assert (labels["service"], labels["namespace"]) == ("wine", "demo")
        assert (labels["severity"], labels["tenant"], labels["owner"]) == (
            "ticket",
            "demo",
            OWNED["owner"],
        )
        assert labels["monitor"] == "wine-monitor"


def test_without_labels_nothing_is_said_of_quality() -> None:
    found = alerts(monitor(labels=None))
    assert not {"ModelServiceQualityLost", "ModelServiceQualityUnknown"} & found.keys()


def test_quality_is_unknown_by_the_number_of_labels_that_the_job_asks_for() -> None:
    for changes in ({}, {"labels": {**LABELS, "min_rows": 77}}):
        asked = told(monitor(**changes)).labels
        assert asked is not None
        (rule,) = alerts(monitor(**changes))["ModelServiceQualityUnknown"]
        assert f"< {asked.min_rows})" in rule["expr"]


def test_a_weekly_run_is_overdue_a_day_after_its_week() -> None:
    (late, first) = alerts(monitor(window_days=7))["DriftMonitorBlind"]
    assert f"- {9 * 24 * 3600}" in late["expr"]
    assert first["for"] == f"{9 * 24 * 3600}s"


def test_the_job_and_prometheus_count_by_the_same_numbers() -> None:
    assert comparing.SMALLEST_SHARE == drift._SMALLEST_SHARE
    assert comparing.RANGE_ROWS == drift._RANGE_ROWS


def test_every_metric_that_may_be_judged_is_one_that_the_job_judges() -> None:
    listed = {str(each) for metrics in OF_TASK.values() for each in metrics}
    assert listed == set(stanchion.QualityMetric)
    assert set(OF_TASK) == set(stanchion.LabelledTask)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schedule": "nightly"}, "schedule: 'nightly' is no schedule"),
        ({"reports": "file:///data/reports"}, "reports: is on a volume"),
        ({"reports": "s3://demo-log/wine/reports"}, "reports: is within prediction"),
        ({"prediction_log": "ftp://x"}, "is no folder that pods reach"),
        ({"min_rows": 10}, "min_rows"),
        ({"labels": {**LABELS, "metric": "mae"}}, "mae is none of a classification"),
        ({"labels": {**LABELS, "metric": "logLoss"}}, "probabilities"),
        ({"labels": {k: v for k, v in LABELS.items() if k != "max_drop"}}, "judges nothing"),
        ({"labels": {**LABELS, "max_drop": -1}}, "write 0 to 1"),
        ({"overdue_hours": 1}, "overdue"),
        ({"model_name": " "}, "is empty"),
    ],
)
def test_what_could_not_work_is_refused(changes: dict[str, Any], said: str) -> None:
    found = problems(**changes)
    assert any(said in each for each in found), found


def test_the_program_is_the_images() -> None:
    assert _drift_pods._PROGRAM == "stanchion-drift-monitor"
