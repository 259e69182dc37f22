"""Metrics of what a model predicts, by which a shift of its answers can be seen.

Everything is bounded, whatever the model says: so many outputs, so many values of each. The sums
are counters, so that they may be added over replicas and survive restarts under `rate`; a sum of
values of both signs would go up and down, hence one for each sign.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from mlflow.types.schema import ColSpec, DataType, TensorSpec
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlflow.types.schema import Schema

    from stanchion_model_server.fields import Tally
    from stanchion_model_server.signature import Array

MOST_OUTPUTS: Final = 16
MOST_VALUES: Final = 32
"""Values of an output that are told apart; the rest are counted together."""
LONGEST_VALUE: Final = 64
"""Characters of a value that has a series of its own: text that a model writes is no category."""
LARGEST: Final = 1e100
"""Numbers beyond it are not added up: their squares would soon be infinite, and stay so."""
OTHER: Final = "other"
POSITIVE, NEGATIVE = "positive", "negative"

_AT_ONCE: Final = 512
"""Answers that are counted together, unless somebody looks before."""
_MOST_ROWS: Final = 4096
"""Rows of answers at which they are counted, however few."""

_NOTHING: Final[Mapping[str, Tally]] = MappingProxyType({})
_NUMBERS: Final = {DataType.double, DataType.float}
_CATEGORIES: Final = {DataType.string, DataType.boolean, DataType.integer, DataType.long}


class _Source(NamedTuple):
    """Where an output's values are in what the model returns.

    Attributes:
        name: The output, as metrics name it.
        key: The column or tensor.
        column: The column of a tensor of several, else None.
        position: The column, where the model returns all of them as one matrix.
    """

    name: str
    key: str
    column: int | None
    position: int


class _Categories:
    """Counts the values of an output that is text, a boolean or a whole number."""

    def __init__(self, *, boolean: bool) -> None:
        self._boolean = boolean
        self._counts: dict[Any, int] = {}
        self._other = 0

    def add(self, values: Array) -> None:
        listed = values.tolist()
        for value, times in Counter(listed).items() if len(listed) > 1 else ((listed[0], 1),):
            if value in self._counts:
                self._counts[value] += times
            else:
                self._first(value, times)

    def _first(self, value: Any, times: int) -> None:
        known = None if value != value else value  # noqa: PLR0124 - NaN, which equals nothing
        long = isinstance(known, str) and len(known) > LONGEST_VALUE
        if known not in self._counts and (long or len(self._counts) == MOST_VALUES):
            self._other += times
        else:
            self._counts[known] = self._counts.get(known, 0) + times

    def counts(self) -> Iterator[tuple[str, int]]:
        """Each value as JSON writes it, and how often it was predicted."""
        told: Counter[str] = Counter()
        for value, times in self._counts.items():
            told[self._text(value)] += times
        told[OTHER] += self._other
        yield from told.items()

    def _text(self, value: Any) -> str:
        if value is None:
            return "null"
        if self._boolean:
            return "true" if value else "false"
        whole = isinstance(value, float) and value.is_integer()
        return str(int(value) if whole else value)


class _Numbers:
    """Adds up an output of floating numbers."""

    def __init__(self) -> None:
        self.count = self.unusable = 0
        self.positive = self.negative = self.squares = 0.0

    def add(self, values: Array) -> None:
        if values.dtype.kind in "OUS":
            values = _floats(values)
        if len(values) == 1:  # most requests are for one row, and numpy takes longer for one
            value = float(values[0])
            if -LARGEST <= value <= LARGEST:
                self.count += 1
                self.positive += max(value, 0.0)
                self.negative += max(-value, 0.0)
                self.squares += value * value
            else:
                self.unusable += 1
            return
        numbers = np.asarray(values, dtype=np.float64)
        usable = numbers[np.abs(numbers) <= LARGEST]
        self.count += len(usable)
        self.unusable += len(numbers) - len(usable)
        self.positive += float(usable[usable > 0].sum())
        self.negative -= float(usable[usable < 0].sum())
        self.squares += float(usable @ usable)


class Outputs(Collector):
    """Counts the predictions that were answered; for one thread, which is the event loop's.

    Outputs are those of the model's signature, the columns of a two-dimensional tensor each for
    itself (`output-0[1]`): the first `MOST_OUTPUTS` that are text, booleans or numbers. Without a
    signature there are none.

    Args:
        of_model: The labels of every series.
    """

    def __init__(self, of_model: Mapping[str, str]) -> None:
        self._labels, self._model = [*of_model, "output"], [*of_model.values()]
        self._categories: dict[_Source, _Categories] = {}
        self._numbers: dict[_Source, _Numbers] = {}
        self._watched: list[tuple[_Source, _Categories | _Numbers | Tally]] = []
        self._width = 0
        self._waiting: list[Any] = []
        self._rows = 0

    def watch(self, schema: Schema | None, tallies: Mapping[str, Tally] = _NOTHING) -> None:
        """Look at the outputs of a signature from now on, and give those with a tally to it."""
        for source, kind in _sources(schema):
            self._width += 1
            if source.name in tallies:
                self._watched.append((source, tallies[source.name]))
            if len(self._categories) + len(self._numbers) == MOST_OUTPUTS:
                continue
            if kind in _NUMBERS or _kind(kind) == "f":
                self._numbers[source] = _Numbers()
                self._watched.append((source, self._numbers[source]))
            elif kind in _CATEGORIES or _kind(kind) in "biuUO":
                boolean = kind == DataType.boolean or _kind(kind) == "b"
                self._categories[source] = _Categories(boolean=boolean)
                self._watched.append((source, self._categories[source]))

    def observe(self, result: Any) -> None:
        """Count one answer; what does not look as the signature says is left out.

        It is put aside and counted with others, before anybody looks: counting each on its own
        would take as long as some models do.
        """
        if not self._watched:
            return
        try:
            # A copy, since a model may use its array again; frames and dictionaries are made anew.
            kept = result if isinstance(result, pd.DataFrame | dict) else np.array(result, ndmin=1)
        except Exception:  # noqa: BLE001 - whatever it is, it was answered
            return
        self._waiting.append(kept)
        self._rows += len(kept)
        if len(self._waiting) >= _AT_ONCE or self._rows >= _MOST_ROWS:
            self._count()

    def _count(self) -> None:
        waiting, self._waiting, self._rows = self._waiting, [], 0
        for _, alike in groupby(waiting, key=form):
            for together in joined([*alike]):
                for source, output in self._watched:
                    try:
                        values = self._values(source, together)
                        if values is not None and len(values):
                            output.add(values)
                    except Exception:  # noqa: BLE001, S112 - an object for text, say
                        continue

    def _values(self, source: _Source, result: Any) -> Array | None:
        """An output's values, one for each row."""
        if isinstance(result, pd.DataFrame | dict):
            if source.key not in result:
                return None
            found, column = np.atleast_1d(np.asarray(result[source.key])), source.column
        else:
            found, column = result, source.position
            if found.ndim == 2 and found.shape[1] != self._width:
                return None
        if found.ndim == 2:
            values: Array = found[:, column or 0]
            return values
        return found if found.ndim == 1 and (self._width == 1 or column is None) else None

    def collect(self) -> Iterable[CounterMetricFamily]:
        """The metrics as they are now."""
        self._count()
        predictions = self._family(
            "model_server_predictions",
            "Answered predictions of an output that is text, a boolean or a whole number,"
            " by value.",
            "value",
        )
        for source, categories in self._categories.items():
            for value, times in categories.counts():
                predictions.add_metric([*self._model, source.name, value], times)
        yield predictions
        values = self._family(
            "model_server_prediction_values",
            "Answered predictions of a floating output that were added up.",
        )
        sums = self._family(
            "model_server_prediction_value_sum",
            "Sum of a floating output's values of one sign, without the sign.",
            "sign",
        )
        squares = self._family(
            "model_server_prediction_value_squares", "Sum of a floating output's squared values."
        )
        unusable = self._family(
            "model_server_prediction_values_unusable",
            "Answered predictions of a floating output that were no number, infinite or beyond"
            " 1e100, and are in no sum.",
        )
        for source, numbers in self._numbers.items():
            labels = [*self._model, source.name]
            values.add_metric(labels, numbers.count)
            sums.add_metric([*labels, POSITIVE], numbers.positive)
            sums.add_metric([*labels, NEGATIVE], numbers.negative)
            squares.add_metric(labels, numbers.squares)
            unusable.add_metric(labels, numbers.unusable)
        yield from (values, sums, squares, unusable)

    def _family(self, name: str, says: str, *more: str) -> CounterMetricFamily:
        return CounterMetricFamily(name, says, labels=[*self._labels, *more])


