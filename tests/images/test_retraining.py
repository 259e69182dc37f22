"""`stanchion-retraining`: one training for one cause, held to its limits, and nothing forgotten."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from stanchion_model_server.settings import SettingsError, read
from stanchion_retraining.kubernetes import KubernetesError, Training
from stanchion_retraining.metrics import Metrics
from stanchion_retraining.runs import CAUSE, PARENT, REASON
from stanchion_retraining.server import application
from stanchion_retraining.settings import TriggerSettings
from stanchion_retraining.trigger import Trigger

from .jobs_api import TOKEN, UID, Cluster, jobs_api

HOUR = 3600
BEGAN = "2026-11-22T05:01:15.000000000Z"
"""As Alertmanager writes it: Go's RFC 3339 with nanoseconds where there are any."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with jobs_api() as served:
        yield served


def environment(cluster: Cluster, folder: Path, **changes: str) -> dict[str, str]:
    (folder / "token").write_text(TOKEN)
    return {
        "NAMESPACE": "demo",
        "CRON_JOB": "wine-training",
        "ALERTS": "ModelServiceFeatureDrift=drift,ModelServiceDataQuality=data-quality",
        "SERVICE": "wine",
        "SERVED_VERSION": "3",
        "COOLDOWN_SECONDS": str(24 * HOUR),
        "MAX_RUNS": "3",
        "KUBERNETES_URL": cluster.address,
        "KUBERNETES_ACCOUNT_DIR": str(folder),
        **changes,
    }


class Started:
    """A trigger in this process, as it is right after a start: it knows nothing of before."""

    def __init__(self, cluster: Cluster, folder: Path, **changes: str) -> None:
        settings = read(environment(cluster, folder, **changes), TriggerSettings)
        self.metrics = Metrics()
        training = Training(settings.kubernetes_url, folder, settings.namespace, settings.cron_job)
        self.trigger = Trigger(settings, training, self.metrics)

    async def post(self, content: bytes | str) -> httpx.Response:
        transport = httpx.ASGITransport(application(self.trigger, self.metrics))
        async with httpx.AsyncClient(transport=transport, base_url="http://trigger") as client:
            return await client.post("/alerts", content=content)

    async def told(self, *alerts: dict[str, Any]) -> list[str]:
        response = await self.post(json.dumps(notice(*alerts)))
        assert response.status_code == 200, response.text
        outcomes: list[str] = response.json()["outcomes"]
        return outcomes

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


def alert(**changes: Any) -> dict[str, Any]:
    labels = {
        "alertname": "ModelServiceFeatureDrift",
        "namespace": "demo",
        "owner": "demo-team",
        "prometheus": "monitoring/prometheus",
        "service": "wine",
        "severity": "ticket",
        "tenant": "demo",
        "version": "3",
        **changes.pop("labels", {}),
    }
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "wine in demo is asked otherwise than its model was trained"},
        "startsAt": BEGAN,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph?g0.expr=count",
        "fingerprint": "6ac4b2f1d2a1c3e5",
        **changes,
    }


