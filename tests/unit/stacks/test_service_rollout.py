"""`rollout` of a service file: what it may say, and what the environment must have for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from service import check_services
from service_files import load_services
from stanchion.serving.rollout import RolloutStrategy
from unit.stacks.bad_files import SERVICE
from validation import InvalidFileError


def problems(folder: Path, lines: str, *, lacks: str = "", replicas: int = 2) -> tuple[str, ...]:
    """What is wrong with a service file in an environment."""
    (folder / "wine.yaml").write_text(f"{SERVICE}{lines}\n")
    try:
        check_services(
            load_services(folder, "prod-aws"),
            environment="prod-aws",
            tenants=["demo"],
            min_replicas=replicas,
            lacks_for_releases=lacks,
        )
    except InvalidFileError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "rollout: {surge: 2}",
        "rollout: {strategy: canary}",
        "rollout: {strategy: canary, steps: [{weight: 33, goodIntervals: 3, pauseSeconds: 60}]}",
        "rollout: {strategy: blueGreen, scaleDownDelaySeconds: 120}",
        "rollout: {strategy: canary, analysis: {maxErrorRatio: 0, minRequests: 1}}",
    ],
)
def test_sound_files_have_no_problem(tmp_path: Path, lines: str) -> None:
    assert problems(tmp_path, lines) == ()


def test_what_a_file_says_is_what_the_component_gets(tmp_path: Path) -> None:
    own = "{name: own, query: vector(1), minimum: 1}"
    (tmp_path / "wine.yaml").write_text(
        f"{SERVICE}rollout: {{strategy: canary, surge: 2, steps: [{{weight: 25}}], "
        f"analysis: {{intervalSeconds: 20, metrics: [{own}]}}}}\n"
    )
    (file,) = load_services(tmp_path, "prod-aws")
    args = file.rollout.arguments()
    assert args["strategy"] is RolloutStrategy.CANARY
    assert args["steps"] == [{"weight": 25, "good_intervals": 2, "pause_seconds": 0}]
    assert args["surge"] == 2
    assert args["analysis"]["interval_seconds"] == 20
    assert args["analysis"]["metrics"] == [{"name": "own", "query": "vector(1)", "minimum": 1.0}]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            "rollout: {strategy: canary, steps: [{weight: 10}]}",
            "services/wine: rollout.steps[0].weight: 10 percent cannot be reached with "
            "autoscaling.minReplicas: 2, where 1 of 3 replicas are the nearest, 33 percent; write "
            "33, raise minReplicas to 8, or write traffic: gateway",
        ),
        (
            "rollout: {strategy: blueGreen, steps: [{weight: 50}]}",
            "services/wine: rollout.steps: says nothing with strategy blueGreen; remove it, or "
            "write strategy: canary",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_numbers(tmp_path: Path, lines: str, told: str) -> None:
    assert problems(tmp_path, lines) == (told,)


def test_a_measured_release_needs_who_measures(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, "rollout: {strategy: canary}", lacks="argo-rollouts")
    assert told == (
        "services/wine: rollout.strategy: canary needs what prod-aws lacks: argo-rollouts; add it, "
        "or write rolling"
    )
    assert problems(tmp_path, "rollout: {strategy: rolling}", lacks="argo-rollouts") == ()
