"""What a model was trained on, in numbers: what its requests and answers are compared with.

A reference is a small file among the model's own, so the digest that is pinned covers it. It has
bins and how many rows of training fell into each, and no row: a value is in it only as the bound
of a bin, as a field's smallest and largest number, or as a category of 20 rows and more.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from stanchion_models.fields import (
    MOST_BINS,
    MOST_CATEGORIES,
    Categories,
    Field,
    Numbers,
    made_from,
)

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE_FILE: Final = "stanchion_reference.json"
"""Its name beside a model's `MLmodel`."""
FORMAT: Final = 1
MOST_INPUTS: Final = 50
"""Features that are watched."""
MOST_OUTPUTS: Final = 16
FEWEST_ROWS: Final = 100
"""Rows of training, below which chance explains any difference."""
_KINDS: Final[dict[str, type[Field]]] = {"numbers": Numbers, "categories": Categories}


class InvalidReferenceError(ValueError):
    """There is no reference in what was given."""


@dataclass(frozen=True)
class Counted:
    """A field with how many rows of training are in each bin."""

    field: Field
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Reference:
    """A model's inputs and outputs in training.

    Attributes:
        rows: How many rows there were.
        inputs: Features by their names in the model's signature; an unnamed array's columns are
            `0`, `1` and so on.
        outputs: Outputs by the names that the server's metrics give them.
    """

    rows: int
    inputs: Mapping[str, Counted]
    outputs: Mapping[str, Counted]

    @classmethod
    def of(cls, features: Any, predictions: Any) -> Reference:
        """Count features and what the model predicts for them.

        Args:
            features: A data frame, or an array of two dimensions, with the rows that the model was
                trained on, or as many of them as stand for all. Leave columns out to have others
                watched: of more than 50, the first 50 are.
            predictions: The model's answers for these rows, as the server would return them: a
                data frame, a series, or an array of one or two dimensions.

        Columns that are neither numbers, text nor booleans are left out.

        Raises:
            InvalidReferenceError: There are fewer than 100 rows, or not as many predictions.
        """
        inputs = dict(_columns(features, "", MOST_INPUTS))
        outputs = dict(_columns(predictions, "output-0", MOST_OUTPUTS))
        rows, answers = len(features), len(predictions)
        if rows < FEWEST_ROWS:
            raise InvalidReferenceError(
                f"{rows} rows are too few to compare with; give {FEWEST_ROWS} or more"
            )
        if answers != rows:
            raise InvalidReferenceError(
                f"{answers} predictions are not those of {rows} rows; predict for the same rows"
            )
        return cls(rows, _counted(inputs), _counted(outputs))

    def text(self) -> str:
        """The reference as its file has it."""

        def plain(fields: Mapping[str, Counted]) -> dict[str, Any]:
            return {
                name: {
                    "kind": next(k for k, made in _KINDS.items() if isinstance(each.field, made)),
                    **asdict(each.field),
                    "counts": each.counts,
                }
                for name, each in fields.items()
            }

        sides = {"inputs": plain(self.inputs), "outputs": plain(self.outputs)}
        return json.dumps({"format": FORMAT, "rows": self.rows, **sides}) + "\n"


def read_reference(folder: Path) -> Reference | None:
    """The reference among a model's files; None where none was logged.

    Raises:
        InvalidReferenceError: It is damaged, larger than a reference can be, or of a later format.
    """
    path = folder / REFERENCE_FILE
    if not path.is_file():
        return None
    try:
        written = json.loads(path.read_text("utf-8"))
        if written["format"] != FORMAT:
            raise InvalidReferenceError(
                f"format {written['format']} is not {FORMAT}, which is read"
            )
        inputs, outputs = (
            {name: _read(**entry) for name, entry in written[side].items()}
            for side in ("inputs", "outputs")
        )
        rows = int(written["rows"])
        if rows < FEWEST_ROWS or len(inputs) > MOST_INPUTS or len(outputs) > MOST_OUTPUTS:
            raise InvalidReferenceError(
                f"{rows} rows, {len(inputs)} inputs, {len(outputs)} outputs"
            )
        return Reference(rows, inputs, outputs)
    except (KeyError, TypeError, AttributeError, ValueError, OSError) as error:
        raise InvalidReferenceError(f"{REFERENCE_FILE}: {error}") from error


def _read(kind: str, counts: list[int], **about: Any) -> Counted:
    made: Field
    if kind == "numbers":
        edges = tuple(map(float, about["edges"]))
        made = Numbers(edges, float(about["lowest"]), float(about["highest"]))
        sound = len(edges) < MOST_BINS and list(edges) == sorted(set(edges))
    else:
        made = Categories(tuple(map(str, about["values"])))
        sound = kind == "categories" and len(made.values) <= MOST_CATEGORIES
    if not sound or len(counts) != len(made.bins) or min(counts) < 0:
        raise InvalidReferenceError(f"{kind}: {len(counts)} counts do not fit their bins")
    return Counted(made, tuple(map(int, counts)))


def _counted(columns: Mapping[str, Any]) -> dict[str, Counted]:
    found = {}
    for name, values in columns.items():
        made = made_from(values)
        found[name] = Counted(made, tuple(made.count(values)[0].tolist()))
    return found


def _columns(data: Any, name: str, most: int) -> Iterator[tuple[str, Any]]:
    """The columns of what a model takes or returns, with their names in its metrics."""
    if isinstance(data, pd.DataFrame):
        columns = [(str(key), _values(data[key])) for key in data.columns]
    elif isinstance(data, pd.Series):
        columns = [(str(data.name) if data.name is not None else name, _values(data))]
    else:
        array = np.asarray(data)
        if array.ndim == 1:
            columns = [(name or "0", array)]
        else:
            wide = array.shape[1] > 1 or not name
            columns = [
                ((f"{name}[{at}]" if name else str(at)) if wide else name, array[:, at])
                for at in range(array.shape[1])
            ]
    columns = [(key, values) for key, values in columns if _is_told(values)]
    if len(columns) > most:
        warnings.warn(
            f"{len(columns)} columns: the first {most} are watched; leave out others to choose",
            stacklevel=4,
        )
    yield from columns[:most]


def _is_told(values: Any) -> bool:
    """Whether they are numbers or categories: not dates, bytes, lists and the like."""
    if values.dtype.kind == "O":
        known = (str, bool, int, float, np.generic, type(None), type(pd.NA))
        return all(isinstance(value, known) for value in values)
    return values.dtype.kind in "biufUT"


def _values(column: pd.Series[Any]) -> Any:
    """A column as an array, of numbers where it holds numbers and missing values."""
    found = column.infer_objects()
    if found.hasnans and is_numeric_dtype(found) and not is_bool_dtype(found):
        return found.to_numpy(np.float64, na_value=np.nan)
    return found.to_numpy()
