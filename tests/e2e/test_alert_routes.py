"""Who is told of which alert, and what is silent meanwhile: Alertmanager's own judgement."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from e2e.alertmanager import SCOPE, alertmanager, configuration, receivers
from stanchion.monitoring import MonitoringStackArgs
from stanchion.monitoring.routing import NOBODY, spec
from stanchion.monitoring.stack_arguments import checked
from stanchion_cli.cluster import packages, toolchain
from stanchion_cli.cluster.operator_list import ALERTMANAGER, AMTOOL

SECRET = {"secret_name": "kept"}
EVERY_WAY: Any = {
    "name": "all-ways",
    "slack": {"channel": "#ml", "webhook_url": SECRET},
    "pagerduty": {"routing_key": SECRET},
    "webhook": {"url_secret": SECRET},
    "email": {
        "to": ["a@example.com", "b@example.com"],
        "sender": "c@example.com",
        "smarthost": "mx.example.com:587",
        "username": "c",
        "password": SECRET,
    },
}


def hook(name: str) -> Any:
    return {"name": name, "webhook": {"url": f"http://{name}.demo.svc/alerts"}}


ARGS: MonitoringStackArgs = {
    "owner": "platform",
    "cost_center": "platform",
    "receivers": [
        *map(hook, ("oncall", "channel", "team-a-pager", "team-b-channel", "heartbeat")),
        EVERY_WAY,
    ],
    "routes": [
        {"page": "oncall", "ticket": "channel"},
        {"team": "team-a", "page": "team-a-pager"},
        {"team": "team-b", "ticket": "team-b-channel"},
    ],
    "heartbeat": "heartbeat",
}
PAGE, TICKET = {"severity": "page"}, {"severity": "ticket"}
WINE = {"namespace": "demo", "service": "wine", "owner": "team-a"}
NIGHTLY = {**WINE, "cronjob": "wine"}
TEA = {"namespace": "demo", "service": "tea", "owner": "team-b"}
NODE_GONE = {"alertname": "KubeNodeNotReady", "severity": "warning", "node": "node-a"}
GPUS = {"alertname": "GpuNotReporting", "owner": "platform", **TICKET}
DRIFT = {"alertname": "ModelServiceFeatureDrift", **TICKET}


@pytest.fixture(scope="session")
def built() -> Mapping[str, Path]:
    """Alertmanager and its tool, built from their pinned module."""
    packages.ensure_packages()
    toolchain.build_missing([ALERTMANAGER, AMTOOL])
    return {"alertmanager": ALERTMANAGER.path("alertmanager"), "amtool": AMTOOL.path("amtool")}


def config(address: str = "http://127.0.0.1:9", *, quick: bool = False) -> dict[str, Any]:
    made = configuration(spec(checked("monitoring", ARGS)), address)
    return _quick(made) if quick else made


def _quick(value: Any) -> Any:
    """The same with every wait for others of a group cut short."""
    if isinstance(value, list):
        return [_quick(each) for each in value]
    if isinstance(value, dict):
        return {
            key: "1s" if key in {"group_wait", "group_interval"} else _quick(part)
            for key, part in value.items()
        }
    return value


@pytest.fixture
def amtool(built: Mapping[str, Path], tmp_path: Path) -> Callable[..., str]:
    file = tmp_path / "alertmanager.yaml"
    file.write_text(yaml.safe_dump(config()))

    def run(*arguments: str) -> str:
        command = [built["amtool"], *arguments]
        placed = [str(file) if each == "FILE" else str(each) for each in command]
        done = subprocess.run(placed, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_alertmanager_takes_every_way_of_telling_somebody(amtool: Callable[..., str]) -> None:
    said = amtool("check-config", "FILE")
    assert "SUCCESS" in said
    assert f"{len(ARGS['receivers']) + 2} receivers" in said
    assert "6 inhibit rules" in said


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({**WINE, **PAGE}, "team-a-pager"),
        ({**WINE, **TICKET}, "channel"),
        ({**TEA, **PAGE}, "oncall"),
        ({**TEA, **TICKET}, "team-b-channel"),
        ({"owner": "team-c", **PAGE}, "oncall"),
        ({"owner": "team-c", **TICKET}, "channel"),
        # Of the charts: another scale, and nobody's.
        ({"alertname": "KubeNodeNotReady", "severity": "critical"}, "oncall"),
        ({"alertname": "KubeNodeNotReady", "severity": "warning"}, "channel"),
        # About a tenant's pods as well.
        (
            {"alertname": "KubePodCrashLooping", "severity": "warning", "namespace": "demo"},
            "channel",
        ),
        ({"alertname": "CPUThrottlingHigh", "severity": "info"}, NOBODY),
        ({"alertname": "Watchdog", "severity": "none", "owner": "platform"}, "heartbeat"),
    ],
)
def test_an_alert_goes_to_its_team_by_its_urgency(
    amtool: Callable[..., str], labels: Mapping[str, str], receiver: str
) -> None:
    told = amtool(
        "config", "routes", "test", "--config.file", "FILE",
        *(f"{key}={value}" for key, value in labels.items()),
    )  # fmt: skip
    assert told.split() == [SCOPE + receiver]


@pytest.mark.parametrize(
    ("larger", "smaller", "silent"),
    [
        ({**WINE, **PAGE, "alertname": "Burn"}, {**WINE, **TICKET, "alertname": "Burn"}, True),
        ({**WINE, **PAGE, "alertname": "Burn"}, {**TEA, **TICKET, "alertname": "Burn"}, False),
        ({**WINE, **PAGE, "alertname": "Burn"}, {**WINE, **DRIFT}, False),
        (
            {**WINE, **PAGE, "alertname": "Burn", "slo": "latency"},
            {**WINE, **TICKET, "alertname": "Burn", "slo": "availability"},
            False,
        ),
        (
            {**WINE, **PAGE, "alertname": "ModelServiceNoReadyReplica"},
            {**WINE, **TICKET, "alertname": "ModelServiceReplicaNotReady"},
            True,
        ),
        (NODE_GONE, {**GPUS, "node": "node-a"}, True),
        (NODE_GONE, {**GPUS, "node": "node-b"}, False),
        # Of whichever node they are: it is not said.
        (NODE_GONE, {**WINE, **TICKET, "alertname": "ModelServiceReplicaNotReady"}, False),
        (NODE_GONE, {**WINE, **TICKET, "alertname": "ModelServiceReplicaCrashes"}, False),
        (NODE_GONE, {**WINE, **PAGE, "alertname": "ModelServiceNoReadyReplica"}, False),
        (
            {"alertname": "MonitoringTargetsDown", "owner": "platform", **PAGE},
            {**WINE, **PAGE, "alertname": "ModelServiceNotScraped"},
            True,
        ),
        (
            {"alertname": "MonitoringTargetsDown", "owner": "platform", **PAGE},
            {**WINE, **PAGE, "alertname": "ModelServiceErrorBudgetBurn"},
            False,
        ),
        (
            {**NIGHTLY, **TICKET, "alertname": "RetrainingFailed", "service": "wine-retraining"},
            {**NIGHTLY, **TICKET, "alertname": "JobFailed"},
            True,
        ),
        (
            {**NIGHTLY, **TICKET, "alertname": "JobFailed"},
            {**NIGHTLY, **TICKET, "alertname": "ScheduleLate"},
            True,
        ),
        (
            # Of what ran once, beside the schedule.
            {**WINE, **TICKET, "alertname": "JobFailed"},
            {**NIGHTLY, **TICKET, "alertname": "ScheduleLate"},
            False,
        ),
    ],
    ids=lambda value: value.get("alertname", "") if isinstance(value, dict) else str(value),
)
def test_what_a_larger_alert_has_told_is_silent_and_nothing_else_is(
    built: Mapping[str, Path],
    tmp_path: Path,
    larger: Mapping[str, str],
    smaller: Mapping[str, str],
    silent: bool,
) -> None:
    with (
        receivers() as (address, told),
        alertmanager(built["alertmanager"], tmp_path, config(address, quick=True)) as url,
    ):
        post(url, larger)
        wait(lambda: told.of(larger))
        # The last is there to see when all of what came with it has been told.
        last = {"alertname": "Last", **TICKET}
        post(url, smaller, last)
        wait(lambda: told.of(last))
        time.sleep(1.5)
        inhibited = [
            alert["labels"]["alertname"]
            for alert in httpx.get(f"{url}/api/v2/alerts").json()
            if alert["status"]["inhibitedBy"]
        ]
    assert inhibited == ([smaller["alertname"]] if silent else [])
    assert told.of(smaller) is not silent


def test_a_message_says_what_is_wrong_where_and_what_to_do(
    built: Mapping[str, Path], tmp_path: Path
) -> None:
    no_mail: Any = {key: EVERY_WAY[key] for key in ("name", "slack", "pagerduty", "webhook")}
    args: MonitoringStackArgs = {
        **ARGS,
        "receivers": [no_mail],
        "routes": [{"page": "all-ways", "ticket": "all-ways"}],
        "heartbeat": "all-ways",
    }
    with receivers() as (address, told):
        made = _quick(configuration(spec(checked("monitoring", args)), address))
        with alertmanager(built["alertmanager"], tmp_path, made) as url:
            post(url, {**WINE, **PAGE, "alertname": "ModelServiceNoReadyReplica"})
            wait(lambda: len(told.messages) == 3)
    messages = {way: body for _, body in told.messages for way in body}
    slack = messages["attachments"]["attachments"][0]
    assert slack["title"] == "ModelServiceNoReadyReplica wine in demo"
    for text in (slack["text"], messages["payload"]["payload"]["custom_details"]["alerts"]):
        assert "wine has no ready replica" in text
        assert "runbook: docs/runbooks/ModelServiceNoReadyReplica.md\n" in text
        assert "dashboard: https://grafana.example.com/d/stanchion-model-service\n" in text
    assert messages["payload"]["payload"]["summary"] == slack["title"]
    assert messages["alerts"]["alerts"][0]["labels"]["owner"] == "team-a"


def post(url: str, *alerts: Mapping[str, str]) -> None:
    name = alerts[0]["alertname"]
    notes = {
        "summary": "wine has no ready replica",
        "description": "Every request fails.",
        "runbook_url": f"docs/runbooks/{name}.md",
        "dashboard": "https://grafana.example.com/d/stanchion-model-service",
    }
    sent = [{"labels": dict(labels), "annotations": notes} for labels in alerts]
    httpx.post(f"{url}/api/v2/alerts", json=sent).raise_for_status()


def wait(until: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "nobody was told in time"
        time.sleep(0.05)
