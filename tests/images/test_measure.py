"""What promotion is told of a model: its scan, times, memory and metrics, in the serving image."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
from mlflow.models import infer_signature
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from stanchion_model_server import measure as measuring
from stanchion_model_server import wanted
from stanchion_model_server.check import ask
from stanchion_model_server.evaluation import EvaluationError, evaluate
from stanchion_model_server.loading import ServedModel, load_folder
from stanchion_model_server.measure import measure
from stanchion_model_server.scan import problems, scan
from stanchion_model_server.settings import SettingsError
from stanchion_model_server.wanted import EvaluationWanted, Wanted
from stanchion_models import RegistryUnavailableError

from .conftest import DIGEST, NAMES, Store, save_classifier, settings, training_data


def _data(folder: Path, *, rows: int = 100, **columns: Any) -> dict[str, Any]:
    """A data set of the classifier's own problem, and the part of a question that names it."""
    frame, target = training_data()
    frame = frame.head(rows).assign(label=target.head(rows), **columns)
    file = folder / "evaluation.csv"
    frame.to_csv(file, index=False)
    return {
        "data": str(file),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "label": "label",
        "task": "classification",
    }


def _wanted(evaluation: dict[str, Any]) -> EvaluationWanted:
    return EvaluationWanted.model_validate(evaluation)


def _served(folder: Path, model: Any, answers: Any, **options: Any) -> ServedModel:
    frame, _ = training_data()
    mlflow.sklearn.save_model(
        model,
        str(folder),
        serialization_format="cloudpickle",
        signature=infer_signature(frame, answers),
        input_example=frame.head(2),
        pip_requirements=["scikit-learn"],
        **options,
    )
    return load_folder(folder, DIGEST)


def _evaluate(served: ServedModel, evaluation: dict[str, Any]) -> dict[str, Any]:
    return evaluate(served, _wanted(evaluation), tracking_uri="http://127.0.0.1:9")


def test_metrics_are_those_of_what_a_client_would_be_answered(
    classifier: ServedModel, tmp_path: Path
) -> None:
    report = _evaluate(classifier, _data(tmp_path))
    frame, target = training_data()
    right = (classifier.model.predict(frame.head(100)) == target.head(100)).mean()
    assert report["metrics"]["accuracy"] == pytest.approx(right)
    assert (report["rows"], report["failed_rows"], report["failure"]) == (100, 0, "")
    assert set(report["metrics"]) == {"accuracy", "balancedAccuracy", "precision", "recall", "f1"}


def test_probabilities_are_told_and_also_count_as_labels(tmp_path: Path) -> None:
    frame, target = training_data()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, target)
    answers = model.predict_proba(frame)
    served = _served(tmp_path / "m", model, answers, pyfunc_predict_fn="predict_proba")
    found = _evaluate(served, _data(tmp_path))["metrics"]
    assert found["accuracy"] > 0.9
    assert 0 < found["logLoss"] < 0.5
    assert found["rocAuc"] > 0.95


def test_regression_has_metrics_of_its_own(tmp_path: Path) -> None:
    frame, _ = training_data()
    target = frame.sum(axis=1) + 50
    model = LinearRegression().fit(frame, target)
    served = _served(tmp_path / "m", model, target.to_numpy())
    asked = {**_data(tmp_path), "task": "regression", "label": "f0"}
    assert set(_evaluate(served, asked)["metrics"]) == {"mae", "rmse", "mape", "r2"}


def test_each_group_of_a_slice_is_measured_though_the_model_is_not_sent_it(
    classifier: ServedModel, tmp_path: Path
) -> None:
    regions = ["north" if row % 4 == 0 else "south" for row in range(100)]
    sliced = {
        **_data(tmp_path, region=regions),
        "slices": [{"column": "region", "metric": "accuracy"}],
    }
    (found,) = _evaluate(classifier, sliced)["slices"]
    assert {name: group["rows"] for name, group in found["groups"].items()} == {
        "north": 25,
        "south": 75,
    }
    assert all(0.5 < group["value"] <= 1 for group in found["groups"].values())


class _Fragile:
    """Raises for rows whose first value is large, as a model with a hole in it does."""

    def predict(self, frame: pd.DataFrame) -> Any:
        if (frame["f0"] > 8).any():
            raise ValueError("no bucket for f0")
        return (frame.sum(axis=1) > 0).astype(int)


