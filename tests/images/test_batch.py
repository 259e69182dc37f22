"""Batch scoring: every row exactly once, whatever happens in between, and as online."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stanchion_model_server.batch import manifest
from stanchion_model_server.batch.errors import InputRefusedError
from stanchion_model_server.batch.plan import Plan, Source, read_plan
from stanchion_model_server.batch.run import run, score_day
from stanchion_model_server.batch.settings import BatchSettings, scheduled_day
from stanchion_model_server.batch.storage import TEMPORARY, Folder
from stanchion_model_server.loading import ServedModel
from stanchion_model_server.settings import SettingsError, read

from .conftest import DIGEST, NAMES, Store

ROWS = 6_000


def rows(count: int = ROWS, seed: int = 3) -> pd.DataFrame:
    frame = pd.DataFrame(
        np.random.default_rng(seed).normal(size=(count, len(NAMES))), columns=NAMES
    )
    frame.insert(0, "id", np.arange(count))
    return frame


def write(folder: Path, frame: pd.DataFrame | None = None) -> Path:
    """The rows as two files, one with many row groups, as a writer of its own would leave them."""
    frame = rows() if frame is None else frame
    folder.mkdir(parents=True)
    cut = len(frame) * 2 // 3
    frame[:cut].to_parquet(folder / "a.parquet", index=False)
    frame[cut:].to_parquet(folder / "b.parquet", index=False, row_group_size=70)
    return folder


def settings(folder: Path, **changes: Any) -> BatchSettings:
    given = {
        "MODEL_NAME": "classifier",
        "MODEL_VERSION": "1",
        "MODEL_DIGEST": DIGEST,
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "INPUT_URI": f"file://{folder}/in",
        "OUTPUT_URI": f"file://{folder}/out",
        "SHARDS": "4",
        "KEEP_COLUMNS": "id",
        **{key.upper(): str(value) for key, value in changes.items()},
    }
    return read(given, BatchSettings)


def score(folder: Path, served: ServedModel, *shards: int, **changes: Any) -> dict[str, Any]:
    """Score some shards, or all."""
    configured = settings(folder, **changes)
    return score_day(configured, served, None, shards or range(configured.shards))


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def scored(folder: Path) -> pd.DataFrame:
    """What any reader of Parquet makes of the output folder."""
    return pd.read_parquet(folder / "out")


def expected(served: ServedModel, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    return np.asarray(served.model.predict(frame[NAMES]))


def test_every_row_is_answered_once_and_in_order(classifier: ServedModel, tmp_path: Path) -> None:
    write(tmp_path / "in")
    told = score(tmp_path, classifier, batch_rows=97)
    assert (told["rows"], told["refused"], told["complete"]) == (ROWS, 0, True)
    found = scored(tmp_path)
    assert found["id"].tolist() == list(range(ROWS))
    assert np.array_equal(found["prediction"], expected(classifier, rows()))


def test_a_second_run_leaves_every_byte_as_it_is_and_asks_the_model_nothing(
    classifier: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in")
    score(tmp_path, classifier)
    first = files(tmp_path / "out")
    monkeypatch.setattr(classifier.predictor, "any", lambda _item: pytest.fail("it was asked"))
    assert score(tmp_path, classifier)["complete"]
    assert files(tmp_path / "out") == first


def test_another_output_of_the_same_work_has_the_same_bytes(
    classifier: ServedModel, tmp_path: Path
) -> None:
    write(tmp_path / "in")
    score(tmp_path, classifier)
    score(tmp_path, classifier, output_uri=f"file://{tmp_path}/again")
    assert files(tmp_path / "again") == files(tmp_path / "out")


def test_it_is_complete_with_the_last_shard_and_not_before(
    classifier: ServedModel, tmp_path: Path
) -> None:
    write(tmp_path / "in")
    for index in (2, 0, 3):
        assert not score(tmp_path, classifier, index)["complete"]
        assert not (tmp_path / "out" / manifest.COMPLETE).exists()
    assert score(tmp_path, classifier, 1)["complete"]
    whole = json.loads((tmp_path / "out" / manifest.COMPLETE).read_text())
    assert whole["rows"] == ROWS
    assert [each["file"] for each in whole["outputs"]] == [
        f"part-0000{shard}-of-00004-{whole['key'][7:15]}.parquet" for shard in range(4)
    ]


def test_a_shard_that_was_damaged_is_scored_again(classifier: ServedModel, tmp_path: Path) -> None:
    write(tmp_path / "in")
    score(tmp_path, classifier)
    whole = files(tmp_path / "out")
    one, two = sorted((tmp_path / "out").glob("part-*"))[1:3]
    one.write_bytes(b"PAR1")
    two.unlink()
    (tmp_path / "out" / "_manifests" / "part-00003-of-00004.json").write_text("{")
    score(tmp_path, classifier)
    assert files(tmp_path / "out") == whole


def test_workers_on_one_shard_do_not_double_its_rows(
    classifier: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second runs whole while the first is between its answers and their publication."""
    write(tmp_path / "in")
    publish = manifest.publish
    nested: list[bool] = []

    def late(*args: Any) -> None:
        if not nested:
            nested.append(True)
            score(tmp_path, classifier, 0)
        publish(*args)

    monkeypatch.setattr(manifest, "publish", late)
    score(tmp_path, classifier)
    assert nested
    assert scored(tmp_path)["id"].tolist() == list(range(ROWS))
    assert not [name for name in files(tmp_path / "out") if name.startswith(TEMPORARY)]


