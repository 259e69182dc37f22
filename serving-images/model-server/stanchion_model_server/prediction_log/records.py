"""One logged request: taken from it before the model sees it, a table once it is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from stanchion_model_server.batch.answers import answer_columns
from stanchion_model_server.signature import Batchable, Unmerged

if TYPE_CHECKING:
    from stanchion_model_server.prediction_log.redaction import Redaction

MOST_ROWS: Final = 1000
"""Rows of one request that are logged, evenly among all of them."""
INPUT, OUTPUT = "input.", "output."
"""How the names of columns begin."""
_LONGEST_ID: Final = 200


@dataclass(frozen=True, slots=True)
class Taken:
    """What is logged of a request.

    Attributes:
        request_id: Its id, by which a label that comes later finds it.
        time: When it came.
        count: Rows that it has.
        every: Of how many of them one is logged.
        inputs: The logged rows, by column.
    """

    request_id: str
    time: datetime
    count: int
    every: int
    inputs: Mapping[str, Sequence[Any]]

    @property
    def rows(self) -> int:
        """Rows that are logged."""
        return -(-self.count // self.every)


def take(
    item: Batchable | Unmerged, request_id: str, names: Sequence[str], logged: Sequence[str]
) -> Taken | None:
    """Copy what is logged of a request; a model may write into what it is given.

    Args:
        item: The request.
        request_id: Its id.
        names: The model's inputs, in their order.
        logged: Those that are logged.

    Returns:
        None where its rows cannot be told apart.
    """
    rows: Any = item.rows if isinstance(item, Batchable) else item.data
    inputs: dict[str, Sequence[Any]]
    if isinstance(rows, pd.DataFrame):
        count = len(rows)
        every = _every(count)
        inputs = {name: rows[name].iloc[::every].tolist() for name in logged if name in rows}
    elif isinstance(item, Batchable) and isinstance(rows, dict):
        count = item.count
        every = _every(count)
        inputs = {name: rows[name][::every] for name in logged}
    elif isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.shape[1] == len(names):
        count = len(rows)
        every = _every(count)
        places = {name: at for at, name in enumerate(names)}
        inputs = {name: rows[::every, places[name]].copy() for name in logged}  # type: ignore[misc]
    else:
        return None
    if not count:
        return None
    return Taken(request_id[:_LONGEST_ID], datetime.now(UTC), count, every, inputs)


def _every(count: int) -> int:
    return max(1, -(-count // MOST_ROWS))


def kept(result: Any, taken: Taken) -> Any:
    """The answers to the rows that are logged, copied: a model may use its array again.

    Raises:
        ValueError: It is not one answer a row.
        TypeError: Likewise.
    """
    if isinstance(result, pd.DataFrame):
        found: Any = result.iloc[:: taken.every]
    elif isinstance(result, dict):
        found = {name: np.asarray(each)[:: taken.every].copy() for name, each in result.items()}
    else:
        values = np.asarray(result)
        if values.ndim == 0 or len(values) != taken.count:
            raise ValueError("the model's answer is not one a row")
        found = values[:: taken.every].copy()
    return found


def table(taken: Taken, answers: Any, names: Sequence[str], redaction: Redaction) -> pa.Table:
    """The logged rows of a request, with what was answered.

    Args:
        taken: What was asked.
        answers: What `kept` left of the answer.
        names: The model's outputs, where its signature names them.
        redaction: What of it is logged.

    Raises:
        ValueError: Something is not of the type that the signature says, or no answer a row.
        TypeError: Likewise.
    """
    columns: dict[str, pa.Array] = {
        "request_id": pa.array([taken.request_id] * taken.rows, pa.string()),
        "row": pa.array(range(0, taken.count, taken.every), pa.int32()),
        "time": pa.array([taken.time] * taken.rows, pa.timestamp("us", tz="UTC")),
    }
    for name, kind in redaction.inputs.items():
        columns[INPUT + name] = (
            redaction.input(name, taken.inputs[name])
            if name in taken.inputs
            else pa.nulls(taken.rows, kind)
        )
    for name, values in answer_columns(answers, taken.rows, names).items():
        logged = redaction.output(name, values)
        if logged is not None:
            columns[OUTPUT + name] = logged
    return pa.table(columns)