def notice(*alerts: dict[str, Any]) -> dict[str, Any]:
    """The body of Alertmanager's webhook, version 4."""
    return {
        "receiver": "demo/wine-training-retraining/retraining",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {"alertname": "ModelServiceFeatureDrift"},
        "commonLabels": {"service": "wine"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "version": "4",
        "groupKey": '{}/{namespace="demo"}:{alertname="ModelServiceFeatureDrift"}',
        "truncatedAlerts": 0,
    }


async def test_an_alert_starts_what_the_cron_job_would(cluster: Cluster, tmp_path: Path) -> None:
    trigger = Started(cluster, tmp_path)
    assert await trigger.told(alert()) == ["started"]
    (job,) = cluster.jobs.values()
    template = cluster.cron["spec"]["jobTemplate"]
    assert job["metadata"]["labels"] == template["metadata"]["labels"]
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("CronJob", UID, True)
    assert job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    pod = job["spec"]["template"]
    assert pod["spec"] == template["spec"]["template"]["spec"]
    assert pod["metadata"]["labels"] == template["spec"]["template"]["metadata"]["labels"]
    for marks in (job["metadata"]["annotations"], pod["metadata"]["annotations"]):
        assert (marks[REASON], marks[PARENT]) == ("drift", "3")
        assert marks[CAUSE].startswith("ModelServiceFeatureDrift 6ac4b2f1d2a1c3e5 since 2026-11-22")
    assert "annotations" not in template["spec"]["template"]["metadata"], (
        "the template is as it was"
    )


async def test_the_schedule_knows_of_the_run_and_begins_none_beside_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.conflicts = 2
    await Started(cluster, tmp_path).told(alert())
    (job,) = cluster.jobs.values()
    (active,) = cluster.cron["status"]["active"]
    assert (active["name"], active["uid"]) == (job["metadata"]["name"], job["metadata"]["uid"])


async def test_an_alert_told_again_starts_nothing_after_a_restart_either(
    cluster: Cluster, tmp_path: Path
) -> None:
    changes = {"COOLDOWN_SECONDS": "0"}
    assert await Started(cluster, tmp_path, **changes).told(alert(), alert()) == [
        "started",
        "known",
    ]
    (name,) = cluster.jobs
    cluster.end(name, "Complete")
    assert await Started(cluster, tmp_path, **changes).told(alert()) == ["known"]
    cluster.end(name, "Failed")
    assert await Started(cluster, tmp_path, **changes).told(alert()) == ["known"]
    assert len(cluster.jobs) == 1


async def test_triggers_side_by_side_start_one_training(cluster: Cluster, tmp_path: Path) -> None:
    triggers = [Started(cluster, tmp_path) for _ in range(4)]
    alerts = [alert(fingerprint=str(number)) for number in range(12)]
    told = zip(triggers * 3, alerts, strict=True)
    outcomes = await asyncio.gather(*(trigger.told(each) for trigger, each in told))
    assert sorted(outcome for (outcome,) in outcomes) == ["known"] * 11 + ["started"]
    assert len(cluster.jobs) == 1


async def test_a_name_that_somebody_else_has_taken_is_told(
    cluster: Cluster, tmp_path: Path
) -> None:
    trigger = Started(cluster, tmp_path)
    await trigger.told(alert())
    (name,) = cluster.jobs
    del cluster.jobs[name]["metadata"]["ownerReferences"]
    assert (await trigger.post(json.dumps(notice(alert())))).status_code == 503


@pytest.mark.parametrize(
    ("hours_ago", "state", "outcome"),
    [(100, "", "running"), (23, "Complete", "cooldown"), (23, "Failed", "cooldown")],
)
async def test_a_training_that_runs_or_began_just_now_is_not_joined_by_another(
    cluster: Cluster, tmp_path: Path, hours_ago: float, state: str, outcome: str
) -> None:
    cluster.add("wine-training-29384750", hours_ago=hours_ago, state=state)
    trigger = Started(cluster, tmp_path)
    later = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    assert await trigger.told(alert(startsAt=later)) == [outcome]
    assert len(cluster.jobs) == 1
    counted = {"reason": "drift", "outcome": outcome}
    assert trigger.value("retraining_decisions_total", **counted) == 1


async def test_the_budget_is_of_the_last_thirty_days(cluster: Cluster, tmp_path: Path) -> None:
    for number, days_ago in enumerate((2, 15, 29, 31)):
        cluster.add(f"run-{number}", hours_ago=days_ago * 24)
    now = datetime.now(UTC).isoformat()
    trigger = Started(cluster, tmp_path)
    assert await trigger.told(alert(startsAt=now)) == ["budget_spent"]
    assert trigger.value("retraining_runs_left") == 0
    cluster.add("of-somebody-else", hours_ago=1, own=False)
    assert await Started(cluster, tmp_path, MAX_RUNS="4").told(alert(startsAt=now)) == ["started"]


@pytest.mark.parametrize(
    ("changes", "outcomes"),
    [
        ({"labels": {"version": "2"}}, ["other_version"]),
        ({"labels": {"service": "other"}}, []),
        ({"labels": {"alertname": "ModelServiceNoReadyReplica"}}, []),
        ({"status": "resolved"}, []),
    ],
)
async def test_what_is_not_about_the_served_version_starts_nothing(
    cluster: Cluster, tmp_path: Path, changes: dict[str, Any], outcomes: list[str]
) -> None:
    assert await Started(cluster, tmp_path).told(alert(**changes)) == outcomes
    assert not cluster.jobs


async def test_a_training_that_began_after_the_alert_has_dealt_with_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.add("by-schedule", hours_ago=30)
    before = (datetime.now(UTC) - timedelta(hours=31)).isoformat()
    assert await Started(cluster, tmp_path).told(alert(startsAt=before)) == ["known"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "drift",
        "[]",
        "{}",
        '{"alerts": [{"status": "firing"}]}',
        '{"alerts": 3}',
        json.dumps(notice(alert(startsAt="yesterday"))),
        json.dumps(notice(alert(startsAt="2026-11-22T05:01:15"))),
    ],
)
async def test_what_is_no_notice_is_refused(cluster: Cluster, tmp_path: Path, content: str) -> None:
    response = await Started(cluster, tmp_path).post(content)
    assert (response.status_code, set(response.json())) == (400, {"error"})
    assert not cluster.jobs


