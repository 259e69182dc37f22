"""How good a loaded model is on a data set: asked as clients ask it, and judged by nobody here."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException
from stanchion_models import RegistryUnavailableError

from stanchion_model_server.check import ask
from stanchion_model_server.errors import RequestError
from stanchion_model_server.quality import OF_LABELS, OF_NUMBERS, finite, of_probabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stanchion_model_server.loading import ServedModel
    from stanchion_model_server.wanted import EvaluationWanted

_ROWS_PER_REQUEST: Final = 50
_MOST_GROUPS: Final = 50


class EvaluationError(Exception):
    """The data set cannot be had or does not fit the model, in words for who wrote the gate."""


@dataclass
class _Answers:
    """What the model answered, for the rows that it answered."""

    kept: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    failed: int = 0
    failure: str = ""


def evaluate(served: ServedModel, wanted: EvaluationWanted, *, tracking_uri: str) -> dict[str, Any]:
    """Ask the model for every row of the data set and compute the metrics of its task.

    Args:
        served: The model, loaded as it is served.
        wanted: The data set and what to compute.
        tracking_uri: The MLflow that holds the data set, where it is not a local file.

    Returns:
        `rows`, `failed_rows`, `failure` (of the first row that failed), `metrics` by name, and
        `slices`: for each wanted, its `column`, `metric` and `groups`, with the rows answered and
        the `value` of each. A metric that the answers do not allow is missing, or None.

    Raises:
        EvaluationError: The data set is another file than pinned, or lacks columns or rows.
        RegistryUnavailableError: MLflow, which holds it, cannot be read now.
    """
    frame = _read(wanted, tracking_uri)
    answers = _ask(served, frame[_inputs(served, wanted, frame)], wanted.label)
    truth = frame[wanted.label].to_numpy()
    kept = frame.iloc[answers.kept]
    report: dict[str, Any] = {
        "rows": len(frame),
        "failed_rows": answers.failed,
        "failure": answers.failure,
        "metrics": {},
        "slices": [],
    }
    if not answers.kept:
        return report
    if wanted.task == "regression":
        predicted, scores = np.asarray(answers.values, dtype=float), None
        compute = OF_NUMBERS
    else:
        predicted, scores = _labels(answers.values, truth)
        compute = OF_LABELS
    known = truth[answers.kept]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that a group lacks
        report["metrics"] = {
            **{name: finite(score(known, predicted)) for name, score in compute.items()},
            **(of_probabilities(known, scores, truth) if scores is not None else {}),
        }
        for each in wanted.slices:
            groups = _groups(kept[each.column], each.column)
            values = {
                name: {
                    "rows": int(rows.sum()),
                    "value": finite(compute[each.metric](known[rows], predicted[rows])),
                }
                for name, rows in groups.items()
            }
            report["slices"].append(
                {"column": each.column, "metric": each.metric, "groups": values}
            )
    return report


def _read(wanted: EvaluationWanted, tracking_uri: str) -> pd.DataFrame:
    file = Path(wanted.data)
    if wanted.data.startswith(("runs:/", "mlflow-artifacts:/")):
        try:
            file = Path(download_artifacts(artifact_uri=wanted.data, tracking_uri=tracking_uri))
        except (MlflowException, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            absent = getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST"
            kind = EvaluationError if absent else RegistryUnavailableError
            raise kind(f"{wanted.data} cannot be fetched: {reason}") from None
    actual = hashlib.sha256(file.read_bytes()).hexdigest()
    if actual != wanted.sha256:
        raise EvaluationError(
            f"{wanted.data} has sha256 {actual}, and {wanted.sha256} is pinned; evaluate on the "
            "pinned file, or pin this one knowingly"
        )
    try:
        frame = (
            pd.read_json(file, lines=True, dtype=False)
            if file.suffix == ".jsonl"
            else pd.read_csv(file)
        )
    except ValueError as error:
        raise EvaluationError(f"{wanted.data} cannot be read: {error}") from None
    needed = [wanted.label, *(each.column for each in wanted.slices)]
    if missing := [name for name in needed if name not in frame.columns]:
        raise EvaluationError(f"{wanted.data} has no column {', '.join(missing)}")
    if unlabelled := int(frame[wanted.label].isna().sum()):
        raise EvaluationError(f"{wanted.data} has {unlabelled} rows without a {wanted.label}")
    return frame


def _inputs(served: ServedModel, wanted: EvaluationWanted, frame: pd.DataFrame) -> list[str]:
    """The columns to send: those of the signature, else all that are neither label nor slice."""
    schema = served.signature.schema
    if schema is None or not schema.has_input_names():
        other = {wanted.label, *(each.column for each in wanted.slices)}
        return [str(name) for name in frame.columns if name not in other]
    required = {str(name) for name in schema.required_input_names()}
    if missing := sorted(required - set(frame.columns)):
        raise EvaluationError(
            f"{wanted.data} has no column {', '.join(missing)}, which the signature requires"
        )
    return [str(name) for name in schema.input_names() if name in frame.columns]


def _ask(served: ServedModel, inputs: pd.DataFrame, label: str) -> _Answers:
    answers = _Answers()
    for start in range(0, len(inputs), _ROWS_PER_REQUEST):
        stop = min(start + _ROWS_PER_REQUEST, len(inputs))
        try:
            _keep(answers, start, _request(served, inputs.iloc[start:stop], label))
        except EvaluationError:
            raise
        except Exception:  # noqa: BLE001 - a model may raise anything; each row tells which
            for row in range(start, stop):
                try:
                    _keep(answers, row, _request(served, inputs.iloc[row : row + 1], label))
                except Exception as error:  # noqa: BLE001
                    reason = error.message if isinstance(error, RequestError) else str(error)
                    answers.failed += 1
                    answers.failure = answers.failure or f"row {row + 1}: {reason}"[:300]
    return answers


def _keep(answers: _Answers, start: int, values: Sequence[Any]) -> None:
    for row, value in enumerate(values, start):
        if value is None:
            answers.failed += 1
            answers.failure = answers.failure or f"row {row + 1}: the answer is no number"
        else:
            answers.kept.append(row)
            answers.values.append(value)


def _request(served: ServedModel, rows: pd.DataFrame, label: str) -> list[Any]:
    """What a client would read for these rows, one answer each."""
    data = rows.astype(object).where(rows.notna(), None).to_numpy().tolist()
    tensor = served.signature.tensor
    split = {"columns": list(rows.columns), "data": data}
    body = json.dumps({"inputs": data} if tensor else {"dataframe_split": split}).encode()
    answered = json.loads(ask(served, body))["predictions"]
    if len(answered) != len(rows):
        raise EvaluationError(f"{len(rows)} rows were sent and {len(answered)} answers came back")
    return [_one(answer, label) for answer in answered]


def _one(answer: Any, label: str) -> Any:
    """The answer for a row, out of the one column or the column named like the label."""
    if isinstance(answer, list) and len(answer) == 1:
        return answer[0]
    if not isinstance(answer, dict):
        return answer
    if len(answer) > 1 and label not in answer:
        raise EvaluationError(
            f"the model answers columns {', '.join(answer)} and none is named {label}; name the "
            "one to judge like the label"
        )
    return answer[label] if label in answer else next(iter(answer.values()))


def _labels(values: list[Any], truth: Any) -> tuple[Any, Any]:
    """The class that each answer says, and the probabilities where answers are those."""
    classes = np.unique(truth)
    if not isinstance(values[0], list):
        predicted = np.asarray(values)
        if (predicted.dtype.kind in "US") != isinstance(truth[0], str):
            raise EvaluationError(
                f"the labels are as {truth[0]!r} and the model answers as {values[0]!r}; give the "
                "data set the model's own labels"
            )
        return predicted, None
    scores = np.asarray(values, dtype=float)
    if scores.ndim != 2 or scores.shape[1] != len(classes):
        raise EvaluationError(
            f"the model answers {len(values[0])} probabilities and the data set has {len(classes)} "
            "classes; a data set needs rows of every class"
        )
    return classes[scores.argmax(axis=1)], scores


def _groups(column: pd.Series, name: str) -> dict[str, Any]:
    """Which rows each value of the column has."""
    texts = column.fillna("(none)").astype(str).to_numpy()
    values = sorted(set(texts))
    if len(values) > _MOST_GROUPS:
        raise EvaluationError(
            f"column {name} has {len(values)} values, and a slice has at most {_MOST_GROUPS} "
            "groups; bin the column in the data set"
        )
    return {value: texts == value for value in values}
