"""`retrain` of a training's file: refused where nothing could start it, by its own path."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from retraining import check_retraining
from service import ModelServiceFile
from service_files import load_service_files
from stanchion_retraining.runs import Cause, Limits, Outcome, Run
from training_service import TrainingJobFile
from training_serving import load_trainings
from unit.stacks.bad_files import ROOT
from unit.stacks.examples import edited, environment, example
from validation import InvalidFileError

RETRAIN = """\
retrain:
  reasons: [drift, new-data]
  service: wine
  cooldownHours: 24
  maxRuns: 8
"""
DIGEST = "  digest: sha256:7083d7fdccedda3a5f36e38d18f7d3c814d566a1884a213b6ce998acdc2c46e8\n"
TRAINING = edited(
    example("training/wine-training.yaml"),
    ("model: wine-classifier", "model: wine-cultivar"),
    ("code: wine-training", "image: example.com/train:1.4\ncodeVersion: 0123abc"),
    (DIGEST, ""),
)
WITH_RETRAIN = TRAINING + RETRAIN


def files(folder: Path, text: str) -> tuple[list[TrainingJobFile], list[ModelServiceFile]]:
    """The training beside the repository's own service wine."""
    (folder / "wine.yaml").write_text((ROOT / "stacks" / "services" / "wine.yaml").read_text())
    (folder / "training.yaml").write_text(text)
    found = load_service_files(folder, "prod-aws")
    return (
        [file for file in found if isinstance(file, TrainingJobFile)],
        [file for file in found if isinstance(file, ModelServiceFile)],
    )


def checked(folder: Path, text: str, **changes: Any) -> None:
    trainings, services = files(folder, text)
    load_trainings(trainings, folder, environment(**changes), "prod-aws", {})
    check_retraining(trainings, services, environment(**changes), "prod-aws")


def test_a_whole_one_is_taken(tmp_path: Path) -> None:
    checked(tmp_path, WITH_RETRAIN)
    checked(tmp_path, edited(WITH_RETRAIN, ("seed: 1", "seed: 1\nschedule: 17 3 * * 0")))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            ("service: wine", "service: tea"),
            "retrain.service: 'tea' is no ModelService of prod-aws",
        ),
        (
            ("tenant: demo", "tenant: other"),
            "retrain.service: wine is of tenant demo, whose alerts",
        ),
        (
            ("model: wine-cultivar", "model: tea"),
            "retrain.service: wine serves wine-cultivar, and model is tea",
        ),
        (
            ("deadlineMinutes: 60", "deadlineMinutes: 1500"),
            "retrain.cooldownHours: 24 hours are less than deadlineMinutes, 1500, for which a "
            "training may go on; write 25 or more",
        ),
        (
            ("  version: 2026-11\n", f"  version: 2026-11\n{DIGEST}"),
            "retrain: data.digest holds every training to the same data",
        ),
    ],
)
def test_what_cannot_start_it_is_refused(
    change: tuple[str, str], told: str, tmp_path: Path
) -> None:
    trainings, services = files(tmp_path, edited(WITH_RETRAIN, change))
    with pytest.raises(InvalidFileError) as error:
        check_retraining(trainings, services, environment(), "prod-aws")
    assert any(each.startswith(f"services/wine-training: {told}") for each in error.value.problems)


def scheduled(schedule: str, **limits: int) -> str:
    """The training by the clock too, with other limits."""
    changes = [
        (f"{key}: {default}", f"{key}: {limits[key]}")
        for key, default in (("cooldownHours", 24), ("maxRuns", 8))
        if key in limits
    ]
    return edited(WITH_RETRAIN, ("seed: 1", f"seed: 1\nschedule: {schedule}"), *changes)


@pytest.mark.parametrize(
    ("schedule", "limits", "told"),
    [
        (
            "0 3 * * *",
            {},
            [
                "retrain.maxRuns: 8 in 30 days are used up by schedule, which makes 30 or more of "
                "them, and nothing else would ever start a training; write 31 or more, or a "
                "schedule that trains less often than 0 3 * * *, or remove retrain",
                "retrain.cooldownHours: 24 hours are never over between two runs of schedule, at "
                "most 24 hours apart, and nothing else would ever start a training; write 23 or "
                "less, or a schedule that trains less often than 0 3 * * *, or remove retrain",
            ],
        ),
        ("0 3 */3 * *", {}, ["retrain.maxRuns: 8 in 30 days are used up by schedule, which makes"]),
        (
            "0 * * * *",
            {"cooldownHours": 1, "maxRuns": 100},
            [
                "retrain.maxRuns: 100 in 30 days are used up by schedule, which makes 720 or more "
                "of them, and nothing else would ever start a training; write a schedule",
                "retrain.cooldownHours: 1 hours are never over between two runs of schedule, at "
                "most 1 hours apart, and nothing else would ever start a training; write a sched",
            ],
        ),
        ("0 3 * * 0", {"cooldownHours": 168}, ["retrain.cooldownHours: 168 hours are never over"]),
    ],
)
def test_a_schedule_that_leaves_the_trigger_nothing_is_refused(
    schedule: str, limits: dict[str, int], told: list[str], tmp_path: Path
) -> None:
    trainings, services = files(tmp_path, scheduled(schedule, **limits))
    with pytest.raises(InvalidFileError) as error:
        check_retraining(trainings, services, environment(), "prod-aws")
    found = error.value.problems
    assert len(found) == len(told)
    for problem, start in zip(found, told, strict=True):
        assert problem.startswith(f"services/wine-training: {start}")


