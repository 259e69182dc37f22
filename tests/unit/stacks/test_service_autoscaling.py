"""`autoscaling` of a service file: what it may say, and what the environment must have for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from environment import Environment, parse_environment
from service import check_services
from service_files import load_services
from unit.stacks.bad_files import ENVIRONMENT, SERVICE
from validation import InvalidFileError

PEAK = "{start: 30 7 * * MON-FRI, end: 0 10 * * MON-FRI, timezone: Europe/Berlin, replicas: 5}"
KEDA, PROMETHEUS = "keda", "kube-prometheus-stack"


def environment(operators: Sequence[str] | None, **changes: Any) -> Environment:
    """The local environment with these operators; None leaves the list out."""
    written: dict[str, Any] = yaml.safe_load(ENVIRONMENT)["config"]
    own = {key.partition(":")[2]: value for key, value in written.items() if "stanchion:" in key}
    stated = {} if operators is None else {"operators": {"enabled": [*operators]}}
    return parse_environment({**own, **stated, **changes})


def problems(folder: Path, autoscaling: str, *operators: str) -> tuple[str, ...]:
    """What is wrong with a service file in an environment."""
    (folder / "wine.yaml").write_text(f"{SERVICE}autoscaling: {autoscaling}\n")
    try:
        check_services(
            load_services(folder, "local"),
            environment="local",
            tenants=["demo"],
            min_replicas=2,
            lacks_for_scaling=environment(operators).lacks_for_scaling,
        )
    except InvalidFileError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    ("autoscaling", "operators"),
    [
        ("{minReplicas: 2, maxReplicas: 6}", []),
        ("{inFlightPerReplica: 4}", [KEDA, PROMETHEUS]),
        ("{targetLatencyMs: 500}", [KEDA, PROMETHEUS]),
        (f"{{maxReplicas: 5, schedules: [{PEAK}]}}", [KEDA]),
    ],
)
def test_sound_files_have_no_problem(
    tmp_path: Path, autoscaling: str, operators: list[str]
) -> None:
    assert problems(tmp_path, autoscaling, *operators) == ()


def test_without_a_list_the_bundled_node_has_no_controllers_and_a_cluster_of_ones_own_may() -> None:
    bundled = environment(None)
    assert set(bundled.lacks_for_scaling) == {
        "minReplicas",
        "inFlightPerReplica",
        "targetLatencyMs",
        "schedules",
    }
    measured = environment(None, monitoring={"enabled": True})
    assert measured.lacks_for_releases == "argo-rollouts under operators.enabled"
    own = environment(
        None, monitoring={"enabled": True}, provider={"cloud": "local", "context": "kind-dev"}
    )
    assert (own.lacks_for_releases, own.lacks_for_scaling) == ("", {})


def test_what_a_file_says_is_what_the_component_gets(tmp_path: Path) -> None:
    (tmp_path / "wine.yaml").write_text(
        f"{SERVICE}autoscaling: {{maxReplicas: 6, inFlightPerReplica: 4, targetLatencyMs: 500, "
        f"schedules: [{PEAK}]}}\n"
    )
    (file,) = load_services(tmp_path, "local")
    assert file.autoscaling.arguments(2) == {
        "min_replicas": 2,
        "max_replicas": 6,
        "target_cpu_utilization": 70,
        "scale_down_seconds": 300,
        "in_flight_per_replica": 4,
        "target_latency_ms": 500,
        "schedules": [
            {
                "start": "30 7 * * MON-FRI",
                "end": "0 10 * * MON-FRI",
                "timezone": "Europe/Berlin",
                "replicas": 5,
            }
        ],
    }


@pytest.mark.parametrize(
    ("autoscaling", "operators", "told"),
    [
        (
            "{inFlightPerReplica: 4}",
            [PROMETHEUS],
            "services/wine: autoscaling.inFlightPerReplica: needs what local lacks: keda under "
            "operators.enabled; add it, or remove inFlightPerReplica",
        ),
        (
            "{inFlightPerReplica: 4}",
            [KEDA],
            "services/wine: autoscaling.inFlightPerReplica: needs what local lacks: Prometheus "
            "Operator (kube-prometheus-stack under operators.enabled); add it, or remove "
            "inFlightPerReplica",
        ),
        (
            "{targetLatencyMs: 500}",
            [KEDA],
            "services/wine: autoscaling.targetLatencyMs: needs what local lacks: Prometheus "
            "Operator (kube-prometheus-stack under operators.enabled); add it, or remove "
            "targetLatencyMs",
        ),
        (
            f"{{maxReplicas: 5, schedules: [{PEAK}]}}",
            [],
            "services/wine: autoscaling.schedules: needs what local lacks: keda under "
            "operators.enabled; add it, or remove schedules",
        ),
        (
            f"{{maxReplicas: 4, schedules: [{PEAK}]}}",
            [KEDA],
            "services/wine: autoscaling.schedules[0].replicas: 5 is above autoscaling.maxReplicas, "
            "4; lower it or raise maxReplicas",
        ),
        (
            f"{{maxReplicas: 5, schedules: [{PEAK.replace('30 7', '30 25')}]}}",
            [KEDA],
            "services/wine: autoscaling.schedules[0].start: '30 25 * * MON-FRI' is no schedule; "
            "write cron's five fields (minute, hour, day, month, day of the week), as "
            "30 7 * * MON-FRI",
        ),
        (
            f"{{maxReplicas: 5, schedules: [{PEAK.replace('Berlin', 'Bärlin')}]}}",
            [KEDA],
            "services/wine: autoscaling.schedules[0].timezone: 'Europe/Bärlin' is no time zone; "
            "write a name of the IANA database, as Europe/Berlin or UTC",
        ),
        (
            "{targetLatencyMs: 400}",
            [KEDA, PROMETHEUS],
            "services/wine: autoscaling.targetLatencyMs: 400 is no bound of the histogram by which "
            "the server measures; write 250 or 500",
        ),
        (
            "{targetLatencyMs: 10000}\nrequestTimeoutSeconds: 10",
            [KEDA, PROMETHEUS],
            "services/wine: autoscaling.targetLatencyMs: 10000 is not below "
            "requestTimeoutSeconds: 10, after which there is no answer that could be late; lower "
            "it, or raise requestTimeoutSeconds",
        ),
        (
            "{minReplicas: 0}",
            [KEDA, PROMETHEUS],
            "services/wine: autoscaling.minReplicas: 0 has requests wait for a replica, and "
            "nothing says for how long; set coldStart with its budgetSeconds, or write 1 or more",
        ),
        (
            "{minReplicas: 0, inFlightPerReplica: 4}",
            [PROMETHEUS],
            "services/wine: autoscaling.minReplicas: needs what local lacks: keda under "
            "operators.enabled; add it, or write 1 or more",
        ),
        (
            "{maxReplicas: 1}",
            [],
            "services/wine: autoscaling.maxReplicas: 1 is below minReplicas, 2 by the profile of "
            "local; raise maxReplicas",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_what_is_missing(
    tmp_path: Path, autoscaling: str, operators: list[str], told: str
) -> None:
    assert problems(tmp_path, autoscaling, *operators) == (told,)


BUDGETED = "coldStart: {budgetSeconds: 300}"


def test_a_service_that_may_rest_counts_its_requests_without_prometheus(tmp_path: Path) -> None:
    resting = f"{{minReplicas: 0, inFlightPerReplica: 4}}\n{BUDGETED}"
    assert problems(tmp_path, resting, KEDA) == ()


def test_a_service_that_is_judged_by_metrics_may_not_rest(tmp_path: Path) -> None:
    canary = f"{{minReplicas: 0}}\n{BUDGETED}\nrollout: {{strategy: canary}}"
    assert problems(tmp_path, canary, KEDA, PROMETHEUS) == (
        "services/wine: autoscaling.minReplicas: 0 leaves a new version no replica to be judged "
        "by, nor one to compare it with; write 1 or more, or rollout strategy: rolling",
    )