@pytest.mark.parametrize(
    "change", [{"model_version": 2}, {"shards": 3}, {"batch_rows": 10}, {"code_version": "new"}]
)
def test_other_work_is_done_anew_and_leaves_nothing_of_the_former(
    change: dict[str, Any], classifier: ServedModel, tmp_path: Path
) -> None:
    write(tmp_path / "in")
    score(tmp_path, classifier)
    score(tmp_path, classifier, 0, **change)
    assert not (tmp_path / "out" / manifest.COMPLETE).exists(), "it is no longer what it says"
    assert score(tmp_path, classifier, **change)["complete"]
    assert scored(tmp_path)["id"].tolist() == list(range(ROWS))
    clean = f"file://{tmp_path}/clean"
    score(tmp_path, classifier, **change, output_uri=clean)
    assert files(tmp_path / "out") == files(tmp_path / "clean")


def test_a_changed_input_is_scored_anew(classifier: ServedModel, tmp_path: Path) -> None:
    write(tmp_path / "in")
    score(tmp_path, classifier)
    other = rows(900, seed=4).assign(id=lambda frame: frame["id"] + ROWS)
    other.to_parquet(tmp_path / "in" / "c.parquet", index=False)
    assert score(tmp_path, classifier)["rows"] == ROWS + 900
    assert scored(tmp_path)["id"].tolist() == list(range(ROWS + 900))


def test_what_others_put_into_the_output_folder_stays(
    classifier: ServedModel, tmp_path: Path
) -> None:
    write(tmp_path / "in")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "README.md").write_text("ours")
    (tmp_path / "out" / "part-of-it.txt").write_text("ours")
    score(tmp_path, classifier)
    assert {"README.md", "part-of-it.txt"} <= files(tmp_path / "out").keys()


@given(
    files=st.lists(st.lists(st.integers(0, 50), max_size=4), min_size=1, max_size=5),
    shards=st.integers(1, 40),
)
def test_every_row_is_in_exactly_one_shard(files: list[list[int]], shards: int) -> None:
    sources = tuple(Source(f"{at}", 1, 1, "", tuple(groups)) for at, groups in enumerate(files))
    plan = Plan(sources, pa.schema([]))
    parts = [part for shard in range(shards) for part in plan.parts(shard, shards)]
    seen = [
        (part.name, row) for part in parts for row in range(part.first, part.first + part.count)
    ]
    assert seen == [(source.name, row) for source in sources for row in range(source.rows)]
    share = plan.rows / shards
    for shard in range(shards):
        count = sum(part.count for part in plan.parts(shard, shards))
        assert 0.5 * share - 1 <= count <= 1.5 * share + 1


