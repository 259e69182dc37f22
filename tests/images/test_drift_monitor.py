"""The drift monitor: the server's own log, a real registry, the job, labels that come late."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stanchion_drift_monitor import exporter
from stanchion_drift_monitor.metrics import Metrics
from stanchion_drift_monitor.run import run
from stanchion_drift_monitor.settings import ExporterSettings, MonitorSettings
from stanchion_model_server.settings import read
from stanchion_models import ModelVersion, Reference, Registry, register

from .conftest import NAMES, Store
from .test_server import start

pytestmark = pytest.mark.timeout(300)
ROWS = 1200
TODAY = datetime.now(UTC).date()


@dataclass(frozen=True)
class World:
    """A registry with a model whose promotion recorded an accuracy of 0.97, and a log of it."""

    store: Store
    client: MlflowClient
    truth: pd.DataFrame

    def environment(self, folder: Path, **changes: Any) -> dict[str, str]:
        labels = changes.pop("labels", None)
        told = {
            "SERVICE": "judge",
            "REGISTERED_MODEL_NAME": self.store.model.name,
            "MLFLOW_TRACKING_URI": self.store.uri,
            "LOG_URI": f"file://{folder}/log",
            "REPORT_URI": f"file://{folder}/reports",
            "LAST_DAY": str(TODAY),
            **({} if labels is None else {"LABELS": json.dumps(labels)}),
            **changes,
        }
        return {**os.environ, **told}


def asked(count: int, shift: float = 0.0, seed: int = 11) -> pd.DataFrame:
    """Requests as in training, the first feature moved."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(count, len(NAMES))) * 5, columns=NAMES)
    frame[NAMES[0]] += shift
    return frame


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("monitored")
    uri = f"sqlite:///{root / 'registry.db'}"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    mlflow.create_experiment("tests", artifact_location=str(root / "artifacts"))
    mlflow.create_experiment("drift-judge", artifact_location=str(root / "reports"))
    mlflow.set_experiment("tests")
    frame = asked(2000, seed=7)
    target = (frame.sum(axis=1) > 0).astype(int)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, target)
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(
            model,
            name="judge",
            serialization_format="cloudpickle",
            signature=infer_signature(frame, model.predict(frame)),
            input_example=frame.head(2),
            pip_requirements=["scikit-learn"],
        )
    client = Registry(uri).client()
    reference = Reference.of(frame, model.predict(frame))
    version = register(logged, "judge", client=client, reference=reference)
    promoted(client, version, 0.97)
    yield World(Store(uri, version, root / "artifacts"), client, frame)
    mlflow.set_tracking_uri(before)


def promoted(client: MlflowClient, version: ModelVersion, accuracy: float) -> None:
    """What `stanchion promote` records of a version's gates."""
    run = client.create_run("0", run_name="gates")
    client.log_metric(run.info.run_id, "judge/evaluation/accuracy", accuracy)
    client.set_terminated(run.info.run_id)
    client.set_model_version_tag(
        version.name, version.version, "stanchion.promotion.evaluation_run", run.info.run_id
    )


def log(world: World, folder: Path, frame: pd.DataFrame, prefix: str = "r") -> None:
    """Have the real server answer the rows, ten a request, and log all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    server = start(
        world.store,
        folder / "server.log",
        SERVICE_NAME="judge",
        PREDICTION_LOG_URI=f"file://{folder}/log",
        PREDICTION_LOG_SAMPLE_RATE="1",
        PREDICTION_LOG_RETENTION_DAYS="30",
        DRAIN_SECONDS="0",
        TMPDIR=str(folder),
    )
    try:
        server.wait("/v2/health/ready", 200)
        for at in range(0, len(frame), 10):
            piece = frame.iloc[at : at + 10]
            split = {"columns": [*piece.columns], "data": piece.to_numpy().tolist()}
            request = urllib.request.Request(
                f"http://127.0.0.1:{server.port}/invocations",
                json.dumps({"dataframe_split": split}).encode(),
                {"content-type": "application/json", "x-request-id": f"{prefix}{at}"},
            )
            urllib.request.urlopen(request, timeout=10).read()
    finally:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)


COMPARE = ["-m", "stanchion_drift_monitor", "compare"]
KILLED_BEFORE = """\
import os, signal, sys
from mlflow.tracking import MlflowClient
from stanchion_drift_monitor.__main__ import main