def test_rows_that_the_model_fails_on_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    frame, target = training_data()
    served = _served(tmp_path / "m", _Fragile(), target)
    report = _evaluate(served, _data(tmp_path))
    bad = frame.head(100)["f0"] > 8
    assert 0 < bad.sum() == report["failed_rows"] < 20
    assert report["failure"] == f"row {int(bad.to_numpy().argmax()) + 1}: no bucket for f0"
    assert report["metrics"]["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sha256": "0" * 64}, "and 0000"),
        ({"label": "truth"}, "has no column truth"),
        ({"slices": [{"column": "region", "metric": "accuracy"}]}, "has no column region"),
        ({"slices": [{"column": "f0", "metric": "accuracy"}]}, "bin the column"),
    ],
)
def test_a_data_set_that_is_not_what_was_declared_is_told_with_the_way_out(
    classifier: ServedModel, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(EvaluationError, match=says):
        _evaluate(classifier, {**_data(tmp_path), **change})


def test_a_data_set_without_a_required_input_is_told(
    classifier: ServedModel, tmp_path: Path
) -> None:
    asked = _data(tmp_path)
    file = Path(asked["data"])
    pd.read_csv(file).drop(columns="f2").to_csv(file, index=False)
    asked["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(EvaluationError, match="no column f2, which the signature requires"):
        _evaluate(classifier, asked)


def test_labels_of_another_kind_than_the_answers_are_told(
    classifier: ServedModel, tmp_path: Path
) -> None:
    asked = {**_data(tmp_path, name=["yes", "no"] * 50), "label": "name"}
    with pytest.raises(EvaluationError, match="labels are as 'yes' and the model answers as"):
        _evaluate(classifier, asked)


def test_json_lines_give_the_same_metrics_as_csv(classifier: ServedModel, tmp_path: Path) -> None:
    asked = _data(tmp_path)
    file = tmp_path / "evaluation.jsonl"
    pd.read_csv(asked["data"]).to_json(file, orient="records", lines=True, double_precision=15)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    lines = {**asked, "data": str(file), "sha256": digest}
    assert _evaluate(classifier, lines) == _evaluate(classifier, asked)


def test_everything_is_measured_at_once(store: Store, tmp_path: Path) -> None:
    asked = {"scan": {}, "smoke": {"requests": 30}, "evaluation": _data(tmp_path)}
    report = measure(store.settings(), Wanted.model_validate(asked))
    assert report["scan"] == {"problems": []}
    assert report["smoke"]["requests"] == 30
    assert 0 < report["smoke"]["latency_ms"] <= report["smoke"]["p99_ms"]
    assert report["smoke"]["rss_mb"] > 10
    assert report["smoke"]["growth_mb"] < 50
    assert report["evaluation"]["metrics"]["accuracy"] > 0.9


def test_a_data_set_is_read_from_a_runs_artifacts(store: Store, tmp_path: Path) -> None:
    asked = _data(tmp_path)
    with mlflow.start_run() as run:
        mlflow.log_artifact(asked["data"])
    asked["data"] = f"runs:/{run.info.run_id}/evaluation.csv"
    report = measure(store.settings(), Wanted.model_validate({"evaluation": asked}))
    assert report["evaluation"]["rows"] == 100


def test_a_registry_that_does_not_answer_is_told_apart_from_a_model_that_is_refused(
    store: Store,
) -> None:
    silent = store.settings(MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "unavailable" in measure(silent, Wanted(), tries=1)
    assert "unavailable" not in measure(store.settings(MODEL_DIGEST=DIGEST), Wanted())


def test_a_data_set_that_cannot_be_fetched_now_is_told_apart_from_one_that_is_not_there(
    store: Store, classifier: ServedModel, tmp_path: Path
) -> None:
    asked = {**_data(tmp_path), "data": f"runs:/{'0' * 32}/evaluation.csv"}
    with pytest.raises(RegistryUnavailableError, match=r"evaluation\.csv cannot be fetched"):
        _evaluate(classifier, asked)
    with pytest.raises(EvaluationError, match=r"evaluation\.csv cannot be fetched"):
        evaluate(classifier, _wanted(asked), tracking_uri=store.uri)


def test_a_version_with_another_digest_is_not_loaded_and_the_rest_says_so(
    store: Store, tmp_path: Path
) -> None:
    asked = Wanted.model_validate({"evaluation": _data(tmp_path)})
    report = measure(store.settings(MODEL_DIGEST=DIGEST), asked)
    assert DIGEST in report["smoke"]["problem"]
    assert report["evaluation"] == {"problem": "not run: the model was not loaded"}


def test_a_model_that_the_scan_speaks_against_is_never_loaded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*_: Any) -> Any:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(measuring, "load_folder", loaded)
    asked = Wanted.model_validate({"scan": {"refusedFileTypes": [".pkl"]}})
    report = measure(store.settings(), asked)
    assert report["scan"]["problems"] == ["model.pkl: files of type .pkl are refused"]
    assert "not run" in report["smoke"]["problem"]


def test_memory_that_is_never_given_back_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bytearray] = []

    def leaking(served: ServedModel, example: bytes) -> bytes:
        kept.append(bytearray(os.urandom(1 << 20)))
        return ask(served, example)

    monkeypatch.setattr("stanchion_model_server.measure.ask", leaking)
    report = measure(store.settings(), Wanted.model_validate({"smoke": {"requests": 40}}))
    assert 30 < report["smoke"]["growth_mb"] < 60


def test_a_model_that_breaks_after_some_requests_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def breaking(served: ServedModel, example: bytes) -> bytes:
        nonlocal asked
        asked += 1
        if asked > 25:
            raise RuntimeError("cache is full")
        return ask(served, example)

    monkeypatch.setattr("stanchion_model_server.measure.ask", breaking)
    report = measure(store.settings(), Wanted())
    assert report["smoke"]["problem"] == (
        "fails on its own input example, after 5 answers: cache is full"
    )


class _Command:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/stanchion-was-here",)


def _saved(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder


def _zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _npy_of_objects() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([_Command()], dtype=object), allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model.pkl", lambda: pickle.dumps(_Command()), "posix.system"),
        ("weights.bin", lambda: pickle.dumps(_Command()), "posix.system"),
        ("model.pkl", lambda: pickle.dumps(_Command(), protocol=0), "posix.system"),
        ("model.pkl", lambda: pickle.dumps(1) + pickle.dumps(_Command()), "posix.system"),
        ("model.pkl", lambda: pickle.dumps(getattr), "builtins.getattr"),
        ("model.pkl", lambda: b"\x80\x04\x8c\x07sklearn", "cannot be followed to its end"),
        (
            "model.pkl",
            lambda: b"\x80\x04\x8c\x0csklearn.base\x8c\x0fBaseEstimator.x\x93.",
            "sklearn.base.BaseEstimator.x",
        ),
        ("model.pkl", lambda: b"csklearn.datasets._openml\nPath\n.", "datasets._openml.Path"),
        ("model.pkl", lambda: b"cnumpy.testing._private.utils\nrunstring\n.", "runstring"),
        ("model.pkl", lambda: b"cpandas.core.computation.eval\neval\n.", "computation.eval"),
        ("model.pt", lambda: _zipped(data=pickle.dumps(_Command())), "data: refers to posix"),
        ("model.keras", lambda: _zipped(config=b"{}"), "is an archive"),
        ("data.npy", _npy_of_objects, "array of objects"),
        ("model.joblib", lambda: b"\x1f\x8b\x08rest", "compressed"),
        ("libmodel.so", lambda: b"\x7fELF", "files of type .so are refused"),
    ],
)
def test_what_would_run_code_or_cannot_be_looked_into_is_found(
    tmp_path: Path, name: str, content: Callable[[], bytes], says: str
) -> None:
    found = problems(_saved(tmp_path / "m", name, content()), (), (".so",))
    assert len(found) == 1
    assert found[0].startswith(f"{name}: ")
    assert says in found[0]
    assert not Path("/tmp/stanchion-was-here").exists()