def test_a_shard_begins_with_a_row_group_where_there_are_enough_of_them() -> None:
    plan = Plan((Source("a", 1, 1, "", (70, 75, 80, 75)),), pa.schema([]))
    assert [plan.first_row(shard, 4) for shard in range(5)] == [0, 70, 145, 225, 300]
    alone = Plan((Source("a", 1, 1, "", (300,)),), pa.schema([]))
    assert [alone.first_row(shard, 4) for shard in range(5)] == [0, 75, 150, 225, 300]


def test_more_shards_than_rows_are_no_failure(classifier: ServedModel, tmp_path: Path) -> None:
    write(tmp_path / "in", rows(3))
    assert score(tmp_path, classifier, shards=7)["complete"]
    assert scored(tmp_path)["id"].tolist() == [0, 1, 2]


def test_hidden_files_are_no_input(classifier: ServedModel, tmp_path: Path) -> None:
    write(tmp_path / "in")
    (tmp_path / "in" / "_temporary").mkdir()
    (tmp_path / "in" / "_temporary" / "half.parquet").write_text("half")
    (tmp_path / "in" / ".half.parquet").write_text("half")
    assert score(tmp_path, classifier)["rows"] == ROWS


def with_bad_rows() -> pd.DataFrame:
    frame = rows(500)
    frame.loc[[7, 250, 499], "f1"] = np.nan
    return frame


def test_refused_rows_stand_apart_with_their_number_and_reason(
    classifier: ServedModel, tmp_path: Path
) -> None:
    write(tmp_path / "in", with_bad_rows())
    told = score(tmp_path, classifier, shards=2, refused_share=0.01, batch_rows=100)
    assert (told["rows"], told["refused"]) == (497, 3)
    assert scored(tmp_path)["id"].tolist() == [n for n in range(500) if n not in (7, 250, 499)]
    refused = pd.concat(
        pd.read_parquet(path) for path in sorted((tmp_path / "out" / "_refused").iterdir())
    )
    assert refused["_row"].tolist() == refused["id"].tolist() == [7, 250, 499]
    assert refused["_reason"].str.contains("NaN").all()


@pytest.mark.parametrize(("share", "rows_refused"), [(0, [7]), (0.002, [7, 250])])
def test_more_refused_rows_than_may_be_fail_the_shard_and_publish_their_reasons_alone(
    share: float, rows_refused: list[int], classifier: ServedModel, tmp_path: Path
) -> None:
    write(tmp_path / "in", with_bad_rows())
    many, last = len(rows_refused), rows_refused[-1]
    told = rf"{many} rows are refused and {many - 1} may be; row {last}: the input is refused \(Val"
    with pytest.raises(InputRefusedError, match=told):
        score(tmp_path, classifier, shards=1, refused_share=share)
    left = [name for name in files(tmp_path / "out") if name.endswith((".parquet", ".json"))]
    (name,) = left
    assert name.startswith("_refused/part-00000-of-00001-")
    refused = pd.read_parquet(tmp_path / "out" / name)
    assert refused["_row"].tolist() == rows_refused
    assert refused["_reason"].str.contains("NaN").all()


