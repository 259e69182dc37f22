"""Training: refused before it begins or resumed where it was cut off, and the same in the end."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient, fluent
from sklearn.linear_model import LogisticRegression
from stanchion_models import artifact_digest
from stanchion_training import DataRefusedError, StoreFailedError, TrainingError, training_run
from stanchion_training.checkpoints import Checkpoint, Checkpoints
from stanchion_training.errors import DATA_REFUSED, ENDED, FAILED, MISCONFIGURED
from stanchion_training.expectations import Expectations

from .conftest import training_data

SCRIPT = Path(__file__).parents[2] / "examples" / "training" / "wine-training" / "train.py"
STEPS, HALF = 200, 100


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a training changes in its process stays in the test: MLflow's settings, its files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fluent, "_active_experiment_id", fluent._active_experiment_id)
    before = mlflow.get_tracking_uri()
    yield
    mlflow.autolog(disable=True, silent=True)
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def wines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's data set, as the example writes it."""
    folder = tmp_path_factory.mktemp("wines")
    subprocess.run([sys.executable, SCRIPT, "--write-data", folder], check=True, timeout=300)
    return folder


def environment(root: Path, data: Path, **changes: str) -> dict[str, str]:
    return {
        "REGISTERED_MODEL_NAME": "wine",
        "MLFLOW_TRACKING_URI": f"sqlite:///{root}/registry.db",
        "DATA_URI": f"file://{data}",
        "CODE_VERSION": "0123abc",
        "CHECKPOINT_URI": f"file://{root}/checkpoints",
        **changes,
    }