def killed(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(MlflowClient, sys.argv.pop(), killed)
main()
"""


def ran(
    environment: dict[str, str], status: int = 0, python: list[str] = COMPARE
) -> dict[str, Any]:
    """The job's own process: what it printed."""
    process = subprocess.run(
        [sys.executable, *python],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == status, process.stderr
    return dict(json.loads(process.stdout)) if process.stdout else {"stderr": process.stderr}


def judged(environment: dict[str, str], status: int = 0) -> dict[str, Any]:
    """The same in this process, which has imported everything already: the whole report."""
    found, said = run(read(environment, MonitorSettings))
    assert found == status
    return said or {}


def checks(said: dict[str, Any]) -> dict[str, str]:
    (only,) = said["versions"]
    return {name: check["verdict"] for name, check in only["checks"].items()}


def reason(caplog: pytest.LogCaptureFixture) -> str:
    """What the job said last of why it ended."""
    return str(vars(caplog.records[-1])["fields"]["reason"])


def report(folder: Path) -> dict[str, Any]:
    text = (folder / f"reports/service=judge/date={TODAY}/report.json").read_text()
    return dict(json.loads(text))


def field(found: dict[str, Any], name: str) -> dict[str, Any]:
    (only,) = found["versions"]
    return dict(next(each for each in only["fields"] if each["field"] == name))


@pytest.fixture(scope="module")
def calm(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of requests as in training."""
    folder = tmp_path_factory.mktemp("calm")
    log(world, folder, asked(ROWS))
    return folder


def of_the_log(calm: Path, folder: Path) -> Path:
    """A folder of the test's own with the same log."""
    (folder / "log").symlink_to(calm / "log")
    return folder


def write_labels(folder: Path, truth: Any, first: int = 0, name: str = "a") -> None:
    """Labels for the rows of requests, as somebody else writes them later."""
    at = np.arange(first, first + len(truth))
    frame = pd.DataFrame({"request_id": [f"r{each // 10 * 10}" for each in at], "row": at % 10})
    (folder / "labels").mkdir(exist_ok=True)
    frame.assign(truth=truth).to_parquet(folder / f"labels/{name}.parquet", index=False)


def answered(folder: Path) -> Any:
    """What the server answered, in the order in which it was asked."""
    files = (folder / "log").resolve().rglob("*.parquet")
    served = pd.concat(pq.ParquetFile(path).read().to_pandas() for path in files)
    served["at"] = served["request_id"].str[1:].astype(int) + served["row"]
    return served.set_index("at")["output.prediction"].sort_index().to_numpy()


def labels(folder: Path, **changes: Any) -> dict[str, Any]:
    return {
        "location": f"file://{folder}/labels",
        "column": "truth",
        "task": "classification",
        "metric": "accuracy",
        "max_drop": 0.05,
        "min_rows": 200,
        **changes,
    }


def test_a_log_as_in_training_is_quiet(world: World, calm: Path, tmp_path: Path) -> None:
    said = ran(world.environment(of_the_log(calm, tmp_path)))
    assert said["verdict"] == "ok"
    assert said["versions"] == {
        "1": dict.fromkeys(("features", "predictions", "data-quality", "schema"), "ok")
    }
    found = report(tmp_path)
    (only,) = found["versions"]
    assert (only["rows"], only["digest"]) == (ROWS, world.store.model.digest)
    assert {each["field"] for each in only["fields"]} == {*NAMES, "output-0"}
    shares = [one["share"] for one in field(found, "f1")["bins"]]
    assert sum(shares) == pytest.approx(1, abs=1e-4)


def test_a_feature_that_moved_is_told_with_its_index_and_no_other(
    world: World, tmp_path: Path
) -> None:
    log(world, tmp_path, asked(ROWS, shift=4.0))
    said = judged(world.environment(tmp_path))
    assert said["verdict"] == "breach"
    found = report(tmp_path)
    (only,) = found["versions"]
    assert only["checks"]["features"]["verdict"] == "breach"
    (told,) = only["checks"]["features"]["found"]
    assert told.startswith("f0 has an index of")
    moved = field(found, "f0")
    assert moved["drift"] > 0.2
    assert moved["chiSquaredP"] < 1e-6
    assert moved["distance"] > 0.2
    shown = (tmp_path / f"reports/service=judge/date={TODAY}/report.html").read_text()
    assert "f0 has an index of" in shown


def test_labels_that_come_late_say_how_good_the_version_is(
    world: World, calm: Path, tmp_path: Path
) -> None:
    folder = of_the_log(calm, tmp_path)
    frame = asked(ROWS)
    truth = (frame.sum(axis=1) > 0).astype(int).to_numpy()
    wrong = truth.copy()
    wrong[:60] = 1 - wrong[:60]
    write_labels(folder, wrong[:100])
    environment = world.environment(folder, labels=labels(folder))

    few = judged(environment)
    assert checks(few)["quality"] == "inconclusive", "100 labels are too few"
    assert report(folder)["versions"][0]["quality"]["coverage"] == pytest.approx(100 / ROWS)

    write_labels(folder, wrong[100:300], 100, "b")
    bad = judged(environment)
    assert checks(bad)["quality"] == "breach"
    assert bad["key"] != few["key"], "new labels are another report"
    (only,) = report(folder)["versions"]
    quality = only["quality"]
    expected = accuracy_score(wrong[:300], answered(folder)[:300])
    assert quality["metrics"]["accuracy"] == pytest.approx(expected, abs=1e-5)
    assert (quality["labelled"], quality["baseline"]) == (300, 0.97)
    assert "worse than the 0.97 of the evaluation" in only["checks"]["quality"]["found"][0]

    write_labels(folder, truth[300:], 300, "c")
    good = judged(environment)
    assert checks(good)["quality"] == "ok", "60 of 1200 are within the drop"
    experiment = world.client.get_experiment_by_name("drift-judge")
    assert experiment is not None
    runs = world.client.search_runs(
        [experiment.experiment_id], f"tags.`stanchion.report.key` = '{few['key']}'"
    )
    assert "stanchion.report.superseded" in runs[0].data.tags


def test_a_group_that_is_served_worse_is_told(world: World, tmp_path: Path) -> None:
    frame = asked(ROWS)
    frame["f3"] = np.where(np.arange(ROWS) % 2, 1.0, -1.0)
    log(world, tmp_path, frame)
    served = pd.concat(
        pd.read_parquet(p) for p in tmp_path.rglob("log/service=judge/*/*/*.parquet")
    )
    served["at"] = served["request_id"].str[1:].astype(int) + served["row"]
    answers = served.set_index("at")["output.prediction"].sort_index().to_numpy()
    truth = np.where((np.arange(ROWS) % 2 == 1) & (np.arange(ROWS) % 3 == 0), 1 - answers, answers)
    write_labels(tmp_path, truth)
    wanted = labels(tmp_path, slices=["f3"], max_drop=0.05, limit=0.5)
    judged(world.environment(tmp_path, labels=wanted))
    (only,) = report(tmp_path)["versions"]
    told = only["checks"]["quality"]["found"]
    assert any("where f3 is 1.0" in each for each in told)
    assert not any("where f3 is -1.0" in each for each in told)


def test_contradicting_labels_count_for_no_row_and_are_told(
    world: World, calm: Path, tmp_path: Path
) -> None:
    folder = of_the_log(calm, tmp_path)
    truth = (asked(ROWS).sum(axis=1) > 0).astype(int).to_numpy()
    write_labels(folder, truth[:300])
    write_labels(folder, truth[:300], name="again")
    write_labels(folder, 1 - truth[:50], name="other")
    judged(world.environment(folder, labels=labels(folder)))
    (only,) = report(folder)["versions"]
    assert (only["quality"]["labelled"], only["quality"]["contradicted"]) == (250, 50)


def test_an_answer_that_is_none_is_counted_and_the_others_are_judged(
    world: World, calm: Path, tmp_path: Path
) -> None:
    for path in calm.rglob("log/service=judge/*/*/*.parquet"):
        copy = tmp_path / path.relative_to(calm)
        copy.parent.mkdir(parents=True, exist_ok=True)
        table = pq.ParquetFile(path).read()
        at = table.column_names.index("output.prediction")
        answers = table["output.prediction"].to_pylist()
        for row, (request, number) in enumerate(
            zip(table["request_id"].to_pylist(), table["row"].to_pylist(), strict=True)
        ):
            if (request, number) == ("r0", 3):
                answers[row] = None
        kind = table.schema.field(at)
        pq.write_table(table.set_column(at, kind, pa.array(answers, kind.type)), copy)
    write_labels(tmp_path, (asked(ROWS).sum(axis=1) > 0).astype(int).to_numpy()[:300])
    judged(world.environment(tmp_path, labels=labels(tmp_path)))
    (only,) = report(tmp_path)["versions"]
    assert (only["quality"]["labelled"], only["quality"]["unusable"]) == (299, 1)
    assert only["checks"]["quality"]["verdict"] == "ok"


def of_quality(folder: Path) -> str:
    """Why the newest report cannot judge quality; it has judged everything else."""
    (only,) = report(folder)["versions"]
    others = {"features", "predictions", "data-quality", "schema"}
    assert {only["checks"][name]["verdict"] for name in others} == {"ok"}
    assert (only["checks"]["quality"]["verdict"], only["quality"]) == ("inconclusive", None)
    (why,) = only["checks"]["quality"]["found"]
    return str(why)


def test_files_of_a_log_that_was_told_to_keep_too_little_are_counted_and_left_out(
    world: World, calm: Path, tmp_path: Path
) -> None:
    write_labels(tmp_path, answered(calm))
    for path in calm.rglob("log/service=judge/*/*/*.parquet"):
        today = tmp_path / path.relative_to(calm)
        before = today.parents[1] / f"date={TODAY - timedelta(days=5)}" / path.name
        for each in (today, before):
            each.parent.mkdir(parents=True, exist_ok=True)
        table = pq.ParquetFile(path).read()
        pq.write_table(table, today)
        pq.write_table(table.drop_columns(["output.prediction"]), before)
    said = judged(world.environment(tmp_path, labels=labels(tmp_path, output="prediction")))
    assert checks(said)["quality"] == "ok"
    quality = said["versions"][0]["quality"]
    assert (quality["labelled"], quality["rows"]) == (ROWS, ROWS)
    assert quality["notLogged"] == ROWS
    shown = (tmp_path / f"reports/service=judge/date={TODAY}/report.html").read_text()
    assert f"{ROWS} rows were logged without" in shown


def test_a_slice_that_a_version_never_had_costs_its_quality_alone(
    world: World, calm: Path, tmp_path: Path
) -> None:
    folder = of_the_log(calm, tmp_path)
    write_labels(folder, answered(folder))
    wanted = labels(folder, slices=["region"])
    said = judged(world.environment(folder, labels=wanted))
    assert said["verdict"] == "inconclusive"
    assert "the log of version 1 has no column input.region" in of_quality(folder)


def test_text_labels_of_a_regression_cost_quality_alone(
    world: World, calm: Path, tmp_path: Path
) -> None:
    folder = of_the_log(calm, tmp_path)
    write_labels(folder, ["red"] * 300)
    numbers = labels(folder, task="regression", metric="mae", max_drop=None, limit=1.0)
    judged(world.environment(folder, labels=numbers))
    assert "labels are as 'red'; name a column of numbers" in of_quality(folder)


def test_it_is_told_the_same_however_often_it_is_killed_and_repeated(
    world: World, calm: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for each in (whole, killed):
        each.mkdir()
        of_the_log(calm, each)
    # Another key, so that the runs of other tests are not gone on with.
    settings = {"MIN_ROWS": "1001"}
    for step in ("log_batch", "log_dict", "log_text", "set_terminated"):
        python = ["-c", KILLED_BEFORE, "compare", step]
        ran(world.environment(killed, **settings), status=-signal.SIGKILL, python=python)
    said = judged(world.environment(killed, **settings))
    assert judged(world.environment(whole, **settings)) == said
    one, other = (folder / "reports/service=judge" for folder in (whole, killed))
    for name in (f"date={TODAY}/report.json", f"date={TODAY}/report.html", "_latest.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    experiment = world.client.get_experiment_by_name("drift-judge")
    assert experiment is not None
    runs = world.client.search_runs(
        [experiment.experiment_id], f"tags.`stanchion.report.key` = '{said['key']}'"
    )
    assert [run.info.status for run in runs] == ["FINISHED"], "one run, however often killed"
    history = world.client.get_metric_history(runs[0].info.run_id, "1/input/f0/psi")
    assert len(history) == 1


def test_a_repeated_window_is_left_as_it_is(world: World, calm: Path, tmp_path: Path) -> None:
    environment = world.environment(of_the_log(calm, tmp_path))
    first = judged(environment)
    path = tmp_path / f"reports/service=judge/date={TODAY}/report.json"
    written = path.stat().st_mtime_ns
    assert judged(environment) == first
    assert path.stat().st_mtime_ns == written


def test_a_day_without_a_log_is_inconclusive_and_no_failure(world: World, tmp_path: Path) -> None:
    said = judged(world.environment(tmp_path))
    assert (said["verdict"], said["versions"]) == ("inconclusive", [])


def test_a_log_of_another_model_under_the_same_version_is_refused(
    world: World, calm: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "log/service=judge/version=1").mkdir(parents=True)
    day = tmp_path / f"log/service=judge/version=1/date={TODAY}"
    day.mkdir()
    for path in calm.rglob("log/service=judge/*/*/*.parquet"):
        table = pq.ParquetFile(path).read()
        about = {**(table.schema.metadata or {}), b"digest": f"sha256:{'0' * 64}".encode()}
        pq.write_table(table.replace_schema_metadata(about), day / path.name)
    judged(world.environment(tmp_path), status=3)
    assert "wrote the log" in reason(caplog)


def test_labels_that_no_reader_understands_cost_quality_alone(
    world: World, calm: Path, tmp_path: Path
) -> None:
    folder = of_the_log(calm, tmp_path)
    (folder / "labels").mkdir()
    (folder / "labels/a.parquet").write_bytes(b"no parquet at all")
    environment = world.environment(folder, labels=labels(folder))
    judged(environment)
    assert "is no Parquet" in of_quality(folder)
    pd.DataFrame({"id": ["r0"]}).to_parquet(folder / "labels/a.parquet")
    judged(environment)
    assert "has no column request_id, truth" in of_quality(folder)


def test_wrong_settings_are_told_all_at_once(world: World, tmp_path: Path) -> None:
    environment = world.environment(tmp_path, PSI="9", REPORT_URI="reports")
    told = ran(environment, status=2)["stderr"]
    assert "PSI" in told
    assert "REPORT_URI" in told


def test_a_registry_that_is_away_is_tried_again(
    world: World, calm: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = world.environment(
        of_the_log(calm, tmp_path), MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}"
    )
    judged(environment, status=1)
    assert caplog.records[-1].message == "not available, a later try may succeed"
    assert not (tmp_path / "reports").exists()


def test_the_exporter_tells_the_newest_window_and_never_goes_back(
    world: World, calm: Path, tmp_path: Path
) -> None:
    folder = of_the_log(calm, tmp_path)
    settings = ExporterSettings.model_validate(
        {"SERVICE": "judge", "REPORT_URI": f"file://{folder}/reports"}
    )
    metrics, registry = Metrics(), CollectorRegistry()
    registry.register(metrics)

    def told() -> dict[tuple[str, ...], float]:
        exporter.look(settings, metrics)
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(generate_latest(registry).decode())
            for sample in family.samples
        }

    assert told() == {("drift_monitor_window_end_timestamp_seconds",): 0}
    write_labels(folder, (asked(ROWS).sum(axis=1) > 0).astype(int).to_numpy())
    judged(world.environment(folder, labels=labels(folder)))
    found = told()
    end = datetime.combine(TODAY + timedelta(days=1), datetime.min.time(), UTC).timestamp()
    assert found["drift_monitor_window_end_timestamp_seconds",] == end
    assert found["drift_monitor_rows", "1"] == ROWS
    assert found["drift_monitor_label_coverage_ratio", "1"] == 1
    assert found["drift_monitor_quality_baseline", "accuracy", "1"] == 0.97
    assert found["drift_monitor_verdict", "quality", "ok", "1"] == 1
    assert found["drift_monitor_verdict", "quality", "breach", "1"] == 0
    judged(world.environment(folder, LAST_DAY=str(TODAY - timedelta(days=1))))
    assert told() == found, "a day that is made up for is not the newest"
