"""`retrain` of a training's file: refused where nothing could start it, by its own path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from retraining import check_retraining
from service import ModelServiceFile
from service_files import load_service_files
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
