"""The prediction log: what is written of requests and answers, what never is, and what it costs."""

from __future__ import annotations

import io
import json
import signal
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow.models import ModelSignature
from mlflow.pyfunc.model import PythonModel
from mlflow.types.schema import ColSpec, Schema, TensorSpec
from prometheus_client.parser import text_string_to_metric_families
from stanchion_model_server.loading import ServedModel, load_folder
from stanchion_model_server.prediction_log import log as prediction_log
from stanchion_model_server.prediction_log import spool as spools
from stanchion_model_server.prediction_log.spool import Spool
from stanchion_model_server.settings import SettingsError, from_environment

from .buckets import bucket
from .conftest import DIGEST, NAMES, Client, Store, settings, started
from .test_batch_bucket import s3_environment
from .test_server import start
from .test_settings import GOOD

PERSON = {"email": "ada@example.com", "city": "London", "note": "call me", "age": 36.0}


class Clerk(PythonModel):
    """Answers in text and numbers, and writes into what it is given."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        del context, params
        label = ["old" if age > 30 else "young" for age in model_input["age"]]
        score = [float(age) / 100 for age in model_input["age"]]
        model_input["age"] = -1.0
        return pd.DataFrame({"label": label, "score": score})


@pytest.fixture(scope="module")
def clerk(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    folder = tmp_path_factory.mktemp("clerk") / "model"
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec("double" if name == "age" else "string", name) for name in PERSON
    ]
    outputs: list[ColSpec | TensorSpec] = [ColSpec("string", "label"), ColSpec("double", "score")]
    mlflow.pyfunc.save_model(
        str(folder),
        python_model=Clerk(),
        signature=ModelSignature(Schema(inputs), Schema(outputs)),
        pip_requirements=[],
    )
    return load_folder(folder, DIGEST)


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files wait in a folder of the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))


def told(folder: Path, **redact: list[str]) -> dict[str, str]:
    """The server's environment for a log of every request in a folder."""
    (folder / "key").write_text("a secret of the service")
    return {
        "PREDICTION_LOG_URI": f"file://{folder}/log",
        "PREDICTION_LOG_SAMPLE_RATE": "1",
        "PREDICTION_LOG_RETENTION_DAYS": "30",
        "PREDICTION_LOG_REDACT": json.dumps(redact),
        "PREDICTION_LOG_KEY_FILE": str(folder / "key"),
    }


def written(folder: Path) -> list[Path]:
    return sorted((folder / "log").rglob("*.parquet"))


def logged(folder: Path) -> pd.DataFrame:
    return pd.concat([pq.ParquetFile(path).read().to_pandas() for path in written(folder)])


async def results(client: Client) -> dict[str, int]:
    exposition = (await client("GET", "/metrics")).body.decode()
    return {
        sample.labels["result"]: int(sample.value)
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == "model_server_prediction_log_rows_total" and sample.value
    }


def people(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"dataframe_records": [{**PERSON, **each} for each in changes or ({},)]}


def until(holds: Callable[[], object], seconds: float = 20) -> None:
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up, "never came true"
        time.sleep(0.02)