def test_reasons_of_a_shard_that_failed_go_with_the_next_work_that_is_complete(
    classifier: ServedModel, tmp_path: Path
) -> None:
    def reasons() -> list[str]:
        return [name for name in files(tmp_path / "out") if name.startswith("_refused/part-")]

    write(tmp_path / "in", with_bad_rows())
    with pytest.raises(InputRefusedError):
        score(tmp_path, classifier, shards=2)
    assert reasons()
    rows(500).to_parquet(tmp_path / "in" / "a.parquet", index=False)
    (tmp_path / "in" / "b.parquet").unlink()
    assert score(tmp_path, classifier, shards=2)["complete"]
    assert not reasons()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: [p.unlink() for p in folder.iterdir()], "holds no file whose name ends in"),
        (lambda folder: (folder / "a.parquet").write_text("no"), r"a\.parquet is no Parquet"),
        (
            lambda folder: rows(9).drop(columns="f2").to_parquet(folder / "c.parquet"),
            r"c\.parquet has other columns than a\.parquet",
        ),
        (
            lambda folder: [
                rows(9).drop(columns="f2").to_parquet(p) for p in list(folder.iterdir())
            ],
            "the input has no column f2, which the model requires; it has id, f0, f1, f3",
        ),
    ],
)
def test_an_input_that_cannot_be_scored_is_told(
    spoil: Callable[[Path], Any], told: str, classifier: ServedModel, tmp_path: Path
) -> None:
    spoil(write(tmp_path / "in"))
    with pytest.raises(InputRefusedError, match=told):
        score(tmp_path, classifier)