def _floats(values: Array) -> Array:
    """Numbers of an array with anything in it; NaN for null, and for what is none."""
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([_float(value) for value in values.tolist()])


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def form(result: Any) -> Any:
    """What results that can be joined have in common."""
    if isinstance(result, pd.DataFrame):
        return tuple(result.columns)
    return "named" if isinstance(result, dict) else (result.dtype.kind, result.shape[1:])


def joined(results: list[Any]) -> list[Any]:
    """Results of one form as one, where they can be joined."""
    if len(results) == 1 or isinstance(results[0], dict):
        return results
    try:
        if isinstance(results[0], pd.DataFrame):
            return [pd.concat(results, ignore_index=True)]
        return [np.concatenate(results)]
    except (TypeError, ValueError):
        return results


def _sources(schema: Schema | None) -> Iterator[tuple[_Source, Any]]:
    """Each column that a model returns, with its type in the signature."""
    position = 0
    specs: list[Any] = schema.inputs if schema is not None else []
    for at, spec in enumerate(specs):
        key = str(spec.name) if spec.name is not None else f"output-{at}"
        wide = isinstance(spec, TensorSpec) and len(spec.shape) == 2 and spec.shape[1] > 1
        for column in range(spec.shape[1]) if wide else (None,):
            name = key if column is None else f"{key}[{column}]"
            yield _Source(name, key, column, position), _type(spec)
            position += 1


def _type(spec: Any) -> Any:
    """A column's type; None for what is neither a column nor one or two dimensions of numbers."""
    if isinstance(spec, TensorSpec):
        return np.dtype(spec.type) if len(spec.shape) <= 2 else None
    scalar = isinstance(spec, ColSpec) and isinstance(spec.type, DataType)
    return spec.type if scalar else None


def _kind(kind: Any) -> str:
    return kind.kind if isinstance(kind, np.dtype) else " "