async def test_a_notice_has_a_largest_size(cluster: Cluster, tmp_path: Path) -> None:
    assert (await Started(cluster, tmp_path).post(b" " * (2 << 20))).status_code == 413


async def test_alertmanager_is_asked_to_tell_again_while_kubernetes_does_not_answer(
    cluster: Cluster, tmp_path: Path
) -> None:
    trigger = Started(cluster, tmp_path)
    cluster.refusing = True
    response = await trigger.post(json.dumps(notice(alert())))
    assert response.status_code == 503
    assert TOKEN not in response.text
    cluster.refusing = False
    assert await trigger.told(alert()) == ["started"]


def test_new_data_are_trained_on_once_they_rest(cluster: Cluster, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    changes = {"DATA_URI": f"file://{data}", "COOLDOWN_SECONDS": "0", "SETTLE_SECONDS": "60"}

    def look() -> list[str]:
        Started(cluster, tmp_path, **changes).trigger.look()
        return sorted(cluster.jobs)

    assert look() == [], "an empty folder is no data"
    file = data / "part-0.parquet"
    file.write_bytes(b"rows")
    assert look() == [], "it was written just now"
    an_hour_ago = time.time() - HOUR
    os.utime(file, (an_hour_ago, an_hour_ago))
    (first,) = look()
    assert cluster.jobs[first]["metadata"]["annotations"][REASON] == "new-data"
    cluster.end(first, "Failed")
    assert look() == [first], "the same data would fail again"
    began = datetime.now(UTC) - timedelta(minutes=30)
    cluster.jobs[first]["metadata"]["creationTimestamp"] = began.isoformat()
    (data / "part-1.parquet").write_bytes(b"rows")
    ten_minutes_ago = time.time() - 600
    os.utime(data / "part-1.parquet", (ten_minutes_ago, ten_minutes_ago))
    assert len(look()) == 2


def test_what_cannot_be_seen_is_told(cluster: Cluster, tmp_path: Path) -> None:
    started = Started(cluster, tmp_path)
    started.trigger.look()
    assert started.value("retraining_last_look_timestamp_seconds") != 0
    (tmp_path / "token").write_text("of somebody else")
    with pytest.raises(KubernetesError, match="401") as error:
        started.trigger.look()
    assert "somebody" not in str(error.value)


def test_the_newest_training_that_is_over_says_whether_it_failed(
    cluster: Cluster, tmp_path: Path
) -> None:
    for name, hours_ago, state in (("a", 50, "Failed"), ("b", 40, "Complete"), ("c", 1, "")):
        cluster.add(name, hours_ago=hours_ago, state=state)
    started = Started(cluster, tmp_path)
    started.trigger.look()
    assert started.value("retraining_last_failed") == 0
    assert started.value("retraining_running") == 1
    assert started.value("retraining_runs_left") == 0
    cluster.end("c", "Failed")
    started.trigger.look()
    assert started.value("retraining_last_failed") == 1


def test_a_wrong_environment_is_told_whole(cluster: Cluster, tmp_path: Path) -> None:
    wrong = environment(cluster, tmp_path, MAX_RUNS="0", DATA_URI="/data", CRON_JOB="")
    with pytest.raises(SettingsError) as error:
        read(wrong, TriggerSettings)
    assert {problem.partition(":")[0] for problem in error.value.problems} == {
        "MAX_RUNS",
        "DATA_URI",
        "CRON_JOB",
    }


def test_the_process_serves_until_it_is_asked_to_end(cluster: Cluster, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = environment(cluster, tmp_path, PORT=str(port), HOST="127.0.0.1", POLL_SECONDS="0.1")
    running = subprocess.Popen(
        [sys.executable, "-m", "stanchion_retraining"],
        env={**os.environ, **told},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    assert client.get("/health/ready").status_code == 200
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
            outcome = client.post("/alerts", json=notice(alert())).json()
            assert outcome == {"outcomes": ["started"]}
            exposed = text_string_to_metric_families(client.get("/metrics").text)
            assert {"retraining_decisions", "retraining_running"} <= {each.name for each in exposed}
    finally:
        running.send_signal(signal.SIGTERM)
        log, _ = running.communicate(timeout=30)
    assert running.returncode == 0, log
    lines = [json.loads(line) for line in log.splitlines()]
    (judged,) = [line for line in lines if line["message"] == "judged"]
    (job,) = cluster.jobs
    assert (judged["outcome"], judged["reason"], judged["job"]) == ("started", "drift", job)
