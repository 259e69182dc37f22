"""Labels that came late, joined with what was answered: how good a version really is."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from stanchion_model_server.batch.errors import InputRefusedError
from stanchion_model_server.quality import (
    OF_LABELS,
    OF_NUMBERS,
    SMALLER_IS_BETTER,
    finite,
    of_probabilities,
)

from stanchion_drift_monitor.answered import KEY
from stanchion_drift_monitor.prediction_files import read_parquet

if TYPE_CHECKING:
    from stanchion_model_server.batch.storage import Folder

    from stanchion_drift_monitor.settings import Labels

_TRUTH: Final = "label of the row"
_MOST_GROUPS: Final = 50
_DEVIATIONS: Final = 2
"""Standard errors that chance is granted before a difference counts."""


def read_labels(folder: Folder, wanted: Labels, ids: set[str]) -> tuple[pd.DataFrame, int]:
    """The truth for logged requests, one row each, and for how many rows files contradict.

    A row that has two different labels has none: nobody knows which is right.

    Raises:
        InputRefusedError: A file is no Parquet or lacks a column.
        OSError: The store does not answer.
    """
    pieces = []
    for info in folder.data(".parquet"):
        name = folder.name(info.path)
        table = read_parquet(folder, name, [*KEY, wanted.column])
        lacking = {"request_id", wanted.column} - {*table.column_names}
        if lacking:
            raise InputRefusedError(
                f"{folder.uri}/{name} has no column {', '.join(sorted(lacking))}"
            )
        frame = table.to_pandas().rename(columns={wanted.column: _TRUTH})
        frame["row"] = frame["row"].fillna(0).astype(np.int64) if "row" in frame else 0
        frame["request_id"] = frame["request_id"].astype(str)
        known = frame["request_id"].isin(ids) & frame[_TRUTH].notna()
        pieces.append(frame.loc[known, [*KEY, _TRUTH]])
    if not pieces:
        return pd.DataFrame({"request_id": [], "row": [], _TRUTH: []}), 0
    labels = pd.concat(pieces, ignore_index=True).drop_duplicates()
    contradicted = labels.duplicated(KEY, keep=False)
    return labels[~contradicted], len(labels[contradicted].drop_duplicates(KEY))


def measure(
    logged: pd.DataFrame, labels: pd.DataFrame, wanted: Labels, baseline: float | None
) -> dict[str, Any]:
    """How good the answers are whose truth is known, and what to think of it.

    Args:
        logged: What a version answered.
        labels: The truth.
        wanted: What is computed, and its limits.
        baseline: The metric in the evaluation of the promoted version, where there is one.

    Returns:
        `rows`, `labelled`, `coverage` of all and by day, `unusable`, `metrics`, `standardError`
        and `slices`, with `verdict` and `found`, its reasons in words.

    Raises:
        InputRefusedError: Answers and labels are not of a kind that can be compared.
    """
    matched = logged.merge(labels, on=KEY, how="inner")
    joined = matched if matched.empty else _comparable(matched, wanted)
    days = logged["day"].value_counts().sort_index()
    known = joined["day"].value_counts()
    told: dict[str, Any] = {
        "metric": wanted.metric,
        "baseline": baseline,
        "rows": len(logged),
        "labelled": len(joined),
        "unusable": len(matched) - len(joined),
        "coverage": _share(len(joined), len(logged)),
        "days": [
            {"day": day, "rows": int(rows), "labelled": int(known.get(day, 0))}
            for day, rows in days.items()
        ],
        "metrics": {},
        "standardError": None,
        "slices": [],
    }
    if joined.empty:
        return {**told, **_judged(wanted, told)}
    try:
        computed, scores = _metrics(joined, wanted)
    except ValueError as error:
        raise InputRefusedError(f"labels cannot be compared with answers: {error}") from error
    spread = float(np.std(scores) / math.sqrt(len(scores)))
    told |= {"metrics": computed, "standardError": _digits(spread)}
    for name in wanted.slices:
        told["slices"].append({"column": name, "groups": _groups(joined, name, scores)})
    return {**told, **_judged(wanted, told)}


def _comparable(matched: pd.DataFrame, wanted: Labels) -> pd.DataFrame:
    """The rows whose answer and label are there and of the task's kind: no null, no NaN."""
    outputs = _answers(matched)
    if wanted.task == "regression" or wanted.probabilities:
        numbers = outputs if wanted.probabilities else [*outputs, _TRUTH]
        matched = matched.assign(**{name: _numbers(matched[name]) for name in numbers})
        rows = matched.dropna(subset=numbers)
        if not wanted.probabilities:
            return rows
        scores = rows[outputs]
        return rows[scores.ge(0).all(axis=1) & scores.sum(axis=1).gt(0)]
    pairs = matched[[_TRUTH, *outputs]].replace([np.inf, -np.inf], np.nan).dropna()
    text = pairs.map(lambda value: isinstance(value, str))
    alike = text[_TRUTH] == text[outputs[0]]
    if not alike.any() and not pairs.empty:
        truth, answer = pairs.astype(object).iloc[0]
        raise InputRefusedError(
            f"labels are as {truth!r} and the model answers as {answer!r}; give it its own labels"
        )
    return matched.loc[pairs.index[alike]].infer_objects()


