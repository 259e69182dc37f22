"""Rows of Parquet as the server would hold them, had they come as requests.

What is plainly right for the signature becomes an array or columns at once, by the rules of
`InputSignature`. Everything else is written as a request's body and read as one, so that it is
converted and refused as online.
"""

from __future__ import annotations

import base64
import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from mlflow.types.schema import DataType

from stanchion_model_server import invocations
from stanchion_model_server.batch.errors import InputRefusedError
from stanchion_model_server.signature import LARGEST_EXACT, Array, Batchable, Layout, Unmerged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stanchion_model_server.loading import ServedModel


class RowReader:
    """Reads batches of rows for one model.

    Args:
        served: The model.
        schema: The input's columns.
        kept: Columns that are passed on and never asked with, where the model has no names.

    Raises:
        InputRefusedError: The input lacks columns that the model requires.
    """

    def __init__(self, served: ServedModel, schema: pa.Schema, kept: tuple[str, ...]) -> None:
        self._served = served
        signature = self._signature = served.signature
        if signature.schema is None:
            raise InputRefusedError(
                "the model was logged without a signature, so nothing says which columns it takes;"
                " log it with one"
            )
        if missing := [name for name in kept if name not in schema.names]:
            raise InputRefusedError(f"the input has no column {', '.join(missing)} to keep")
        if signature.schema.has_input_names():
            required = {str(name) for name in signature.schema.required_input_names()}
            if missing := sorted(required - set(schema.names)):
                raise InputRefusedError(
                    f"the input has no column {', '.join(missing)}, which the model requires; it"
                    f" has {', '.join(schema.names)}"
                )
            wanted = [str(name) for name in signature.schema.input_names()]
            self.columns = [name for name in wanted if name in schema.names]
        else:
            self.columns = [name for name in schema.names if name not in kept]

    def read(self, batch: pa.RecordBatch) -> Batchable | Unmerged:
        """The rows, as a request for them would be read.

        Raises:
            RequestError: The signature refuses them.
        """
        return self._plain(batch) or self._as_request(batch)

    def _plain(self, batch: pa.RecordBatch) -> Batchable | None:
        """The rows where no conversion could change or refuse one."""
        signature = self._signature
        if signature.layout is Layout.MLFLOW or len(self.columns) != signature.width:
            return None
        columns: dict[str, Any] = {}
        for position, name in enumerate(self.columns):
            kind = signature.types[name] if signature.names else signature.dtype
            values = _values(batch.column(name), kind)
            if values is None:
                return None
            columns[name if signature.names else str(position)] = values
        if signature.layout is Layout.COLUMNS:
            return Batchable(columns, batch.num_rows)
        matrix = np.empty((batch.num_rows, signature.width), signature.dtype)
        for position, values in enumerate(columns.values()):
            matrix[:, position] = values
        return Batchable(matrix, batch.num_rows)

    def _as_request(self, batch: pa.RecordBatch) -> Batchable | Unmerged:
        columns = [batch.column(name).to_pylist() for name in self.columns]
        if self._signature.tensor and self._signature.names:
            payload: dict[str, Any] = {"inputs": dict(zip(self.columns, columns, strict=True))}
        else:
            rows = list(zip(*columns, strict=True))
            split = {"columns": self.columns, "data": rows}
            payload = {"inputs": rows} if self._signature.tensor else {"dataframe_split": split}
        body = json.dumps(payload, default=_as_json).encode()
        reader = self._served.reader
        return reader.read_fast(body) or reader.read(body, invocations.JSON)


def _values(column: pa.Array, kind: Any) -> Array | list[Any] | None:
    """A column that holds exactly what `kind` takes, or None where that remains to be seen."""
    if column.null_count:
        return None
    if kind == DataType.string:
        text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        values: list[Any] = column.to_pylist() if text else []
        return values if text else None
    if kind == DataType.boolean:
        return _array(column) if pa.types.is_boolean(column.type) else None
    return _numbers(column, np.dtype(kind.to_numpy() if isinstance(kind, DataType) else kind))


def _numbers(column: pa.Array, wanted: np.dtype[Any]) -> Array | None:
    whole = pa.types.is_integer(column.type)
    if wanted.kind == "i":
        try:
            return _array(pc.cast(column, pa.from_numpy_dtype(wanted))) if whole else None
        except pa.ArrowInvalid:
            return None
    if not whole and not (pa.types.is_float32(column.type) or pa.types.is_float64(column.type)):
        return None
    values = _array(column)
    # The bounds of the signature's own fast path; a float that is no number fails both.
    if (whole or wanted == np.float32) and not np.all(
        np.abs(values.astype(np.float64)) < LARGEST_EXACT
    ):
        return None
    return values if whole or np.isfinite(values).all() else None


def _array(column: pa.Array) -> Array:
    values: Array = column.to_numpy(zero_copy_only=False)
    return values


def _as_json(value: Any) -> Any:
    """What JSON has no form for, as clients of MLflow's protocol write it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.encodebytes(value).decode("ascii")
    return str(value)


def halves(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The two halves of a batch, each with where it begins."""
    middle = batch.num_rows // 2
    yield 0, batch.slice(0, middle)
    yield middle, batch.slice(middle)