def test_looking_runs_nothing_even_in_a_process_of_its_own(tmp_path: Path) -> None:
    folder = _saved(tmp_path / "m", "model.pkl", pickle.dumps(_Command()))
    (found,) = scan(folder, allow=(), refused_file_types=())
    assert "posix.system" in found
    assert not Path("/tmp/stanchion-was-here").exists()


def test_what_is_allowed_by_name_is_found_no_more(tmp_path: Path) -> None:
    folder = _saved(tmp_path / "m", "model.pkl", pickle.dumps(_Command()))
    assert problems(folder, ("posix:system",), ()) == []
    assert problems(folder, ("posix:sys",), ()) != []


@pytest.mark.parametrize("format_", ["cloudpickle", "pickle", "skops"])
def test_models_as_mlflow_saves_them_pass(tmp_path: Path, format_: str) -> None:
    frame, target = training_data()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, target)
    mlflow.sklearn.save_model(
        model,
        str(tmp_path / "m"),
        serialization_format=format_,
        input_example=frame.head(2),
        pip_requirements=["scikit-learn"],
    )
    assert scan(tmp_path / "m", allow=(), refused_file_types=(".so",)) == []


def test_a_skops_file_that_needs_trust_is_found_unless_it_is_allowed(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    skops.io.dump({"model": _Fragile()}, folder / "model.skops")
    (found,) = scan(folder, allow=(), refused_file_types=())
    assert found.startswith("model.skops: refers to ")
    assert "_Fragile" in found
    assert scan(folder, allow=("*:_Fragile",), refused_file_types=()) == []


def test_an_archive_that_only_looks_like_skops_is_found(tmp_path: Path) -> None:
    folder = _saved(tmp_path / "m", "model.skops", _zipped(other=b"{}"))
    (found,) = scan(folder, allow=(), refused_file_types=())
    assert "cannot be read as skops" in found


def test_the_usual_estimators_pass(tmp_path: Path) -> None:
    frame, target = training_data()
    kinds = frame.assign(kind=["a", "b"] * 100)
    columns = ColumnTransformer(
        [
            ("n", make_pipeline(SimpleImputer(), StandardScaler()), NAMES),
            ("c", OneHotEncoder(), ["kind"]),
        ]
    )
    made = {
        "columns": make_pipeline(columns, SVC()).fit(kinds, target),
        "forest": RandomForestClassifier(n_estimators=3, random_state=0).fit(frame, target),
        "boosted": GradientBoostingClassifier(n_estimators=3).fit(frame, target),
        "histogram": HistGradientBoostingRegressor(max_iter=3).fit(frame, target),
        "neighbours": KNeighborsClassifier(algorithm="kd_tree").fit(frame, target),
        "means": KMeans(n_clusters=2, n_init=1).fit(frame),
    }
    for name, model in made.items():
        _saved(tmp_path / "m", f"{name}.pkl", pickle.dumps(model))
    assert problems(tmp_path / "m", (), ()) == []


def test_what_joblib_writes_beside_its_pickle_is_not_vouched_for(tmp_path: Path) -> None:
    frame, target = training_data()
    folder = _saved(tmp_path / "m", "x.txt", b"text")
    joblib.dump(LogisticRegression().fit(frame, target), folder / "model.joblib")
    assert any("save it as skops" in line for line in problems(folder, (), ()))


def test_a_question_that_is_not_understood_is_told_by_its_place(tmp_path: Path) -> None:
    file = tmp_path / "gates.json"
    file.write_text(json.dumps({"smoke": {"requests": 0}}))
    with pytest.raises(SettingsError, match=r"smoke\.requests"):
        wanted.read(file)
    with pytest.raises(SettingsError, match="No such file"):
        wanted.read(tmp_path / "none.json")


def test_the_command_prints_one_line_whatever_it_found(store: Store, tmp_path: Path) -> None:
    (tmp_path / "gates.json").write_text(json.dumps({"scan": {}}))
    pin = settings(MLFLOW_TRACKING_URI=store.uri)
    environment = {
        **os.environ,
        "MODEL_NAME": pin.model_name,
        "MODEL_VERSION": pin.model_version,
        "MODEL_DIGEST": pin.model_digest,
        "MLFLOW_TRACKING_URI": store.uri,
    }
    command = [sys.executable, "-m", "stanchion_model_server", "measure", "--gates"]
    done = subprocess.run(
        [*command, str(tmp_path / "gates.json")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert DIGEST in json.loads(done.stdout)["smoke"]["problem"]


def test_the_classifier_of_these_tests_passes_its_scan(tmp_path: Path) -> None:
    assert problems(save_classifier(tmp_path / "m"), (), (".so",)) == []