def _numbers(values: pd.Series[Any]) -> pd.Series[Any]:
    found = pd.to_numeric(values, errors="coerce").astype(np.float64)
    given = values.dropna()
    if found.isna().all() and not given.empty:
        what = "labels" if values.name == _TRUTH else f"answers in {values.name} of the log"
        raise InputRefusedError(f"{what} are as {given.iloc[0]!r}; name a column of numbers")
    return found.where(np.isfinite(found))


def _answers(joined: pd.DataFrame) -> list[str]:
    return [name for name in joined.columns if str(name).startswith("output.")]


def _metrics(joined: pd.DataFrame, wanted: Labels) -> tuple[dict[str, float | None], Any]:
    """All metrics of the task, and the wanted one for each row."""
    outputs = _answers(joined)
    truth = joined[_TRUTH].to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that nobody predicted
        if wanted.task == "regression":
            answers = joined[outputs[0]].to_numpy()
            found = {name: finite(score(truth, answers)) for name, score in OF_NUMBERS.items()}
            return _all_digits(found), np.abs(truth - answers)
        if not wanted.probabilities:
            answers = joined[outputs[0]].to_numpy()
            found = {name: finite(score(truth, answers)) for name, score in OF_LABELS.items()}
            return _all_digits(found), (truth == answers).astype(float)
        return _of_scores(joined, truth, wanted)


def _of_scores(
    joined: pd.DataFrame, truth: Any, wanted: Labels
) -> tuple[dict[str, float | None], Any]:
    classes = sorted(wanted.probabilities)
    texts = np.array([_class(each, classes) for each in truth])
    if unknown := sorted({*texts} - {*classes}):
        raise InputRefusedError(
            f"labels {', '.join(unknown[:5])} have no probability; add them to probabilities"
        )
    columns = [f"output.{wanted.probabilities[each]}" for each in classes]
    scores = joined[columns].to_numpy(np.float64)
    scores = scores / scores.sum(axis=1, keepdims=True)
    answers = np.array(classes)[scores.argmax(axis=1)]
    found = {name: finite(score(texts, answers)) for name, score in OF_LABELS.items()}
    found |= of_probabilities(texts, scores, np.array(classes))
    if wanted.metric == "accuracy":
        return _all_digits(found), (texts == answers).astype(float)
    own = scores[np.arange(len(texts)), np.searchsorted(classes, texts)]
    return _all_digits(found), -np.log(np.clip(own, np.finfo(float).eps, 1))


def _class(label: Any, classes: list[str]) -> str:
    """A label's class by name: whole numbers come as floats where one beside them is missing."""
    name = str(label)
    whole = isinstance(label, float | np.floating) and label.is_integer()
    return str(int(label)) if whole and name not in classes else name


def _groups(joined: pd.DataFrame, name: str, scores: Any) -> dict[str, dict[str, Any]]:
    texts = joined[f"input.{name}"].astype(object).where(joined[f"input.{name}"].notna(), "(none)")
    named = texts.astype(str).to_numpy()
    values = sorted(set(named))
    if len(values) > _MOST_GROUPS:
        raise InputRefusedError(
            f"slice {name} has {len(values)} values, and {_MOST_GROUPS} are the most; take a column"
            " of fewer"
        )
    return {
        value: {
            "rows": int((named == value).sum()),
            "value": _digits(float(scores[named == value].mean())),
            "standardError": _digits(
                float(scores[named == value].std() / math.sqrt((named == value).sum()))
            ),
        }
        for value in values
    }


def _judged(wanted: Labels, told: dict[str, Any]) -> dict[str, Any]:
    value, baseline = told["metrics"].get(wanted.metric), told["baseline"]
    labelled, error = told["labelled"], told["standardError"]
    if labelled < wanted.min_rows or value is None:
        why = f"{labelled} labelled rows are fewer than {wanted.min_rows}"
        return {"verdict": "inconclusive", "found": [why]}
    found = []
    granted = _DEVIATIONS * error
    if wanted.limit is not None and _worse(wanted, value, wanted.limit) > granted:
        found.append(f"{wanted.metric} is {value:.4g}, and may be {wanted.limit:g} at worst")
    if wanted.max_drop is not None and baseline is not None:
        worse = _worse(wanted, value, baseline)
        if worse > wanted.max_drop + granted:
            found.append(
                f"{wanted.metric} is {value:.4g}, {worse:.4g} worse than the {baseline:.4g} of the "
                f"evaluation, and may be {wanted.max_drop:g} worse"
            )
    for each in told["slices"]:
        for name, group in each["groups"].items():
            worse = _worse(wanted, group["value"], value)
            spared = wanted.max_drop or 0.0
            spared += _DEVIATIONS * math.hypot(group["standardError"], error)
            if group["rows"] >= wanted.min_rows and worse > spared:
                found.append(
                    f"{wanted.metric} where {each['column']} is {name} is {group['value']:.4g}, "
                    f"{worse:.4g} worse than of all rows"
                )
    if found:
        return {"verdict": "breach", "found": found}
    if wanted.limit is None and baseline is None:
        why = "no evaluation of the version is recorded, and there is no limit of its own"
        return {"verdict": "inconclusive", "found": [why]}
    return {"verdict": "ok", "found": []}


def _worse(wanted: Labels, value: float, than: float) -> float:
    return value - than if wanted.metric in SMALLER_IS_BETTER else than - value


def _share(part: int, whole: int) -> float:
    return _digits(part / whole) if whole else 0.0


def _digits(value: float) -> float:
    return float(f"{value:.6g}")


def _all_digits(found: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else _digits(value) for name, value in found.items()}
