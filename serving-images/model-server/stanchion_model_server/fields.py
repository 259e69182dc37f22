"""Counts the values of requests and answers in the bins of the model's training reference.

Only counts leave this process. What they say of drift is worked out by whoever adds them up over
replicas and time; nothing here looks at a window or decides anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from stanchion_model_server.outputs import form, joined
from stanchion_model_server.signature import Batchable, InputSignature, Unmerged

if TYPE_CHECKING:
    from stanchion_models import Reference
    from stanchion_models.reference import Counted

    from stanchion_model_server.signature import Array

INPUT, OUTPUT = "input", "output"
VALUES_A_SECOND: Final = 50_000
"""Values of requests that are counted; rows beyond are left out, evenly within a request."""
_VALUES_AT_ONCE: Final = 16_384
"""Values at which waiting requests are counted: about a millisecond."""
_AT_ONCE: Final = 512
"""Requests that wait at most."""


class Tally:
    """How many values of one field fell into each bin."""

    def __init__(self, training: Counted) -> None:
        self.training = training
        self.counts: Array = np.zeros(len(training.counts), dtype=np.int64)
        self.out_of_range = 0

    def add(self, values: Array | list[Any]) -> None:
        """Count some.

        Raises:
            ValueError: One is no number where the field has numbers.
            TypeError: Likewise.
        """
        counts, beyond = self.training.field.count(values)
        self.counts += counts
        self.out_of_range += beyond


class Fields(Collector):
    """Counts the rows of requests that were answered; for one thread, the event loop's.

    Bounded whatever comes: the fields and bins are the reference's, and a budget of values a
    second bounds the time that counting takes. Fields that a request does not have, or has in
    another type, are left out of it.

    Args:
        of_model: The labels of every series.
        clock: Seconds that only grow.
    """

    def __init__(
        self, of_model: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._labels, self._model = [*of_model], [*of_model.values()]
        self._clock = clock
        self._rows = self._width = 0
        self._inputs: list[tuple[str, int, Tally]] = []
        self._outputs: dict[str, Tally] = {}
        self._waiting: list[Any] = []
        self._waiting_values = 0
        self._budget, self._filled = float(VALUES_A_SECOND), clock()

    def watch(self, reference: Reference | None, signature: InputSignature) -> Mapping[str, Tally]:
        """Count by a reference from now on.

        Returns:
            What is to be given the outputs' values, by their names.
        """
        if reference is None:
            return {}
        names = signature.names or tuple(map(str, range(signature.width)))
        self._rows, self._width = reference.rows, len(names)
        self._inputs = [
            (name, names.index(name), Tally(training))
            for name, training in reference.inputs.items()
            if name in names
        ]
        self._outputs = {name: Tally(each) for name, each in reference.outputs.items()}
        return self._outputs

    def hold(self, item: Batchable | Unmerged) -> Any:
        """What of a request is to be counted once it is answered; None: nothing.

        Arrays and frames are copied: a model may write into the one that it is given.
        """
        if not self._inputs:
            return None
        rows: Any = item.rows if isinstance(item, Batchable) else item.data
        many = item.count if isinstance(item, Batchable) else self._rows_of(rows)
        every = self._every(many)
        if not every:
            return None
        if isinstance(rows, dict):
            return rows if every == 1 else {name: each[::every] for name, each in rows.items()}
        if isinstance(rows, pd.DataFrame):
            return rows.iloc[::every].copy()
        return rows[::every].copy()

    def _rows_of(self, data: Any) -> int:
        """Rows in an input that MLflow has read; 0 where they are not told apart here."""
        if isinstance(data, np.ndarray):
            return len(data) if data.shape[1:] == (self._width,) and data.dtype.kind in "iuf" else 0
        return len(data) if isinstance(data, pd.DataFrame) else 0

    def _every(self, rows: int) -> int:
        """Of how many rows one is counted, so that the budget lasts; 0: none is."""
        now, values = self._clock(), rows * len(self._inputs)
        earned = (now - self._filled) * VALUES_A_SECOND
        self._budget, self._filled = min(self._budget + earned, VALUES_A_SECOND), now
        if not values or self._budget < len(self._inputs):
            return 0
        every = max(1, int(-(-values // self._budget)))
        self._budget -= values / every
        return every

    def observe(self, held: Any) -> None:
        """Count what was held of an answered request, with others or before anybody looks."""
        if held is None:
            return
        self._waiting.append(held)
        rows = len(next(iter(held.values()))) if isinstance(held, dict) else len(held)
        self._waiting_values += rows * len(self._inputs)
        if self._waiting_values >= _VALUES_AT_ONCE or len(self._waiting) >= _AT_ONCE:
            self._count()

    def _count(self) -> None:
        waiting, self._waiting, self._waiting_values = self._waiting, [], 0
        for _, alike in groupby(waiting, key=form):
            pieces = [*alike]
            if isinstance(pieces[0], dict):
                for name, _, tally in self._inputs:
                    _add(tally, [*chain.from_iterable(each[name] for each in pieces)])
                continue
            for rows in joined(pieces):
                for name, position, tally in self._inputs:
                    _add(tally, _column(rows, name, position))

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """The metrics as they are now."""
        self._count()
        of_field = [*self._labels, "side", "field"]
        values = CounterMetricFamily(
            "model_server_field_values",
            "Values of answered requests (input) and of answers (output), by the bin of the"
            " training reference.",
            labels=[*of_field, "bin"],
        )
        beyond = CounterMetricFamily(
            "model_server_field_out_of_range",
            "Values below the smallest or above the largest of the training reference.",
            labels=of_field,
        )
        ratio = GaugeMetricFamily(
            "model_server_field_reference_ratio",
            "Share of the training reference's values in a bin, 0 to 1.",
            labels=[*of_field, "bin"],
        )
        rows = GaugeMetricFamily(
            "model_server_field_reference_rows",
            "Rows of the training reference.",
            labels=self._labels,
        )
        for side, name, tally in self._tallies():
            labels = [*self._model, side, name]
            beyond.add_metric(labels, tally.out_of_range)
            training = tally.training
            told = zip(training.field.bins, tally.counts.tolist(), training.counts, strict=True)
            for each, times, trained in told:
                values.add_metric([*labels, each], times)
                ratio.add_metric([*labels, each], trained / self._rows)
        if self._rows:
            rows.add_metric(self._model, self._rows)
        yield from (values, beyond, ratio, rows)

    def _tallies(self) -> Iterator[tuple[str, str, Tally]]:
        for name, _, tally in self._inputs:
            yield INPUT, name, tally
        for name, tally in self._outputs.items():
            yield OUTPUT, name, tally


def _column(rows: Array | pd.DataFrame, name: str, position: int) -> Array | list[Any]:
    """A feature's values; what a request may leave out is missing."""
    if isinstance(rows, pd.DataFrame):
        return rows[name].tolist() if name in rows else [None] * len(rows)
    column: Array = rows[:, position]
    return column


def _add(tally: Tally, values: Array | list[Any]) -> None:
    try:
        tally.add(values)
    except Exception:  # noqa: BLE001 - text for a number, or no value: it was answered all the same
        return
