"""One version's logged values beside its training: drift, data quality and schema.

The index, its chance and the problems are those that Prometheus computes of the server's counts
(docs/drift.md), from the same code's counts: both say the same of the same rows.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from scipy.stats import chi2
from stanchion_model_server.fields import Tally
from stanchion_models.fields import MISSING, OTHER, Numbers
from stanchion_models.fields import Array as Counts

from stanchion_drift_monitor.prediction_files import about

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stanchion_models import Reference
    from stanchion_models.reference import Counted

SMALLEST_SHARE: Final = 1e-4
"""Of an empty bin, whose logarithm would have no end."""
RANGE_ROWS: Final = 9
"""Rows of training that its range may leave out by chance."""
SIDES: Final = {"input": "input.", "output": "output."}
_COLUMN: Final = re.compile(r"prediction_(\d+)")


@dataclass
class Compared:
    """What was found of one version in the window.

    Attributes:
        rows: Rows that were read.
        fields: What each field is like, beside training.
        skipped: Fields of the reference that were not compared, and why.
        missing: Fields that the log should have and has not.
        unexpected: Outputs that training did not have.
        types: Columns that are of another type than in training, or of several.
    """

    rows: int = 0
    fields: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)

    @property
    def schema_problems(self) -> list[str]:
        """In words."""
        return [
            *(f"{name} is missing" for name in self.missing),
            *(f"{name} was not in training" for name in self.unexpected),
            *self.types,
        ]


def compare(reference: Reference, tables: Iterable[pa.Table]) -> Compared:
    """Hold a version's rows to its training.

    Args:
        reference: What it was trained on.
        tables: Files of the log, each with its metadata.
    """
    reading = _Reading(reference)
    for table in tables:
        reading.add(table)
    return reading.compared()


class _Reading:
    """What is known of a version's files so far, by side and name of each field of training."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._trained = {("input", name): each for name, each in reference.inputs.items()}
        self._trained |= {("output", name): each for name, each in reference.outputs.items()}
        self._rows = 0
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._types: dict[str, set[str]] = {}
        self._not_logged: set[tuple[str, str]] = set()
        self._unlike: set[str] = set()
        self._unexpected: set[str] = set()

    def add(self, table: pa.Table) -> None:
        """Count a file's rows."""
        self._rows += table.num_rows
        told = about(table)
        places = _places(table.column_names, self._reference)
        for key in self._trained:
            column = places.get(key)
            name = column.partition(".")[2] if column else key[1]
            if name in told["hashed"] or (column is None and name in told["leftOut"]):
                self._not_logged.add(key)
            elif column is not None:
                self._count(key, column, table)
        outputs = {each for each in table.column_names if each.startswith(SIDES["output"])}
        self._unexpected |= outputs - {*places.values()}

    def _count(self, key: tuple[str, str], column: str, table: pa.Table) -> None:
        training = self._trained[key]
        kind = table.schema.field(column).type
        if not pa.types.is_null(kind):
            self._types.setdefault(column, set()).add(str(kind))
        tally = self._tallies.setdefault(key, Tally(training))
        if isinstance(training.field, Numbers) and pa.types.is_string(kind):
            self._unlike.add(column)
            return
        try:
            tally.add(table[column].to_numpy())
        except (ValueError, TypeError):
            self._unlike.add(column)

    def compared(self) -> Compared:
        """What all files come to."""
        found = Compared(self._rows)
        for (side, name), training in self._trained.items():
            key, column = (side, name), SIDES[side] + name
            if key in self._not_logged:
                why = "is hashed or left out of the log"
                found.skipped.append({"side": side, "field": name, "why": why})
            elif key not in self._tallies:
                found.missing.append(column)
            elif column not in self._unlike:
                tally = self._tallies[key]
                found.fields.append(_field(side, name, training, tally, self._reference.rows))
        found.unexpected = sorted(self._unexpected) if self._reference.outputs else []
        found.types = [
            *(
                f"{name} is {', '.join(sorted(each))}"
                for name, each in self._types.items()
                if len(each) > 1
            ),
            *(f"{name} is of another type than in training" for name in sorted(self._unlike)),
        ]
        return found


