"""Who hears of jobs, of MLflow and of its backup, where there is monitoring."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from unit.components.programs import mlflow
from unit.components.test_batch_inference import DATED, NIGHTLY, WEEK, batch
from unit.components.test_tracking_backup import backup
from unit.components.test_training_job import training
from unit.components.test_training_on_ray import on_ray
from unit.components.world import World

WATCHED: dict[str, Any] = {"monitoring": True, "runbooks": "https://example.com/runbooks"}
ONCE, AGAIN, LATE = ("JobFailed", False), ("JobFailed", True), ("ScheduleLate", True)


def rules(world: World) -> list[dict[str, Any]]:
    (group,) = world.object("PrometheusRule")["spec"]["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def alerts(world: World) -> list[tuple[str, bool]]:
    """The alerts of a job, and whether they are about its CronJob."""
    return [(rule["alert"], "cronjob" in rule["labels"]) for rule in rules(world)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [ONCE]),
        ({**DATED, "dates": WEEK}, [ONCE]),
        (NIGHTLY, [AGAIN, LATE]),
        ({**NIGHTLY, "dates": WEEK}, [ONCE, AGAIN, LATE]),
    ],
)
def test_a_scoring_has_alerts_of_what_it_runs(
    changes: dict[str, Any], expected: list[tuple[str, bool]]
) -> None:
    assert alerts(batch(**changes, **WATCHED)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [ONCE]),
        ({"nodes": 4}, [ONCE]),
        ({"on_demand": True}, [AGAIN]),
        ({"schedule": "0 3 * * 1"}, [AGAIN, LATE]),
        ({"schedule": "0 3 * * 1", "on_demand": True}, [AGAIN, LATE]),
    ],
)
def test_a_training_has_alerts_of_what_it_runs(
    changes: dict[str, Any], expected: list[tuple[str, bool]]
) -> None:
    assert alerts(training(**changes, **WATCHED)) == expected


def test_a_training_on_ray_is_no_job_and_has_none() -> None:
    assert "PrometheusRule" not in {kind for kind, _ in on_ray(monitoring=True).objects}


@pytest.mark.parametrize("make", [batch, training])
def test_what_runs_once_is_known_by_its_name(make: Callable[..., World]) -> None:
    world = make(**WATCHED)
    (rule,) = rules(world)
    (named,) = re.findall(r'job_name=~"([^"]+)"', rule["expr"])
    assert re.fullmatch(named, world.object("Job")["metadata"]["name"])
    assert 'owner_kind=""' in rule["expr"]


def test_several_nodes_are_known_by_their_job_sets_name() -> None:
    world = training(nodes=4, **WATCHED)
    (rule,) = rules(world)
    (named,) = re.findall(r'owner_kind="JobSet",owner_name=~"([^"]+)"', rule["expr"])
    assert re.fullmatch(named, world.object("JobSet")["metadata"]["name"])


def test_a_schedule_is_given_as_long_as_its_runs_may_take() -> None:
    weekly = training(schedule="0 3 * * 1", deadline_seconds=7200, **WATCHED)
    allowed = 7 * 24 * 3600 + 7200 + 3600
    assert f"> {allowed} unless" in rules(weekly)[-1]["expr"]


def test_a_backup_has_alerts_of_its_cron_job() -> None:
    world = backup(schedule="17 */6 * * *", **WATCHED)
    name = world.object("CronJob")["metadata"]["name"]
    failed, late = rules(world)
    assert (failed["alert"], late["alert"]) == ("TrackingBackupFailed", "TrackingBackupLate")
    assert f'owner_name="{name}"' in failed["expr"]
    assert f'cronjob="{name}"' in late["expr"]
    job = world.object("CronJob")["spec"]["jobTemplate"]["spec"]
    allowed = 6 * 3600 + job["activeDeadlineSeconds"] + 3600
    assert f"> {allowed} unless" in late["expr"]


def test_mlflow_has_one_that_is_made_once_it_answers() -> None:
    world = mlflow(replicas=2, **WATCHED)
    (rule,) = rules(world)
    assert (rule["alert"], rule["labels"]["severity"]) == ("MlflowUnavailable", "page")
    assert "0 of 2 replicas" in rule["annotations"]["summary"]
    name = world.object("Deployment")["metadata"]["name"]
    assert f'deployment="{name}"' in rule["expr"]
    assert f'service="{world.object("Service")["metadata"]["name"]}"' in rule["expr"]
    assert world.waits_for(
        world.registered("PrometheusRule", "mlflow"), world.registered("Deployment", "mlflow")
    )


@pytest.mark.parametrize("make", [batch, training, backup, mlflow])
def test_the_owner_is_told_and_led_to_a_runbook(make: Callable[..., World]) -> None:
    for rule in rules(make(**WATCHED)):
        assert rule["labels"]["owner"] == "team-a"
        assert ("tenant" in rule["labels"]) is (make in {batch, training})
        page = f"https://example.com/runbooks/{rule['alert']}.md"
        assert rule["annotations"]["runbook_url"] == page


@pytest.mark.parametrize("make", [batch, training, backup, mlflow])
def test_without_monitoring_there_are_no_rules(make: Callable[..., World]) -> None:
    assert "PrometheusRule" not in {kind for kind, _ in make().objects}