async def test_what_was_asked_and_answered_is_found_by_the_requests_id(
    clerk: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, service = await started(
        monkeypatch, clerk, **told(tmp_path, keep=["label", "city"], drop=["note"])
    )
    for many in (1, 2):
        body = people(*({"age": 20.0 + at} for at in range(many)))
        reply = await client("POST", "/invocations", body, headers={"x-request-id": f"r{many}"})
        assert reply.status == 200
    service.close()
    found = logged(tmp_path)
    assert [*found.columns] == [
        "request_id",
        "row",
        "time",
        "input.city",
        "input.age",
        "output.label",
        "output.score",
    ]
    assert found[["request_id", "row"]].to_numpy().tolist() == [["r1", 0], ["r2", 0], ["r2", 1]]
    assert found["input.age"].tolist() == [20.0, 20.0, 21.0], "what the model got, not left behind"
    assert found["output.score"].tolist() == [0.2, 0.2, 0.21]
    assert set(found["output.label"]) == {"young"}
    (path,) = written(tmp_path)
    today = datetime.now(UTC).date()
    assert path.parent == tmp_path / f"log/service=classifier/version=1/date={today}"
    about = pq.read_schema(path).metadata
    assert about[b"digest"].decode() == DIGEST
    assert about[b"sample_rate"] == b"1.0"
    assert await results(client) == {"written": 3}


async def test_text_that_nobody_named_is_never_written(
    clerk: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, service = await started(monkeypatch, clerk, **told(tmp_path))
    await client("POST", "/invocations", people())
    service.close()
    (path,) = written(tmp_path)
    assert [*logged(tmp_path).columns][3:] == ["input.age", "output.score"]
    raw = path.read_bytes()
    for value in (*PERSON.values(), "old"):
        assert str(value).encode() not in raw


async def test_a_hash_is_equal_for_equal_values_and_another_with_another_key(
    clerk: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = []
    for key in ("one", "two"):
        folder = tmp_path / key
        folder.mkdir()
        environment = told(folder, hash=["email", "age"], drop=["score"])
        (folder / "key").write_text(key)
        client, service = await started(monkeypatch, clerk, **environment)
        await client("POST", "/invocations", people({}, {}, {"email": "b@example.com", "age": 36}))
        service.close()
        found = logged(folder)
        assert [*found.columns][3:] == ["input.email", "input.age"]
        first, second, other = found["input.email"]
        assert first == second != other
        assert len({*found["input.age"]}) == 1, "36 and 36.0 are one number"
        assert b"example" not in written(folder)[0].read_bytes()
        hashes.append(first)
    assert hashes[0] != hashes[1]
    assert {len(each) for each in hashes} == {32}


@pytest.mark.parametrize("redact", [{"drop": ["emial"]}, {"hash": ["emial"]}])
async def test_a_misspelt_column_logs_nothing_and_every_request_is_answered(
    clerk: ServedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    redact: dict[str, list[str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    client, service = await started(monkeypatch, clerk, **told(tmp_path, **redact))
    assert (await client("POST", "/invocations", people({}, {}))).status == 200
    service.close()
    assert not written(tmp_path)
    assert await results(client) == {"refused": 2}
    (record,) = [each for each in caplog.records if each.message == "predictions are not logged"]
    assert "has no column emial" in vars(record)["fields"]["reason"]


async def test_so_many_requests_are_logged_as_the_rate_says(
    classifier: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {**told(tmp_path), "PREDICTION_LOG_SAMPLE_RATE": "0.2"}
    client, service = await started(monkeypatch, classifier, **changes)
    body = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [1, 2, 3, 4]}]}
    for at in range(1000):
        body["id"] = f"q{at}"  # type: ignore[assignment]
        assert (await client("POST", "/v2/models/classifier/infer", body)).status == 200
    service.close()
    found = logged(tmp_path)
    assert 130 < len(found) < 270, "five deviations of a binomial number"
    assert set(found["request_id"]) <= {f"q{at}" for at in range(1000)}
    assert found[[f"input.{name}" for name in NAMES]].to_numpy().tolist()[0] == [1, 2, 3, 4]


async def test_of_a_large_request_every_so_manyth_row_is_logged_with_its_number(
    classifier: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, service = await started(monkeypatch, classifier, **told(tmp_path))
    rows = np.random.default_rng(1).normal(size=(4500, 4)).tolist()
    body = {"dataframe_split": {"columns": NAMES, "data": rows}}
    answers = (await client("POST", "/invocations", body)).json()["predictions"]
    service.close()
    found = logged(tmp_path)
    assert found["row"].tolist() == [*range(0, 4500, 5)]
    assert found["input.f2"].tolist() == [row[2] for row in rows[::5]]
    assert found["output.prediction"].tolist() == answers[::5]


async def test_what_has_no_room_in_memory_is_left_out_and_counted(
    classifier: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "MOST_WAITING_ROWS", 3)
    client, service = await started(monkeypatch, classifier, **told(tmp_path))
    for _ in range(5):
        body = {"dataframe_split": {"columns": NAMES, "data": [[1.0, 2.0, 3.0, 4.0]]}}
        assert (await client("POST", "/invocations", body)).status == 200
    assert await results(client) == {"full": 2}
    service.close()
    assert await results(client) == {"full": 2, "written": 3}


async def test_a_store_that_is_away_delays_no_answer_and_gets_the_rows_when_it_is_back(
    classifier: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log").write_text("in the way")
    environment = {**told(tmp_path), "PREDICTION_LOG_SECONDS": "0.1"}
    client, service = await started(monkeypatch, classifier, **environment)
    body = {"dataframe_split": {"columns": NAMES, "data": [[1.0, 2.0, 3.0, 4.0]]}}
    assert (await client("POST", "/invocations", body)).status == 200
    waiting = tmp_path / "tmp" / "prediction-log"
    until(lambda: [*waiting.glob("*.parquet")])
    assert await results(client) == {}
    (tmp_path / "log").unlink()
    until(lambda: written(tmp_path))
    service.close()
    assert await results(client) == {"written": 1}
    assert not [*waiting.iterdir()]


def logged_long_ago(folder: Path) -> Path:
    """A row of a former version, older than it may be."""
    path = folder / "log/service=classifier/version=0/date=2020-01-01/a.parquet"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


async def test_a_model_that_cannot_be_logged_does_not_keep_what_others_logged(
    clerk: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = logged_long_ago(tmp_path)
    environment = {**told(tmp_path, hash=["customer"]), "PREDICTION_LOG_SECONDS": "0.1"}
    client, service = await started(monkeypatch, clerk, **environment)
    assert (await client("POST", "/invocations", people())).status == 200
    until(lambda: not old.exists())
    service.close()
    assert not written(tmp_path)
    assert await results(client) == {"refused": 1}


async def test_a_store_that_takes_no_files_lets_old_ones_go(
    classifier: ServedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    old = logged_long_ago(tmp_path)
    (old.parents[2] / "version=1").write_text("in the way")
    left = Spool(tmp_path / "tmp" / "prediction-log", "file:///nowhere", "classifier", "1")
    left.add(pa.table({"row": [1]}), datetime.now(UTC))
    environment = {**told(tmp_path), "PREDICTION_LOG_SECONDS": "0.1"}
    _, service = await started(monkeypatch, classifier, **environment)
    until(lambda: not old.exists())
    service.close()
    assert "predictions cannot be written" in caplog.messages
    assert "predictions are written again" not in caplog.messages


async def test_a_store_that_lets_nothing_go_is_told_once_and_tried_again(
    classifier: ServedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    old, delete, tries = logged_long_ago(tmp_path), Spool.expire, []

    def refused(spool: Spool, days: int) -> int:
        tries.append(days)
        if len(tries) < 3:
            raise OSError("access denied")
        return delete(spool, days)

    monkeypatch.setattr(Spool, "expire", refused)
    environment = {**told(tmp_path), "PREDICTION_LOG_SECONDS": "0.1"}
    _, service = await started(monkeypatch, classifier, **environment)
    until(lambda: not old.exists())
    service.close()
    assert caplog.messages.count("old predictions cannot be deleted") == 1
    assert len(tries) == 3, "once a day is enough"


def test_the_disk_has_a_bound_and_the_oldest_rows_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "waiting", f"file://{tmp_path}/log", "wine", "3")
    table = pa.table({"row": [1, 2, 3]})
    assert spool.add(table, datetime(2026, 11, 1, 12, tzinfo=UTC)) == 0
    size = sum(path.stat().st_size for path in (tmp_path / "waiting").iterdir())
    monkeypatch.setattr(spools, "MOST_BYTES", 2 * size)
    assert spool.add(table, datetime(2026, 11, 3, 12, tzinfo=UTC)) == 0
    assert spool.add(table, datetime(2026, 11, 2, 12, tzinfo=UTC)) == 3
    again = Spool(tmp_path / "waiting", f"file://{tmp_path}/log", "wine", "3")
    assert [*again.upload()] == [3, 3], "the next container brings what the last one left"
    days = [path.parent.name for path in written(tmp_path)]
    assert days == ["date=2026-11-02", "date=2026-11-03"]


def test_days_beyond_the_retention_are_deleted_and_nothing_else(tmp_path: Path) -> None:
    kept = [
        "service=wine/version=3/date=2026-10-23/a.parquet",
        "service=wine/notes/date=2026-01-01/a.parquet",
        "service=other/version=3/date=2026-01-01/a.parquet",
    ]
    gone = [
        "service=wine/version=3/date=2026-10-22/a.parquet",
        "service=wine/version=1/date=2026-01-01/a.parquet",
    ]
    killed = "service=wine/_temporary-version=3-date={}-a.parquet-0123"
    kept.append(killed.format("2026-10-23"))
    gone.append(killed.format("2026-10-22"))
    for name in (*kept, *gone):
        path = tmp_path / "log" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    spool = Spool(tmp_path / "waiting", f"file://{tmp_path}/log", "wine", "3")
    assert spool.expire(30, date(2026, 11, 22)) == 3
    left = [path for path in (tmp_path / "log").rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path / "log")) for path in left} == {*kept}


def test_a_server_that_is_told_to_stop_brings_its_rows_to_a_bucket(
    store: Store, tmp_path: Path
) -> None:
    with bucket("aws") as held:
        environment = {
            **told(tmp_path),
            **s3_environment(held, tmp_path),
            "PREDICTION_LOG_URI": "s3://artifacts/log",
            "DRAIN_SECONDS": "0",
            "TMPDIR": str(tmp_path),
        }
        running = start(store, tmp_path / "server.log", **environment)
        try:
            running.wait("/v2/health/ready", 200)
            body = json.dumps({"dataframe_split": {"columns": NAMES, "data": [[1, 2, 3, 4]] * 3}})
            request = urllib.request.Request(
                f"http://127.0.0.1:{running.port}/invocations",
                body.encode(),
                {"content-type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=10) as reply:
                own_id = reply.headers["x-request-id"]
            running.process.send_signal(signal.SIGTERM)
            running.ended()
        finally:
            running.process.kill()
        files = {name: content for name, content in held.objects.items() if content}
    (name,) = files
    assert name.startswith("log/service=classifier/version=1/date=")
    found = pd.read_parquet(io.BytesIO(files[name]))
    assert found["request_id"].tolist() == [own_id] * 3
    assert found["row"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "told_of"),
    [
        ({"PREDICTION_LOG_RETENTION_DAYS": ""}, "needs PREDICTION_LOG_RETENTION_DAYS"),
        ({"PREDICTION_LOG_KEY_FILE": ""}, "needs PREDICTION_LOG_KEY_FILE"),
        ({"PREDICTION_LOG_REDACT": '{"dorp": ["email"]}'}, "PREDICTION_LOG_REDACT"),
        ({"PREDICTION_LOG_URI": "/log"}, "PREDICTION_LOG_URI"),
        ({"PREDICTION_LOG_SAMPLE_RATE": "0"}, "PREDICTION_LOG_SAMPLE_RATE"),
    ],
)
def test_a_log_without_an_end_or_a_key_is_refused_at_start(
    tmp_path: Path, change: dict[str, str], told_of: str
) -> None:
    environment = {**GOOD, **told(tmp_path, hash=["email"])}
    assert from_environment(environment).prediction_log_redact.hash == {"email"}
    with pytest.raises(SettingsError, match=told_of):
        from_environment({**environment, **change})


def test_without_a_folder_nothing_is_logged() -> None:
    assert settings().prediction_log_uri is None