def _places(columns: list[str], reference: Reference) -> dict[tuple[str, str], str]:
    """Which column of the log has which field: outputs without names have others in each."""
    found = {("input", name): SIDES["input"] + name for name in reference.inputs}
    outputs = [name for name in columns if name.startswith(SIDES["output"])]
    for column in outputs:
        name = column.removeprefix(SIDES["output"])
        numbered = _COLUMN.fullmatch(name)
        for also in (name, f"output-0[{numbered[1]}]" if numbered else "output-0"):
            if also in reference.outputs:
                found.setdefault(("output", also), column)
                break
        else:
            if len(outputs) == len(reference.outputs) == 1:
                found["output", next(iter(reference.outputs))] = column
    return {key: column for key, column in found.items() if column in columns}


def _field(side: str, name: str, training: Counted, tally: Tally, trained: int) -> dict[str, Any]:
    bins = training.field.bins
    counts, reference = tally.counts, np.array(training.counts)
    rows = int(counts.sum())
    share, expected = counts / max(rows, 1), reference / trained
    at_least = np.maximum(share, SMALLEST_SHARE), np.maximum(expected, SMALLEST_SHARE)
    psi = float(np.sum((at_least[0] - at_least[1]) * np.log(at_least[0] / at_least[1])))
    free = max(int(np.count_nonzero(reference)) - 1, 0)
    chance = (free + 3 * math.sqrt(2 * free)) * (1 / max(rows, 1) + 1 / trained)

    def beyond(what: str) -> float:
        at = bins.index(what)
        return max(float(share[at] - expected[at]), 0.0)

    numbers = isinstance(training.field, Numbers)
    outside = tally.out_of_range / max(rows, 1) - RANGE_ROWS / trained
    problems = {
        "missing": beyond(MISSING),
        "unseen": 0.0 if numbers else beyond(OTHER),
        "out_of_range": max(outside, 0.0) if numbers else 0.0,
    }
    return {
        "side": side,
        "field": name,
        "rows": rows,
        "psi": _rounded(psi),
        "chance": _rounded(chance),
        "drift": _rounded(max(psi - chance, 0.0)),
        "chiSquaredP": _rounded(_p_value(counts, reference)),
        "distance": _rounded(_distance(counts, reference)) if numbers else None,
        "problems": {what: _rounded(each) for what, each in problems.items()},
        "bins": [
            {"bin": each, "share": _rounded(now), "reference": _rounded(then)}
            for each, now, then in zip(bins, share.tolist(), expected.tolist(), strict=True)
        ],
    }


def _p_value(counts: Counts, reference: Counts) -> float:
    """Of the chi-squared test that both come from one population; 1 where there is nothing."""
    seen = (counts + reference) > 0
    now, then = counts[seen].astype(float), reference[seen].astype(float)
    if not now.sum() or not then.sum() or len(now) < 2:
        return 1.0
    ratio = math.sqrt(then.sum() / now.sum())
    statistic = np.sum((ratio * now - then / ratio) ** 2 / (now + then))
    return float(chi2.sf(statistic, len(now) - 1))


def _distance(counts: Counts, reference: Counts) -> float:
    """Largest distance of the two distributions at the bins' bounds.

    Kolmogorov and Smirnov's, of values that are known to the bin alone.
    """
    now, then = counts[:-1], reference[:-1]
    if not now.sum() or not then.sum():
        return 0.0
    return float(np.max(np.abs(np.cumsum(now) / now.sum() - np.cumsum(then) / then.sum())))


def _rounded(value: float) -> float:
    """Six digits: the order in which files are added up changes no byte of a report."""
    return float(f"{value:.6g}")
