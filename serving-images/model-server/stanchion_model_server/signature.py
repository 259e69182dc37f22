"""A model's input signature, compiled once into what a request can be checked with quickly.

MLflow's own enforcement builds a data frame per request and checks it column by column. Most
requests are plainly right, and for those a typed JSON decoder and a shape comparison decide the
same. Whatever is not plainly right is left to MLflow, so that its semantics hold to the letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from mlflow.types.schema import ColSpec, DataType

if TYPE_CHECKING:
    from mlflow.types.schema import Schema

Array = np.ndarray[Any, np.dtype[Any]]
Rows = Array | dict[str, list[Any]]
"""Checked rows that can be joined with others: one matrix, or one list per column."""

_NUMBERS: Final[dict[Any, np.dtype[Any]]] = {
    DataType.double: np.dtype(np.float64),
    DataType.float: np.dtype(np.float32),
    DataType.long: np.dtype(np.int64),
    DataType.integer: np.dtype(np.int32),
}
_SCALARS: Final[set[Any]] = {*_NUMBERS, DataType.boolean, DataType.string}
LARGEST_EXACT: Final = 2.0**53


class Layout(StrEnum):
    """How the rows of a request are held until the model is called."""

    MATRIX = "matrix"
    """Every input has one numeric type: a two-dimensional array."""
    COLUMNS = "columns"
    """Scalars of several types: a list per column, a data frame per call."""
    MLFLOW = "mlflow"
    """Anything else (nested types, dates, tensors of other ranks, no signature): MLflow reads,
    checks and converts each request, and requests are not merged."""


@dataclass(frozen=True)
class Batchable:
    """Rows that passed the check."""

    rows: Rows
    count: int


@dataclass(frozen=True)
class Unmerged:
    """An input in the form that MLflow's `predict` takes and checks itself."""

    data: Any
    params: dict[str, Any] | None = None
    count: int = 1


class InputSignature:
    """What a model's signature says of its inputs.

    Attributes:
        layout: How rows are held.
        names: The columns, in the signature's order; empty for an unnamed tensor.
        dtype: The matrix's type; None unless the layout is a matrix.
        width: The matrix's columns.
        tensor: Whether the model takes an array and not a data frame.
    """

    def __init__(self, schema: Schema | None) -> None:
        self.schema = schema
        self.layout = Layout.MLFLOW
        self.names: tuple[str, ...] = ()
        self.types: dict[str, Any] = {}
        self.dtype: np.dtype[Any] | None = None
        self.width = 0
        self.tensor = False
        if schema is None:
            return
        specs: list[Any] = schema.inputs
        self.tensor = schema.is_tensor_spec()
        if schema.has_input_names():
            self.names = tuple(str(name) for name in schema.input_names())
            self.types = {str(spec.name): spec.type for spec in specs}
        if self.tensor:
            self._compile_tensor(specs)
        elif self.names and all(isinstance(s, ColSpec) and s.type in _SCALARS for s in specs):
            kinds = {spec.type for spec in specs}
            self.width = len(specs)
            only = next(iter(kinds))
            if len(kinds) == 1 and only in _NUMBERS:
                self.layout, self.dtype = Layout.MATRIX, _NUMBERS[only]
            else:
                self.layout = Layout.COLUMNS

    def _compile_tensor(self, specs: list[Any]) -> None:
        spec = specs[0]
        if len(specs) != 1 or self.names or len(spec.shape) != 2:
            return
        if spec.shape[0] != -1 or spec.shape[1] < 1 or spec.type not in _NUMBERS.values():
            return
        self.layout, self.dtype, self.width = Layout.MATRIX, np.dtype(spec.type), spec.shape[1]

    def matrix(self, values: list[Any]) -> Array | None:
        """Checked JSON rows as a matrix, or None where only MLflow can say what they are.

        `values` holds rows of numbers of the right JSON kind already; width, range and precision
        remain to be seen.
        """
        try:
            made = np.array(values, dtype=self.dtype)
        except (ValueError, OverflowError, TypeError):
            return None
        if made.ndim != 2 or made.shape[1] != self.width or made.shape[0] == 0:
            return None
        if self.dtype == np.float32 and not np.abs(made).max() < LARGEST_EXACT:
            return None  # rounding twice, as MLflow does for whole numbers, may differ from once
        return made

    def columns(
        self, rows: list[list[Any]], order: list[int] | None
    ) -> dict[str, list[Any]] | None:
        """Checked JSON rows as columns in the signature's order, or None to leave it to MLflow."""
        if not rows or any(len(row) != self.width for row in rows):
            return None
        turned = list(zip(*rows, strict=True))
        made: dict[str, list[Any]] = {}
        for position, name in enumerate(self.names):
            column = turned[order[position] if order else position]
            if not _plain(column, self.types[name]):
                return None
            made[name] = list(column)
        return made

    def frame(self, columns: dict[str, list[Any]]) -> pd.DataFrame:
        """The data frame that MLflow's own reading would have made of these columns."""
        return pd.DataFrame(
            {
                name: pd.Series(
                    values,
                    dtype=None
                    if self.types[name] == DataType.string
                    else self.types[name].to_numpy(),
                )
                for name, values in columns.items()
            }
        )


def _plain(column: tuple[Any, ...], kind: DataType) -> bool:
    """Whether every value is what JSON has for `kind`, so that no conversion could change it."""
    if kind == DataType.string:
        return all(type(value) is str for value in column)
    if kind == DataType.boolean:
        return all(type(value) is bool for value in column)
    if kind in (DataType.long, DataType.integer):
        limit = 1 << (63 if kind == DataType.long else 31)
        return all(type(value) is int and -limit <= value < limit for value in column)
    # A float column reads whole numbers too; beyond 2**53 the two ways of rounding may differ.
    return all(
        type(value) is float or (type(value) is int and abs(value) < LARGEST_EXACT)
        for value in column
    ) and (kind == DataType.double or all(abs(value) < LARGEST_EXACT for value in column))