def starts_something(comes: Callable[[datetime], bool], limits: Limits) -> bool:
    """Whether the trigger would ever begin a training, asked every hour for two months."""
    first = datetime(2028, 1, 1, tzinfo=UTC)
    runs: list[Run] = []
    for now in (first + timedelta(hours=each) for each in range(92 * 24)):
        if comes(now):
            runs.append(Run(str(now), now, "", "complete"))
        asks = Cause("drift", f"drift since {now}", trained_since=now)
        if now - first > limits.window and limits.judge(asks, runs, now) is Outcome.STARTED:
            return True
    return False


@pytest.mark.parametrize(
    ("schedule", "comes"),
    [
        ("0 3 * * *", lambda now: now.hour == 3),
        ("0 */8 * * *", lambda now: now.hour % 8 == 0),
        ("0 3 * * MON,THU", lambda now: now.hour == 3 and now.weekday() in {0, 3}),
        ("0 3 * * SUN", lambda now: now.hour == 3 and now.weekday() == 6),
    ],
)
@pytest.mark.parametrize("cooldown", [7, 8, 23, 24, 95, 96, 168])
@pytest.mark.parametrize("most", [4, 5, 8, 9, 31, 100])
def test_what_is_refused_is_what_would_never_start_anything(
    schedule: str, comes: Callable[[datetime], bool], cooldown: int, most: int, tmp_path: Path
) -> None:
    trainings, services = files(tmp_path, scheduled(schedule, cooldownHours=cooldown, maxRuns=most))
    limits = Limits(timedelta(hours=cooldown), most, timedelta(days=30))
    if starts_something(comes, limits):
        check_retraining(trainings, services, environment(), "prod-aws")
    else:
        with pytest.raises(InvalidFileError, match="nothing else would ever start a training"):
            check_retraining(trainings, services, environment(), "prod-aws")


def test_alerts_need_somebody_who_evaluates_them(tmp_path: Path) -> None:
    enabled = {"enabled": ["aws-load-balancer-controller", "karpenter", "kueue"]}
    trainings, services = files(tmp_path, WITH_RETRAIN)
    with pytest.raises(InvalidFileError, match="drift need Prometheus Operator"):
        check_retraining(trainings, services, environment(operators=enabled), "prod-aws")
    alone = edited(WITH_RETRAIN, ("[drift, new-data]", "[new-data]"), ("  service: wine\n", ""))
    trainings, services = files(tmp_path, alone)
    check_retraining(trainings, services, environment(operators=enabled), "prod-aws")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("[drift, new-data]", "[rain]"), "reasons"),
        (("[drift, new-data]", "[]"), "reasons"),
        (("[drift, new-data]", "[drift, drift]"), "has drift twice"),
        (("  service: wine\n", ""), "drift are alerts of a service; add `service`"),
        (("[drift, new-data]", "[new-data]"), "`service` is not looked at without drift"),
        (("cooldownHours: 24", "cooldownHours: 0"), "cooldownHours"),
        (("maxRuns: 8", "maxRuns: 101"), "maxRuns"),
        (("maxRuns: 8", "maxRun: 8"), "maxRun"),
    ],
)
def test_a_retrain_that_makes_no_sense_is_refused(
    change: tuple[str, str], told: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidFileError, match=told):
        files(tmp_path, edited(WITH_RETRAIN, change))


def test_several_nodes_are_refused_by_the_files_own_key(tmp_path: Path) -> None:
    text = edited(WITH_RETRAIN, ("queue: jobs", "nodes: 2"))
    trainings, _ = files(tmp_path, text)
    with pytest.raises(InvalidFileError, match="nodes: is 2, and retrain is set"):
        load_trainings(trainings, tmp_path, environment(), "prod-aws", {})


def test_a_name_leaves_room_for_the_triggers(tmp_path: Path) -> None:
    text = edited(WITH_RETRAIN, ("name: wine-training", f"name: {'w' * 30}"))
    trainings, services = files(tmp_path, text)
    with pytest.raises(InvalidFileError, match=r"name: .* leaves no room"):
        check_retraining(trainings, services, environment(), "prod-aws")


def test_the_guides_example_is_one(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "training.md").read_text("utf-8")
    block = guide.partition("## Training again by itself")[2].partition("```yaml\n")[2]
    written = yaml.safe_load(block.partition("```")[0])
    assert written == yaml.safe_load(RETRAIN)
