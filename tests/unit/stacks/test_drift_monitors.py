"""Service files of kind DriftMonitor: what is refused and where, and what of the service counts."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from drift_monitor_service import DriftMonitorFile
from drift_monitoring import _args, _folders, check_drift_monitors
from retraining import retraining_problems
from schemas import service_schema
from service import ModelServiceFile
from service_files import load_service_files
from service_folders import folder_grants
from stanchion import GrantKind
from training_service import TrainingJobFile
from unit.stacks import examples
from unit.stacks.bad_files import ROOT, SERVICE
from unit.stacks.examples import L4, environment, example
from validation import InvalidFileError

EXAMPLE = example("drift/wine-monitor.yaml")
edited = partial(examples.edited, EXAMPLE)
WATCHED = f"""{SERVICE}predictionLog:
  location: s3://demo-predictions/log
  retentionDays: 30
  key: arn:aws:kms:eu-central-1:123456789012:key/log
drift: {{psi: 0.3, problemRatio: 0.1}}
"""


def files(
    folder: Path, text: str, service: str = WATCHED
) -> tuple[list[DriftMonitorFile], list[ModelServiceFile]]:
    (folder / "monitor.yaml").write_text(text)
    (folder / "wine.yaml").write_text(service)
    found = load_service_files(folder, "prod-aws")
    return (
        [file for file in found if isinstance(file, DriftMonitorFile)],
        [file for file in found if isinstance(file, ModelServiceFile)],
    )


def problems(folder: Path, text: str, service: str = WATCHED, **changes: Any) -> list[str]:
    try:
        check_drift_monitors(
            *files(folder, text, service), environment(**changes), "prod-aws", {"l4": L4}
        )
    except InvalidFileError as error:
        return list(error.problems)
    return []


def test_the_example_satisfies_the_schema_and_the_environment(tmp_path: Path) -> None:
    jsonschema.validate(yaml.safe_load(EXAMPLE), service_schema())
    assert problems(tmp_path, EXAMPLE) == []


def test_the_guides_file_is_the_example() -> None:
    guide = (ROOT / "docs" / "drift-monitor.md").read_text("utf-8")
    text = guide.partition("```yaml\n")[2].partition("```")[0]
    assert yaml.safe_load(text) == yaml.safe_load(EXAMPLE)


def test_the_services_log_model_and_limits_count(tmp_path: Path) -> None:
    (file,), services = files(tmp_path, EXAMPLE)
    service = next(each for each in services if each.name == file.service)
    args = _args(file, service, environment(), "prod-aws", {})
    assert (args["model_service"], args["model_name"]) == (service.name, service.model)
    assert args["prediction_log"] == "s3://demo-predictions/log"
    assert (args["psi"], args["problem_ratio"]) == (0.3, 0.1)
    assert args["monitoring"]


def test_it_may_read_the_log_and_the_labels_and_write_the_reports(tmp_path: Path) -> None:
    (file,), (service,) = files(tmp_path, EXAMPLE)
    grants = {each["name"]: each for each in folder_grants(_folders(file, service))}
    assert {name: each["kind"] for name, each in grants.items()} == {
        "reports": GrantKind.BUCKET_WRITE,
        "prediction-log": GrantKind.BUCKET_READ,
        "labels": GrantKind.BUCKET_READ,
    }
    assert str(grants["prediction-log"]["key"]).endswith("key/log"), "the service's key of its log"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("service: wine\n", "service: tea\n"), "'tea' is no ModelService of prod-aws; known are"),
        (("tenant: demo", "tenant: growth"), "is of tenant demo, whose log growth may not read"),
        (("minRows: 200", "days: 60"), "60 days are more than the 30"),
        (("metric: accuracy", "metric: mae"), "labels.metric: mae is none of a classification"),
        (("  maxDrop: 0.05\n", ""), "labels: judges nothing"),
        (("maxDrop: 0.05", "maxDrop: 3"), "labels.maxDrop: 3 is beyond what accuracy can be"),
        (("maxDrop: 0.05", "limit: -1"), "labels.limit: -1 is beyond what accuracy can be"),
        (("s3://demo-wines-reports/drift", "gs://demo/drift"), "is in another cloud"),
        (("s3://demo-wines-reports/drift", "file:///data/drift"), "reports: is on a volume"),
        (
            ("s3://demo-wines-reports/drift", "s3://demo-predictions/log/r"),
            "is within predictionLog",
        ),
    ],
)
def test_what_could_not_work_is_told_by_its_path(
    change: tuple[str, str], said: str, tmp_path: Path
) -> None:
    found = problems(tmp_path, edited(change))
    assert any(said in each for each in found), found
    assert all(each.startswith("services/wine-monitor: ") for each in found)


def test_a_service_without_a_log_has_nothing_to_judge(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, EXAMPLE, SERVICE)
    assert "wine keeps no log to judge; add predictionLog to its file" in told


def test_a_service_is_judged_once(tmp_path: Path) -> None:
    (tmp_path / "again.yaml").write_text(edited(("wine-monitor\n", "other-monitor\n")))
    (told,) = problems(tmp_path, EXAMPLE)
    assert "wine is judged by" in told


def test_the_schema_refuses_a_misspelt_key_as_the_program_does(tmp_path: Path) -> None:
    written = {**yaml.safe_load(EXAMPLE), "window": 3}
    with pytest.raises(jsonschema.ValidationError, match="window"):
        jsonschema.validate(written, service_schema())
    with pytest.raises(InvalidFileError, match="window"):
        files(tmp_path, yaml.safe_dump(written))


def test_quality_begins_a_training_only_where_labels_are_watched(tmp_path: Path) -> None:
    text = example("training/wine-training.yaml")
    training = yaml.safe_load(text)
    training["retrain"] = {"reasons": ["quality"], "service": "wine"}
    training["data"].pop("digest", None)
    training |= {"deadlineMinutes": 60, "environments": ["prod-aws"]}
    file = TrainingJobFile.model_validate(
        {
            **training,
            "command": tuple(training["command"]),
            "retrain": {"reasons": ("quality",), "service": "wine"},
            "environments": ("prod-aws",),
        }
    )
    monitors, services = files(tmp_path, EXAMPLE)
    found = retraining_problems(file, services, environment(), "prod-aws", monitors)
    assert not [each for each in found if "labels" in each]
    found = retraining_problems(file, services, environment(), "prod-aws")
    assert any("quality needs labels of wine" in each for each in found)
