"""A day of the prediction log, judged on the node: quiet, drifted, and wrong by its labels.

Named to come after the chapters that bring the platform up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from e2e import objects, panels
from e2e.platform import Platform, eventually
from e2e.team import CLAIM, CREDENTIALS, Team
from e2e.wines import ROWS, asking
from stanchion_cli.deploy.prometheus import reached_prometheus

pytestmark = [pytest.mark.node, pytest.mark.full, pytest.mark.usefixtures("unbroken")]

NAME = "wine-watch"
LOG, LABELS, REPORTS = "/data/log", "/data/labels", "/data/reports"
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
# The truth is what was answered, or on request another cultivar.
WRITE_LABELS = """
import sys, pyarrow.dataset as ds, pathlib
log = ds.dataset(sys.argv[1], format="parquet").to_table().to_pandas()
labels = log[["request_id", "row"]].copy()
labels["cultivar"] = (log["output.prediction"] + int(sys.argv[3])) % 3
pathlib.Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
labels.to_parquet(sys.argv[2] + "/labels.parquet", index=False)
"""


@pytest.fixture(scope="module")
def team(platform: Platform) -> Iterator[Team]:
    """The tenant, whose volume the service logs to and the monitor reads."""
    platform.stanchion("up", "local", "--sample")
    with Team(platform) as working:
        platform.enable(["kube-prometheus-stack"])
        platform.declare(
            rollout=None,
            predictionLog={
                "location": f"file://{LOG}", "claim": CLAIM, "retentionDays": 7, "sampleRate": 1.0,
            },
        )  # fmt: skip
        working.declare(NAME, _monitor())
        platform.stanchion("up", "local")
        yield working
        working.declare(NAME, None)
        platform.declare(predictionLog=None)
        platform.enable([])
        platform.stanchion("up", "local")


def test_a_day_as_in_training_is_quiet(team: Team) -> None:
    _served(team, shifted=False)
    team.run("mv", _logged(team, TODAY), _logged(team, YESTERDAY))
    team.python(WRITE_LABELS, _logged(team, YESTERDAY), f"{LABELS}/{YESTERDAY}", "0")
    assert _judged(team, YESTERDAY) == {
        "features": "ok", "predictions": "ok", "data-quality": "ok", "schema": "ok",
        "quality": "ok",
    }  # fmt: skip


def test_a_day_that_drifted_is_told_by_its_report_and_by_alerts(team: Team) -> None:
    _served(team, shifted=True)
    team.python(WRITE_LABELS, _logged(team, TODAY), f"{LABELS}/{TODAY}", "1")
    verdicts = _judged(team, TODAY)
    assert (verdicts["features"], verdicts["quality"]) == ("breach", "breach")
    assert verdicts["schema"] == "ok"
    (version,) = _report(team, TODAY)["versions"]
    (told,) = version["checks"]["features"]["found"]
    assert told.startswith("ash has an index of ")
    assert _alerted(team, "ModelServiceLogDrift") == {team.platform.pinned_version()}
    assert _alerted(team, "ModelServiceQualityLost") == {team.platform.pinned_version()}


def test_the_panels_of_its_reports_have_data(team: Team) -> None:
    queries = panels.of("drift_monitor_")
    assert queries

    def empty() -> list[str]:
        with reached_prometheus(team.platform.root, "local") as prometheus:
            return [title for title, query in queries if not panels.answers(prometheus, query)]

    eventually(lambda: not empty(), seconds=120, what="data in every panel")


def _alerted(team: Team, name: str) -> set[str]:
    """The versions that alerts of this name are about, once there are any."""
    eventually(lambda: team.platform.alerts(name) != [], seconds=300, what=name)
    return {alert["labels"]["version"] for alert in team.platform.alerts(name)}


def _monitor() -> dict[str, Any]:
    return {
        "kind": "DriftMonitor",
        "service": "wine",
        "reports": f"file://{REPORTS}",
        "credentials": CREDENTIALS,
        "schedule": "30 2 * * *",
        "labels": {
            "location": f"file://{LABELS}",
            "column": "cultivar",
            "task": "classification",
            "metric": "accuracy",
            "limit": 0.9,
            "days": 7,
        },
    }


def _logged(team: Team, day: date) -> str:
    version = team.platform.pinned_version()
    return f"{LOG}/service=wine/version={version}/date={day}"


def _served(team: Team, *, shifted: bool) -> None:
    """Have the service answer some thousand rows and write what it still holds."""
    with asking(team.platform, shifted=shifted) as traffic:
        eventually(lambda: traffic.answered * ROWS > 6000, seconds=180, what="the requests")
    selected = ("-l", "app.kubernetes.io/name=model-server,app.kubernetes.io/instance=wine")
    team.kubectl("delete", "pod", *selected)
    team.kubectl("rollout", "status", "deployment/wine", "--timeout=180s")


def _judged(team: Team, last: date) -> dict[str, str]:
    """Run the monitor for a day now; the verdict of each check."""
    name = f"{NAME}-{last}"
    cron = team.platform.get("cronjob", NAME, "-n", team.namespace)
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": cron["spec"]["jobTemplate"]["spec"],
    }
    (container,) = job["spec"]["template"]["spec"]["containers"]
    container["env"].append({"name": "LAST_DAY", "value": str(last)})
    objects.apply(team.platform, team.namespace, [job])
    team.kubectl("wait", f"job/{name}", "--for=condition=Complete", "--timeout=300s")
    print(team.kubectl("logs", f"job/{name}"))
    team.kubectl("delete", "job", name)
    (version,) = _report(team, last)["versions"]
    return {check: found["verdict"] for check, found in version["checks"].items()}


def _report(team: Team, last: date) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        team.run("cat", f"{REPORTS}/service=wine/date={last}/report.json")
    )
    return found