def started(root: Path, data: Path, **changes: str) -> subprocess.Popen[str]:
    """The example as a process of its own."""
    root.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, SCRIPT, "--steps", str(STEPS), "--every", "10"],
        env={**os.environ, **environment(root, data, **changes)},
        cwd=root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a training says that ended well."""
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


def runs(root: Path) -> list[Any]:
    client = MlflowClient(tracking_uri=f"sqlite:///{root}/registry.db")
    found = client.get_experiment_by_name("wine")
    assert found is not None
    return list(client.search_runs([found.experiment_id]))


@pytest.mark.timeout(500)
def test_killed_at_half_and_resumed_it_ends_as_if_nobody_had_disturbed_it(
    wines: Path, tmp_path: Path
) -> None:
    whole = ended(started(tmp_path / "whole", wines))
    root = tmp_path / "cut"
    first = started(root, wines)
    while not list(root.glob(f"checkpoints/*/step-{HALF:010d}.json")):
        assert first.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    assert first.wait(timeout=60) == -signal.SIGKILL
    assert runs(root)[0].info.status == "RUNNING"

    resumed = ended(started(root, wines))
    assert HALF <= resumed.pop("resumed_at") < STEPS
    assert whole.pop("resumed_at") == 0
    assert resumed == whole, "weights and metrics, to the last bit"
    (run,) = runs(root)
    assert run.info.status == "FINISHED"
    assert run.data.tags["stanchion.data.digest"] == artifact_digest(wines)
    assert run.data.tags["stanchion.code.version"] == "0123abc"
    assert run.data.params["seed"] == "0"
    (used,) = run.inputs.dataset_inputs
    assert artifact_digest(wines).removeprefix("sha256:").startswith(used.dataset.digest)
    client = MlflowClient(tracking_uri=f"sqlite:///{root}/registry.db")
    (version,) = client.search_model_versions("name = 'wine'")
    assert version.tags["stanchion.data.digest"] == artifact_digest(wines)
    assert version.tags["stanchion.digest"].startswith("sha256:")
    history = client.get_metric_history(run.info.run_id, "training_loss")
    assert {point.step for point in history} == set(range(STEPS))
    assert not list((root / "checkpoints").rglob("*.json")), "what is trained needs no way back"


@pytest.mark.timeout(200)
def test_data_that_break_expectations_end_it_with_one_message_and_no_run(
    wines: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    text = (wines / "wines.csv").read_text().replace("alcohol,", "strength,").replace("1065.0", "")
    (bad / "wines.csv").write_text(text)
    process = started(tmp_path / "root", bad)
    _, err = process.communicate(timeout=300)
    assert process.returncode == DATA_REFUSED
    assert err.splitlines() == [
        f"file://{bad} is not as expected, and nothing was trained:",
        "  alcohol: the column is missing",
        "  proline: 2 of 178 values are missing (1.12%), at most 0.00% may be",
        "  strength: the column is not expected",
    ]
    assert not (tmp_path / "root" / "registry.db").exists()


def table(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    training_data()[0].to_parquet(folder / "rows.parquet")
    return folder


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"DATA_URI": "file:///nowhere"}, DATA_REFUSED, "there is no such folder"),
        ({"DATA_DIGEST": f"sha256:{'0' * 64}"}, DATA_REFUSED, "was expected"),
        ({"DATA_URI": "/data"}, MISCONFIGURED, "DATA_URI: should match"),
        ({"CODE_VERSION": "", "SEED": "-1"}, MISCONFIGURED, "CODE_VERSION: is not set\nSEED: "),
        ({"REGISTRY_CREDENTIALS_DIR": "/nowhere"}, FAILED, "registry credentials: /nowhere/"),
    ],
)
def test_what_cannot_be_trained_ends_with_a_message_and_a_status(
    changes: dict[str, str],
    status: int,
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = environment(tmp_path, table(tmp_path / "data"), **changes)
    with pytest.raises(TrainingError) as error, training_run(environment=given):
        pytest.fail("the block began")
    assert error.value.code == status
    assert told in capsys.readouterr().err


def test_data_that_cannot_be_read_in_the_block_end_it_with_a_message_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (table(tmp_path / "data") / "rows.parquet").write_text("no Parquet")
    given = environment(tmp_path, tmp_path / "data")
    with pytest.raises(DataRefusedError), training_run(environment=given) as run:
        _ = run.data
    assert "rows.parquet cannot be read" in capsys.readouterr().err
    assert runs(tmp_path)[0].info.status == "FAILED"


def test_other_data_than_expected_are_refused_in_place_too(tmp_path: Path) -> None:
    wrong = {"DATA_DIGEST": f"sha256:{'0' * 64}"}
    given = environment(tmp_path, table(tmp_path / "data"), **wrong)
    with pytest.raises(DataRefusedError), training_run(in_place=True, environment=given):
        pytest.fail("the block began")


def test_a_training_in_place_has_no_copy_and_no_frame(tmp_path: Path) -> None:
    given = environment(tmp_path, table(tmp_path / "data"))
    with training_run(in_place=True, environment=given) as run:
        assert run.data_digest == artifact_digest(tmp_path / "data")
        _, paths = run.sources
        assert paths == [str(tmp_path / "data" / "rows.parquet")]
        with pytest.raises(RuntimeError, match=r"ask run\.sources"):
            _ = run.data


def test_expectations_of_a_training_in_place_are_a_mistake(tmp_path: Path) -> None:
    given = environment(tmp_path, table(tmp_path / "data"))
    expected = tmp_path / "data.yaml"
    with (
        pytest.raises(ValueError, match="expectations look at all rows at once"),
        training_run(expectations=expected, in_place=True, environment=given),
    ):
        pytest.fail("the block began")


def test_a_store_that_fails_is_worth_another_try() -> None:
    assert (StoreFailedError.status, DataRefusedError.status) == (FAILED, DATA_REFUSED)


def test_seeds_are_set_before_the_block_and_a_version_is_registered_once(tmp_path: Path) -> None:
    because = {"RETRAINING_REASON": "drift", "RETRAINING_PARENT": "3"}
    given = environment(tmp_path, table(tmp_path / "data"), SEED="7", **because)
    with training_run(environment=given) as run:
        assert random.random() == random.Random(7).random()
        assert np.random.random() == np.random.RandomState(7).random()
        assert run.generator.random() == np.random.default_rng(7).random()
        frame, target = training_data()
        model = LogisticRegression().fit(frame, target)
        logged = mlflow.sklearn.log_model(
            model, name="model", input_example=frame[:2], pip_requirements=["scikit-learn"]
        )
        first, second = run.register(logged), run.register(logged)
        assert first.digest == second.digest
        assert first.version == second.version == "1"
        client = MlflowClient(tracking_uri=given["MLFLOW_TRACKING_URI"])
        assert str(client.get_model_version_by_alias("wine", "candidate").version) == "1"
        assert first.tags["stanchion.retraining.reason"] == "drift"
        assert first.tags["stanchion.retraining.parent"] == "3"
        assert "stanchion.retraining.cause" not in first.tags
    (found,) = runs(tmp_path)
    assert found.data.params["C"] == "1.0", "scikit-learn's parameters are logged by themselves"


def test_a_newer_candidate_is_not_replaced_by_an_older_one(tmp_path: Path) -> None:
    given = environment(tmp_path, table(tmp_path / "data"))
    client = MlflowClient(tracking_uri=given["MLFLOW_TRACKING_URI"])
    trained = []
    for _ in range(2):
        with training_run(environment=given) as run:
            frame, target = training_data()
            model = LogisticRegression().fit(frame, target)
            logged = mlflow.sklearn.log_model(
                model, name="model", input_example=frame[:2], pip_requirements=["scikit-learn"]
            )
            run.register(logged)
            trained.append((run, logged))
    assert str(client.get_registered_model("wine").aliases["candidate"]) == "2"
    run, logged = trained[0]
    assert run.register(logged).version == "1"
    assert str(client.get_registered_model("wine").aliases["candidate"]) == "2"


def test_a_process_asked_to_end_says_so_and_its_checkpoint_stays(tmp_path: Path) -> None:
    given = environment(tmp_path, table(tmp_path / "data"))
    with pytest.raises(SystemExit) as ending, training_run(environment=given) as run:
        with run.checkpoint(5) as folder:
            (folder / "state").write_text("five")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        pytest.fail("it went on")
    assert ending.value.code == ENDED
    assert runs(tmp_path)[0].info.status == "KILLED"
    with training_run(environment=given) as run:
        earlier = run.resume()
        assert earlier is not None
        assert (earlier.step, (earlier.folder / "state").read_text()) == (5, "five")
    (only,) = runs(tmp_path)
    assert only.info.status == "FINISHED"


@pytest.mark.parametrize(
    ("status", "told"),
    [(None, "FINISHED"), (0, "FINISHED"), (FAILED, "FAILED"), ("too few rows", "FAILED")],
)
def test_a_script_that_exits_within_its_block_ends_the_run_as_it_ends_itself(
    status: Any, told: str, tmp_path: Path
) -> None:
    given = environment(tmp_path, table(tmp_path / "data"))
    with pytest.raises(SystemExit) as ending, training_run(environment=given) as run:
        with run.checkpoint(5) as folder:
            (folder / "state").write_text("five")
        sys.exit(status)
    assert ending.value.code == status
    assert runs(tmp_path)[0].info.status == told
    kept = list((tmp_path / "checkpoints").rglob("*.json"))
    assert bool(kept) == (told == "FAILED"), "what is trained needs no way back"


@pytest.mark.parametrize(
    "other",
    [
        {"CODE_VERSION": "4567def"},
        {"SEED": "1"},
        {"REGISTERED_MODEL_NAME": "beer"},
        "data",
        ["gbm.py", "--depth", "4"],
        ["linear.py", "--depth", "3"],
    ],
)
def test_another_training_has_no_checkpoint_to_go_on_from(
    other: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["gbm.py", "--depth", "3"])
    given = environment(tmp_path, table(tmp_path / "data"))
    with pytest.raises(SystemExit), training_run(environment=given) as run:
        with run.checkpoint(5) as folder:
            (folder / "state").write_text("five")
        raise SystemExit(ENDED)
    if other == "data":
        (tmp_path / "data" / "more.csv").write_text((tmp_path / "data").name)
        other = {}
    if isinstance(other, list):
        monkeypatch.setattr(sys, "argv", other)
        other = {}
    with training_run(environment={**given, **other}) as run:
        assert run.resume() is None


def test_scripts_that_stand_in_their_commands_are_two_trainings(tmp_path: Path) -> None:
    given = environment(tmp_path, tmp_path)
    tell = (
        "import os\n"
        "from stanchion_model_server.settings import read\n"
        "from stanchion_training import TrainingSettings\n"
        "from stanchion_training.run import identity\n"
        "print(identity(read(os.environ, TrainingSettings)))\n"
    )
    first, again, other = (
        subprocess.run(
            [sys.executable, "-c", f"{tell}{script}"],
            env={**os.environ, **given}, check=True, timeout=100, capture_output=True, text=True,
        ).stdout
        for script in ("", "", "print('something else')")
    )  # fmt: skip
    assert first == again
    assert not other.startswith(first)


def test_of_several_processes_one_writes(tmp_path: Path) -> None:
    given = environment(tmp_path, table(tmp_path / "data"), RANK="1")
    with training_run(environment=given) as run:
        assert not run.leads
        assert mlflow.active_run() is None
        with run.checkpoint(1) as folder:
            (folder / "state").write_text("one")
        assert run.resume() is None
        with pytest.raises(RuntimeError, match=r"ask run\.leads first"):
            run.register("models:/m-1")
    assert not (tmp_path / "registry.db").exists()


def saved(checkpoints: Checkpoints, source: Path, step: int, generator: Any) -> None:
    source.mkdir(exist_ok=True)
    (source / "weights").write_text(str(step))
    checkpoints.save(step, source, generator)


def test_random_numbers_go_on_after_a_checkpoint_as_if_nothing_had_happened(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    checkpoints = Checkpoints(f"file://{tmp_path}/kept", "key")
    saved(checkpoints, tmp_path / "source", 1, generator)
    expected = [random.random(), np.random.random(), generator.random()]
    other = np.random.default_rng(99)
    assert checkpoints.latest(tmp_path / "back", other) is not None
    assert [random.random(), np.random.random(), other.random()] == expected


def test_a_damaged_or_unfinished_checkpoint_is_passed_over(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    kept = tmp_path / "kept" / "key"
    checkpoints = Checkpoints(f"file://{tmp_path}/kept", "key")
    for step in (1, 2, 3):
        saved(checkpoints, tmp_path / "source", step, generator)
    assert sorted(path.name for path in kept.glob("*.json")) == [
        "step-0000000002.json",
        "step-0000000003.json",
    ]
    (kept / "step-0000000009").mkdir()
    (kept / "step-0000000009" / "weights").write_text("written when it was killed")
    newest = checkpoints.latest(tmp_path / "a", generator)
    assert newest is not None
    assert newest.step == 3
    (kept / "step-0000000003" / "weights").write_text("damaged")
    before = checkpoints.latest(tmp_path / "b", generator)
    assert before is not None
    assert (before.step, (before.folder / "weights").read_text()) == (2, "2")


def found(checkpoints: Checkpoints, folder: Path, generator: np.random.Generator) -> Checkpoint:
    """The newest one, which is there."""
    newest = checkpoints.latest(folder, generator)
    assert newest is not None
    return newest


def test_a_checkpoint_that_was_half_written_is_saved_again_and_cleared_with_the_others(
    tmp_path: Path,
) -> None:
    generator = np.random.default_rng(3)
    kept = tmp_path / "kept" / "key"
    checkpoints = Checkpoints(f"file://{tmp_path}/kept", "key")
    saved(checkpoints, tmp_path / "source", 1, generator)
    for step in (2, 3):
        half = kept / f"step-{step:010d}" / "weights"
        half.parent.mkdir()
        half.write_text("much longer than what is saved in the end")
    assert found(checkpoints, tmp_path / "a", generator).step == 1
    saved(checkpoints, tmp_path / "source", 2, generator)
    again = found(checkpoints, tmp_path / "b", generator)
    assert (again.step, (again.folder / "weights").read_text()) == (2, "2")
    checkpoints.clear()
    assert not kept.exists()


def test_a_file_that_ends_early_is_no_checkpoint_and_the_next_try_saves_it(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    checkpoints = Checkpoints(f"file://{tmp_path}/kept", "key")
    saved(checkpoints, tmp_path / "source", 1, generator)
    saved(checkpoints, tmp_path / "source", 2, generator)
    # Killed while it saved the same step once more: the former manifest is still there.
    weights = tmp_path / "kept" / "key" / "step-0000000002" / "weights"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert found(checkpoints, tmp_path / "a", generator).step == 1
    saved(checkpoints, tmp_path / "source", 2, generator)
    again = found(checkpoints, tmp_path / "b", generator)
    assert again.step == 2


EXPECTED = Expectations.model_validate(
    {
        "minRows": 3,
        "columns": {
            "size": {"type": "number", "min": 0, "max": 9, "missing": 0.25},
            "count": {"type": "integer", "missing": 0.5},
            "kind": {"type": "text", "values": ["red", "white"]},
            "day": {"type": "date"},
            "sold": {"type": "boolean"},
        },
    }
)


def frame(**changes: Any) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "size": [1.0, None, 3.5, 9],
        "count": [1, None, None, 4],
        "kind": ["red", "red", "white", "red"],
        "day": ["2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04"],
        "sold": [True, False, True, True],
        **changes,
    }
    return pd.DataFrame({key: value for key, value in columns.items() if value is not None})


def test_data_as_expected_have_no_problems() -> None:
    assert EXPECTED.problems(frame()) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"size": None}, "size: the column is missing"),
        ({"colour": [1, 2, 3, 4]}, "colour: the column is not expected"),
        ({"size": [1.0, -2, 3, 4]}, "size: 1 values are below 0, as -2.0"),
        ({"size": [1.0, 11, 12, 4]}, "size: 2 values are above 9, as 11.0, 12.0"),
        ({"size": [1.0, float("-inf"), 3, 4]}, "size: 1 values are infinite, as -inf"),
        ({"size": [1.0, None, None, 4]}, "size: 2 of 4 values are missing (50.00%), at most 25"),
        ({"size": ["a", "b", "c", "d"]}, "expected is number"),
        ({"count": [1, 2.5, 3, 4]}, "count: holds float64, as 1.0, 2.5, 3.0; expected is integer"),
        ({"kind": ["red", "rose", "red", "red"]}, "kind: 1 values are none of red, white, as rose"),
        ({"day": ["2026-11-01", "soon", "x", "y"]}, "expected is date"),
        ({"sold": [1, 0, 1, 1]}, "expected is boolean"),
    ],
)
def test_each_way_to_break_an_expectation_is_told(changes: dict[str, Any], told: str) -> None:
    found = EXPECTED.problems(frame(**changes))
    assert any(told in each for each in found), found


def test_too_few_rows_are_told() -> None:
    assert EXPECTED.problems(frame()[:2])[0] == "2 rows, at least 3 are expected"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("columns: {a: {type: float}}", "columns.a.type: Input should be 'number', 'integer'"),
        ("columns: {a: {type: text, min: 1}}", "min and max are for numbers"),
        ("columns: {a: {type: number, min: 2, max: 1}}", "min 2.0 is above max 1.0"),
        ("rows: 3", "columns: Field required"),
        ("columns: [", "while parsing"),
    ],
)
def test_a_wrong_file_of_expectations_is_told(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(TrainingError) as error:
        Expectations.from_file(tmp_path / "data.yaml")
    assert error.value.code == MISCONFIGURED
    assert told in str(error.value)
