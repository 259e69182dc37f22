"""Labels beside what was logged: rows that cannot be compared are counted and cost no report."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stanchion_drift_monitor.answered import logged_rows
from stanchion_drift_monitor.feedback import measure, read_labels
from stanchion_drift_monitor.prediction_files import LogFile
from stanchion_drift_monitor.settings import Labels
from stanchion_model_server.batch.errors import InputRefusedError
from stanchion_model_server.batch.storage import Folder

ROWS = 300
REGRESSION = {"task": "regression", "metric": "mae"}
CLASSIFICATION = {"task": "classification", "metric": "accuracy"}
PROBABILITIES = {**CLASSIFICATION, "probabilities": {"a": "of-a", "b": "of-b"}}
OF_NUMBERS = {**CLASSIFICATION, "probabilities": {"0": "of-0", "1": "of-1"}}
SCORES = {"of-0": [0.75, 0.25] * (ROWS // 2), "of-1": [0.25, 0.75] * (ROWS // 2)}
"""Of the classes 0 and 1, in turns."""


def ids(count: int) -> dict[str, Any]:
    return {"request_id": [f"r{at}" for at in range(count)], "row": 0}


def answers_of(**columns: list[Any]) -> pd.DataFrame:
    """A log, one row a request."""
    count = len(next(iter(columns.values())))
    return pd.DataFrame({**ids(count), "day": "2026-11-20", **columns})


def asked_for(wanted: dict[str, Any]) -> Labels:
    settings = {"location": "s3://labels", "column": "truth", "limit": 0.5, **wanted}
    return Labels.model_validate(settings)


def measured(labels: list[Any], wanted: dict[str, Any], **outputs: list[Any]) -> dict[str, Any]:
    """What is thought of answers whose labels are known, one row a request."""
    logged = answers_of(**{f"output.{name}": values for name, values in outputs.items()})
    truth = pd.DataFrame({**ids(len(labels)), "label of the row": labels})
    return measure(logged, truth, asked_for(wanted), None)


def with_one(values: list[Any], odd: Any) -> list[Any]:
    """The values, the third replaced."""
    return [*values[:2], odd, *values[3:]]


@pytest.mark.parametrize("odd", [None, math.nan, math.inf])
@pytest.mark.parametrize("wanted", [REGRESSION, CLASSIFICATION], ids=["regression", "classes"])
@pytest.mark.parametrize("whose", ["answer", "label"])
def test_a_value_that_is_none_costs_its_row_alone(
    odd: float | None, wanted: dict[str, Any], whose: str
) -> None:
    right = [float(at % 2) for at in range(ROWS)]
    answers, labels = right, right
    if whose == "answer":
        answers = with_one(right, odd)
    else:
        labels = with_one(right, odd)
    found = measured(labels, wanted, prediction=answers)
    assert (found["labelled"], found["unusable"]) == (ROWS - 1, 1)
    assert found["days"] == [{"day": "2026-11-20", "rows": ROWS, "labelled": ROWS - 1}]
    assert found["metrics"][wanted["metric"]] == (0 if wanted is REGRESSION else 1)


@pytest.mark.parametrize("answer", [True, 1, "yes"])
def test_a_null_among_answers_of_any_kind_costs_its_row_alone(answer: object) -> None:
    found = measured([answer] * ROWS, CLASSIFICATION, prediction=with_one([answer] * ROWS, None))
    assert (found["labelled"], found["metrics"]["accuracy"]) == (ROWS - 1, 1)


@pytest.mark.parametrize("odd", [math.nan, -1.0, 0.0])
def test_what_is_no_probability_costs_its_row_alone(odd: float) -> None:
    likely, rest = [0.75] * ROWS, with_one([0.25] * ROWS, 0.0)
    named = {"of-a": with_one(likely, odd), "of-b": rest}
    found = measured(["a"] * ROWS, PROBABILITIES, **named)
    assert (found["labelled"], found["unusable"]) == (ROWS - 1, 1)
    assert found["metrics"]["logLoss"] == pytest.approx(-math.log(0.75), abs=1e-5)


@pytest.mark.parametrize("dtype", ["Int64", "float64", "float32"])
@pytest.mark.parametrize(
    ("wanted", "outputs"),
    [
        (OF_NUMBERS, SCORES),
        ({**OF_NUMBERS, "metric": "logLoss"}, SCORES),
        (CLASSIFICATION, {"prediction": [0, 1] * (ROWS // 2)}),
    ],
    ids=["accuracy of probabilities", "logLoss", "accuracy of classes"],
)
def test_a_null_among_labels_of_whole_numbers_costs_its_row_alone(
    tmp_path: Path, dtype: str, wanted: dict[str, Any], outputs: dict[str, list[Any]]
) -> None:
    known = pd.DataFrame({**ids(ROWS), "truth": [0, 1] * (ROWS // 2)})
    known.iloc[:100].to_parquet(tmp_path / "whole.parquet")
    pending = known.iloc[100:].astype({"truth": dtype})
    pending.loc[200, "truth"] = None
    # Without what pandas notes of its own types, as others write.
    plain = pa.Table.from_pandas(pending, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(plain, tmp_path / "pending.parquet")
    logged = answers_of(**{f"output.{name}": values for name, values in outputs.items()})
    settings = asked_for(wanted)
    truth, contradicted = read_labels(
        Folder(f"file://{tmp_path}"), settings, {*logged["request_id"]}
    )
    found = measure(logged, truth, settings, None)
    assert (found["labelled"], contradicted, found["metrics"]["accuracy"]) == (ROWS - 1, 0, 1)


@pytest.mark.parametrize("labels", [[False, True], [0.5, 1.5], [0.0, 1.0]])
def test_a_class_is_named_as_its_labels_are_written(labels: list[Any]) -> None:
    named = dict(zip(map(str, labels), SCORES, strict=True))
    wanted = {**CLASSIFICATION, "probabilities": named}
    assert measured(labels * (ROWS // 2), wanted, **SCORES)["metrics"]["accuracy"] == 1


@pytest.mark.parametrize("wanted", [REGRESSION, CLASSIFICATION], ids=["regression", "classes"])
def test_a_text_among_numbers_costs_its_row_alone(wanted: dict[str, Any]) -> None:
    right = [float(at % 2) for at in range(ROWS)]
    found = measured(with_one(right, "n/a"), wanted, prediction=right)
    assert (found["labelled"], found["unusable"]) == (ROWS - 1, 1)


def test_answers_that_are_all_none_are_inconclusive() -> None:
    found = measured([1.0] * ROWS, REGRESSION, prediction=[math.nan] * ROWS)
    assert (found["labelled"], found["unusable"]) == (0, ROWS)
    assert found["verdict"] == "inconclusive"


@pytest.mark.parametrize(
    ("label", "wanted", "answer", "reason"),
    [
        ("red", REGRESSION, 1.5, "labels are as 'red'; name a column of numbers"),
        (1.5, REGRESSION, "red", "answers in output.prediction of the log are as 'red'; name"),
        ("red", CLASSIFICATION, 1, "labels are as 'red' and the model answers as 1; give"),
        (1, CLASSIFICATION, 0.3, "labels cannot be compared with answers: .*continuous"),
    ],
)
def test_labels_of_another_kind_than_the_answers_are_refused(
    label: object, wanted: dict[str, Any], answer: object, reason: str
) -> None:
    with pytest.raises(InputRefusedError, match=reason):
        measured([label] * ROWS, wanted, prediction=[answer] * ROWS)


def files(folder: Path, *columns: list[str]) -> list[LogFile]:
    """Files of a log, ten rows each, with columns beside what tells their rows apart."""
    found = []
    for at, names in enumerate(columns):
        frame = pd.DataFrame({"request_id": [f"{at}-{row}" for row in range(10)], "row": 0})
        frame.assign(**dict.fromkeys(names, 1.0)).to_parquet(folder / f"{at}.parquet")
        found.append(LogFile("1", "2026-11-20", Folder(f"file://{folder}"), f"{at}.parquet", 0, 0))
    return found


def read(log: list[LogFile], **wanted: Any) -> tuple[pd.DataFrame, int]:
    settings = {"location": "s3://labels", "column": "truth", "max_drop": 0.1, **CLASSIFICATION}
    return logged_rows(log, Labels.model_validate(settings | wanted))


@pytest.mark.parametrize("named", [{"output": "label"}, {}], ids=["named", "the only one"])
def test_files_from_before_an_output_was_kept_are_left_out(
    tmp_path: Path, named: dict[str, str]
) -> None:
    log = files(tmp_path, ["input.a"], ["input.a", "output.label"])
    rows, left_out = read(log, **named)
    assert (len(rows), left_out) == (10, 10)
    assert rows["request_id"].str.startswith("1-").all()


def test_a_column_that_no_file_has_is_refused_by_its_name(tmp_path: Path) -> None:
    log = files(tmp_path, ["output.label"], ["input.region"])
    with pytest.raises(InputRefusedError, match=r"no column input\.region, output\.label"):
        read(log, output="label", slices=("region",))
    with pytest.raises(InputRefusedError, match="no column of an output"):
        read(log[1:])


def test_of_several_outputs_over_all_files_one_must_be_named(tmp_path: Path) -> None:
    log = files(tmp_path, ["output.score"], ["output.label"])
    with pytest.raises(InputRefusedError, match=r"outputs output\.label, output\.score; name"):
        read(log)
    assert read(log, output="score")[1] == 10
