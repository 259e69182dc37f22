"""`python -m benchmarks.batch`: what exactly-once scoring costs beside a plain loop, and a kill.

`ROWS` in the environment says how many rows, a million unless said otherwise.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from stanchion_cli.progress import step
from stanchion_model_server.batch.run import score_day
from stanchion_model_server.batch.settings import BatchSettings
from stanchion_model_server.loading import ServedModel, load
from stanchion_model_server.settings import read

from benchmarks.facts import facts
from benchmarks.model_server.model import NAME, Trained, train
from benchmarks.processes import measured
from benchmarks.targets import Target, command, section

ROOT: Final = Path(__file__).parents[1]
_RESULTS: Final = ROOT / "benchmarks" / "BATCH.md"
_SHARDS: Final = 8
_FILES: Final = 4
_GROUPS: Final = 16
"""Row groups of all files together: a million rows in groups as large as writers make them."""
_BATCH_ROWS: Final = 8192
_ROUNDS: Final = 3
_LEAST_RATIO: Final = 0.9


@dataclass
class Results:
    """Everything one run measured."""

    facts: Mapping[str, str]
    rows: int
    seconds: dict[str, list[tuple[float, float]]]
    """Processor and wall time of each way to score all rows, in the order of the rounds."""
    memory_mib: float
    """Peak of the command that scores all rows."""
    killed_after: int
    """Shards that were done when it was killed."""
    identical: bool
    """Whether the killed and resumed output has the bytes of the uninterrupted one."""
    lost: int
    doubled: int
    wrong: int
    """Answers that are not those of one call of the model with all rows."""


def run() -> Results:
    """Score with each way in turn, then once more with a kill in the middle."""
    before, rows = facts(ROOT), int(os.environ.get("ROWS", "1000000"))
    with tempfile.TemporaryDirectory(prefix="stanchion-bench-") as scratch:
        folder = Path(scratch)
        uri = f"sqlite:///{folder / 'registry.db'}"
        os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = str(folder / "artifacts")
        with step("train a model and write its input"):
            trained = _trained(uri, folder)
            frame = _input(trained, folder / "in", rows)
        environment = {
            "MODEL_NAME": NAME,
            "MODEL_VERSION": "1",
            "MODEL_DIGEST": trained.digest,
            "MLFLOW_TRACKING_URI": uri,
            "INPUT_URI": f"file://{folder}/in",
            "SHARDS": str(_SHARDS),
            "BATCH_ROWS": str(_BATCH_ROWS),
            "KEEP_COLUMNS": "id",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        settings = read({**environment, "OUTPUT_URI": f"file://{folder}/out"}, BatchSettings)
        served = load(settings)
        seconds = _throughput(served, environment, folder, trained.columns)
        with step("score by the command") as running:
            usage = _command(environment, folder / "whole", folder)
            running.note(f"{usage.memory_mib:.0f} MiB")
        with step("score again, and kill it in the middle") as running:
            done = _killed(environment, folder / "resumed", folder)
            running.note(f"after {done} of {_SHARDS} shards")
        _command(environment, folder / "resumed", folder)
        found = pd.read_parquet(folder / "resumed")
        counts = found["id"].value_counts()
        answers = served.model.get_raw_model().predict(frame[trained.columns])  # type: ignore[no-untyped-call]
        expected = pd.Series(answers, index=frame["id"])
        wrong = int((expected.loc[found["id"]].to_numpy() != found["prediction"].to_numpy()).sum())
        return Results(
            before,
            rows,
            seconds,
            usage.memory_mib,
            done,
            _digests(folder / "whole") == _digests(folder / "resumed"),
            int(rows - frame["id"].isin(counts.index).sum()),
            int((counts - 1).sum()),
            wrong,
        )


def _trained(uri: str, folder: Path) -> Trained:
    before = Path.cwd()
    os.chdir(folder)  # MLflow keeps artifacts beside where it is started
    try:
        return train(uri, folder)
    finally:
        os.chdir(before)


def _input(trained: Trained, folder: Path, rows: int) -> pd.DataFrame:
    """The training data over and over, with noise, in files of equal size."""
    rng = np.random.default_rng(7)
    chosen = trained.rows[rng.integers(0, len(trained.rows), rows)]
    frame = pd.DataFrame(chosen * rng.normal(1, 0.05, chosen.shape), columns=trained.columns)
    frame.insert(0, "id", np.arange(rows))
    folder.mkdir()
    for at in range(_FILES):
        part = frame[rows * at // _FILES : rows * (at + 1) // _FILES]
        size = -(-len(part) * _FILES // _GROUPS)
        part.to_parquet(folder / f"{at}.parquet", index=False, row_group_size=size)
    return frame


def _throughput(
    served: ServedModel, environment: Mapping[str, str], folder: Path, columns: list[str]
) -> dict[str, list[tuple[float, float]]]:
    """Seconds of each way, in turns, so that what else the machine does meets all of them."""

    def ours(target: Path) -> None:
        configured = read({**environment, "OUTPUT_URI": f"file://{target}"}, BatchSettings)
        score_day(configured, served, None, range(_SHARDS))

    def loop(predict: Callable[[pd.DataFrame], Any]) -> Callable[[Path], None]:
        return lambda target: _loop(folder / "in", target, predict, columns)

    ways: dict[str, Callable[[Path], None]] = {
        "stanchion-batch": ours,
        "a loop over the estimator": loop(served.model.get_raw_model().predict),  # type: ignore[no-untyped-call]
        "a loop over MLflow's model": loop(served.model.predict),
    }
    seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for number in range(_ROUNDS):
        for way, score in ways.items():
            with step(f"{way}, round {number + 1}"):
                processor, wall = time.process_time(), time.monotonic()
                score(folder / f"{way.replace(' ', '-')}-{number}")
                seconds[way].append((time.process_time() - processor, time.monotonic() - wall))
    return seconds


def _loop(
    source: Path, target: Path, predict: Callable[[pd.DataFrame], Any], columns: list[str]
) -> None:
    """What one writes without us: a batch at a time, one file for each, no way to resume."""
    target.mkdir()
    for path in sorted(source.glob("*.parquet")):
        writer = None
        for batch in pq.ParquetFile(path).iter_batches(_BATCH_ROWS, use_threads=False):
            answers = predict(batch.select(columns).to_pandas())
            table = pa.table({"id": batch["id"], "prediction": answers})
            writer = writer or pq.ParquetWriter(target / path.name, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()


_COMMAND: Final = [sys.executable, "-m", "stanchion_model_server.batch"]


def _command(environment: Mapping[str, str], target: Path, folder: Path) -> Any:
    words = ["env", *(f"{k}={v}" for k, v in environment.items()), f"OUTPUT_URI=file://{target}"]
    usage = measured([*words, *_COMMAND], folder, folder / "log")
    if usage.status:
        raise SystemExit((folder / "log").read_text()[-2000:])
    return usage


def _killed(environment: Mapping[str, str], target: Path, folder: Path) -> int:
    """Start it, kill it once half of the shards are done, and count those that are."""
    given = {**os.environ, **environment, "OUTPUT_URI": f"file://{target}"}
    process = subprocess.Popen(_COMMAND, env=given, cwd=folder, stderr=subprocess.DEVNULL)
    manifests = target / "_manifests"
    while process.poll() is None and len(list(manifests.glob("*.json"))) < _SHARDS // 2:
        time.sleep(0.002)
    process.kill()
    process.wait()
    return len(list(manifests.glob("*.json")))


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _median(results: Results, way: str, *, wall: bool = False) -> float:
    return statistics.median(each[wall] for each in results.seconds[way])


def targets(results: Results) -> list[Target]:
    """The targets, each with what was found."""
    ratio = _median(results, "a loop over the estimator") / _median(results, "stanchion-batch")
    middle = 0 < results.killed_after < _SHARDS
    return [
        Target(
            f"rows a second of processor time at least {_LEAST_RATIO} times a plain loop's",
            f"{ratio:.2f} times",
            ratio >= _LEAST_RATIO,
        ),
        Target(
            "killed in the middle and resumed: identical output",
            f"killed after {results.killed_after} of {_SHARDS} shards, "
            f"{'identical' if results.identical else 'different'}",
            middle and results.identical,
        ),
        Target(
            "no row lost, none doubled, none wrong",
            f"{results.lost} lost, {results.doubled} doubled, {results.wrong} wrong",
            not (results.lost or results.doubled or results.wrong),
        ),
    ]


def markdown(results: Results) -> str:
    """The page that is committed as benchmarks/BATCH.md."""
    plain = _median(results, "a loop over the estimator")
    lines = [
        "# Batch scoring: results",
        "",
        f"Generated by `make bench-batch`; do not edit. {results.rows:,} rows of 30 features in"
        f" {_FILES} Parquet files of {_GROUPS} row groups, a scaled logistic regression,"
        f" {_SHARDS} shards, one thread. Reading, predicting and writing count;"
        " starting Python and loading the model do not. The"
        f" ways take turns, {_ROUNDS} rounds in one process, and medians are shown. Wall time"
        " depends on what else the machine does, so nothing is held to it.",
        "",
        *(f"- {key}: {value}" for key, value in results.facts.items()),
        "",
        *section(targets(results)),
        "## Figures",
        "",
        "| | rows a second of processor time | beside the plain loop | of wall time |",
        "| --- | --- | --- | --- |",
    ]
    for way in results.seconds:
        processor, wall = _median(results, way), _median(results, way, wall=True)
        lines.append(
            f"| {way} | {results.rows / processor:,.0f} | {plain / processor:.2f} times"
            f" | {results.rows / wall:,.0f} |"
        )
    lines += [
        "",
        f"The command with all shards had {results.memory_mib:,.0f} MiB resident at its peak.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(command(__doc__, _RESULTS, run, markdown, targets))