def test_a_half_written_file_is_never_there_under_its_name(tmp_path: Path) -> None:
    folder = Folder(f"file://{tmp_path}")
    folder.write("x.json", {"whole": True})
    with pytest.raises(RuntimeError, match="half"), folder.written("x.json") as stream:
        stream.write(b"{")
        raise RuntimeError("half")
    assert folder.read("x.json") == {"whole": True}
    assert folder.read("none.json") is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"output_uri": "file:///in", "input_uri": "file:///in/"}, "are one folder"),
        ({"input_uri": "/data/in"}, "INPUT_URI: should match pattern"),
        ({"input_uri": "file:///{date}"}, "must both have {date} or neither"),
        ({"first_date": "2026-11-01"}, "FIRST_DATE and LAST_DATE go together"),
        ({"job_completion_index": 4}, "JOB_COMPLETION_INDEX is beyond the last shard"),
        ({"refused_share": 2}, "REFUSED_SHARE"),
    ],
)
def test_wrong_settings_are_told_by_their_variables(
    changes: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as error:
        settings(tmp_path, **changes)
    assert told in str(error.value)


def test_without_a_schedules_name_the_day_is_that_before_today(tmp_path: Path) -> None:
    dated = {"input_uri": "file:///in/{date}", "output_uri": "file:///out/{date}"}
    (day, _), *_ = settings(tmp_path, **dated, job_name="by-hand", days_back=0).tasks()
    assert day is not None
    assert abs((datetime.now(UTC).date() - day).days) <= 1


@pytest.mark.parametrize("days", [0, 2, 20])
def test_a_late_run_is_about_the_day_before_that_of_its_schedule(days: int) -> None:
    scheduled = datetime.now(UTC) - timedelta(days=days)
    name = f"wine-scores-{int(scheduled.timestamp()) // 60}"
    assert scheduled_day(name, 1) == scheduled.date() - timedelta(days=1)


@pytest.mark.parametrize("ending", ["20261123", "20301231", "12345678", "999999999"])
def test_other_digits_at_a_names_end_are_no_time_of_a_schedule(ending: str) -> None:
    """Of `kubectl create job --from=cronjob/x x-20261123` is yesterday, no day of 2008."""
    before = datetime.now(UTC).date()
    day = scheduled_day(f"x-{ending}", 1) + timedelta(days=1)
    assert before <= day <= datetime.now(UTC).date()


def command(folder: Path, store: Store, **changes: Any) -> dict[str, str]:
    """The environment of a real process over a real registry."""
    told = settings(folder, **changes).model_dump(
        mode="json", exclude_none=True, exclude_defaults=True
    )
    pinned = {"model_digest": store.model.digest, "mlflow_tracking_uri": store.uri}
    told = {**told, **pinned, "keep_columns": "id"}
    return {**os.environ, **{key.upper(): str(value) for key, value in told.items()}}


def process(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "stanchion_model_server.batch"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_process_goes_on_where_it_was_and_nothing_shows(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path / "in", rows(60_000))
    many = {"shards": 60, "batch_rows": 16}
    whole = process(command(tmp_path, store, **many, output_uri=f"file://{tmp_path}/whole"))
    _, log = whole.communicate(timeout=300)
    assert whole.returncode == 0, log
    killed = process(command(tmp_path, store, **many))
    manifests = tmp_path / "out" / "_manifests"
    try:
        deadline = time.monotonic() + 60
        while len(list(manifests.glob("*.json"))) < 5:
            assert killed.poll() is None, "it was over before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        killed.kill()
        killed.communicate()
    survived = {p.name: p.stat().st_mtime_ns for p in manifests.glob("*.json")}
    assert 5 <= len(survived) < 60
    assert not (tmp_path / "out" / manifest.COMPLETE).exists()
    again = process(command(tmp_path, store, **many))
    out, log = again.communicate(timeout=300)
    assert again.returncode == 0, log
    assert json.loads(out)["complete"]
    assert {p: (manifests / p).stat().st_mtime_ns for p in survived} == survived
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert scored(tmp_path)["id"].tolist() == list(range(60_000))


def test_each_failure_ends_with_the_status_that_its_job_reads(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in")
    monkeypatch.setattr("stanchion_model_server.batch.run._WAIT_SECONDS", 0.0)
    pinned = {"model_digest": store.model.digest, "mlflow_tracking_uri": store.uri}

    def ended(**changes: Any) -> int:
        return run(settings(tmp_path, **{**pinned, **changes}))[0]

    assert ended() == 0
    assert ended(model_digest=DIGEST) == 3
    assert ended(input_uri=f"file://{tmp_path}/none") == 4
    assert ended(mlflow_tracking_uri="http://127.0.0.1:9") == 1
    content = bytearray((tmp_path / "in" / "a.parquet").read_bytes())
    content[4:2000] = bytes(1996)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "a.parquet").write_bytes(content)
    assert ended(input_uri=f"file://{tmp_path}/damaged", output_uri=f"file://{tmp_path}/x") in (
        1,
        4,
    )
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert ended(output_uri=f"file://{blocked}/out") == 1
    wrong = process({**os.environ, "SHARDS": "0"})
    _, told = wrong.communicate(timeout=60)
    assert wrong.returncode == 2
    assert "SHARDS: should be greater than or equal to 1" in told


def test_days_are_scored_each_to_its_own_place(classifier: ServedModel, tmp_path: Path) -> None:
    for day in ("2026-10-31", "2026-11-01"):
        write(tmp_path / "in" / day, rows(100, seed=int(day[-2:])))
    configured = settings(
        tmp_path,
        input_uri=f"file://{tmp_path}/in/{{date}}",
        output_uri=f"file://{tmp_path}/out/{{date}}",
        first_date="2026-10-31",
        last_date="2026-11-01",
        shards=2,
    )
    for each, index in configured.tasks():
        score_day(configured, classifier, each, [index])
    for day in ("2026-10-31", "2026-11-01"):
        found = pd.read_parquet(tmp_path / "out" / day)
        answers = expected(classifier, rows(100, seed=int(day[-2:])))
        assert np.array_equal(found["prediction"], answers)


def test_a_plan_reads_footers_and_no_rows(tmp_path: Path) -> None:
    plan = read_plan(Folder(f"file://{write(tmp_path / 'in')}"))
    assert plan.rows == ROWS
    assert [source.name for source in plan.sources] == ["a.parquet", "b.parquet"]
    assert pq.read_metadata(tmp_path / "in" / "b.parquet").num_rows == plan.sources[1].rows
