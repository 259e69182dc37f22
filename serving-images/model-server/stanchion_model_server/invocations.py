"""MLflow's scoring protocol: `POST /invocations`, as JSON or CSV."""

from __future__ import annotations

import json
import re
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.scoring_server import (
    SUPPORTED_FORMATS,
    _parse_json_data,
    parse_csv_input,
    predictions_to_json,
)

from stanchion_model_server.errors import RequestError, malformed, mismatch
from stanchion_model_server.signature import Batchable, InputSignature, Layout, Unmerged

if TYPE_CHECKING:
    from mlflow.models import Model

JSON: Final = "application/json"
CSV: Final = "text/csv"
_FIELD: Final = re.compile(
    r"column '?(?P<one>.+?)'? (?:to type|is required|from type)"
    r"|types for column (?P<typed>.+?)\. Can not"
    r"|missing inputs (?P<many>\[.*?\])\.",
    re.DOTALL,
)
_REMEMBERED_ORDERS: Final = 64


def _payload(cell: Any) -> type[msgspec.Struct]:
    """The fast path's request: one of the four formats, every value of JSON kind `cell`."""
    split = msgspec.defstruct(
        "Split",
        [("data", list[list[cell]]), ("columns", list[str] | None, None)],
        forbid_unknown_fields=True,
    )
    return msgspec.defstruct(
        "Payload",
        [
            ("dataframe_split", split | None, None),
            ("dataframe_records", list[dict[str, cell]] | None, None),
            ("inputs", list[list[cell]] | None, None),
            ("instances", list[list[cell]] | None, None),
        ],
        forbid_unknown_fields=True,
    )


class InvocationsReader:
    """Reads requests for one model.

    `read_fast` accepts what is plainly right for the signature and nothing else; `read` accepts
    and refuses exactly what MLflow's scoring server does.
    """

    def __init__(self, signature: InputSignature, metadata: Model) -> None:
        self._signature = signature
        self._metadata = metadata
        self._orders: dict[tuple[str, ...], list[int] | None] = {}
        self._decode: Any = None
        if signature.layout is Layout.MATRIX:
            whole = np.issubdtype(signature.dtype, np.integer)
            self._decode = msgspec.json.Decoder(_payload(int if whole else float)).decode
        elif signature.layout is Layout.COLUMNS:
            self._decode = msgspec.json.Decoder(_payload(float | int | str | bool)).decode

    def read_fast(self, body: bytes) -> Batchable | None:  # noqa: PLR0911 - each a way out
        """The checked rows of a plainly right JSON body, or None."""
        if self._decode is None:
            return None
        try:
            payload = self._decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        split, records = payload.dataframe_split, payload.dataframe_records
        if sum(part is not None for part in msgspec.structs.astuple(payload)) != 1:
            return None
        if self._signature.tensor:
            tensor = payload.inputs or payload.instances
            return self._matrix(tensor, None) if tensor else None
        if split is not None and split.columns is not None:
            return self._ordered(tuple(split.columns), split.data)
        if records:
            names = tuple(records[0])
            if all(tuple(record) == names for record in records):
                return self._ordered(names, [list(record.values()) for record in records])
        return None

    def _ordered(self, names: tuple[str, ...], rows: list[list[Any]]) -> Batchable | None:
        """Rows under the header `names`, put into the signature's order."""
        if names == self._signature.names:
            return self._matrix(rows, None)
        if names not in self._orders:
            same = len(names) == len(set(names)) and set(names) == set(self._signature.names)
            order = [names.index(name) for name in self._signature.names] if same else None
            if len(self._orders) < _REMEMBERED_ORDERS:
                self._orders[names] = order
        else:
            order = self._orders[names]
        return None if order is None else self._matrix(rows, order)

    def _matrix(self, rows: list[list[Any]], order: list[int] | None) -> Batchable | None:
        if self._signature.layout is Layout.COLUMNS:
            columns = self._signature.columns(rows, order)
            return None if columns is None else Batchable(columns, len(rows))
        matrix = self._signature.matrix(rows)
        if matrix is None:
            return None
        return Batchable(matrix if order is None else matrix[:, order], len(rows))

    def read(self, body: bytes, media_type: str) -> Unmerged:
        """Read a body as MLflow does, up to the point where `predict` checks the signature.

        Raises:
            RequestError: 400 for a body that cannot be read, 422 for one that the signature
                refuses, with the field named.
        """
        schema = self._signature.schema
        try:
            if media_type == CSV:
                text = body.decode("utf-8")
                frame = parse_csv_input(StringIO(text), schema=schema)  # type: ignore[arg-type]
                return Unmerged(frame, None, len(frame))
            payload = json.loads(body)
            if not isinstance(payload, dict):
                raise malformed(f"the body must be a JSON object with one of {_formats()}")
            parsed = _parse_json_data(  # type: ignore[no-untyped-call]
                payload, self._metadata, schema
            )
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise malformed(f"the body is not {media_type}: {error}") from None
        except MlflowException as error:
            raise from_mlflow(error) from None
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise malformed(f"the body cannot be read as model input: {error}", error) from None
        count = len(parsed.data) if hasattr(parsed.data, "__len__") else 1
        return Unmerged(parsed.data, parsed.params, count)


def from_mlflow(error: MlflowException) -> RequestError:
    """MLflow's refusal as ours: 422 with the fields where the signature was at stake, else 400."""
    message = str(error.message)
    reason = message.rpartition("Error: ")[2] if "Failed to enforce schema" in message else message
    reason = reason.partition(". IMPORTANT:")[0]
    fields: tuple[str, ...] = ()
    found = _FIELD.search(reason)
    if found is not None:
        many = found["many"]
        fields = (
            tuple(re.findall(r"'([^']*)'", many)) if many else (found["one"] or found["typed"],)
        )
    if found is not None or "schema" in message or error.error_code == "INVALID_PARAMETER_VALUE":
        told = f"the input does not match the model's signature: {reason}"
        return mismatch(told, *fields, repeats=error)
    return malformed(reason, error)


def refused_by_model(error: Exception) -> RequestError:
    """What a model raises for values that the signature allows and it does not, such as NaN."""
    return mismatch(f"the model refuses the input: {error}", repeats=error)


def write(result: Any) -> bytes:
    """A prediction as MLflow's response body. NaN and infinity become null, as JSON has neither."""
    if isinstance(result, np.ndarray) and result.dtype.kind in "biufU":
        return b'{"predictions":' + msgspec.json.encode(result.tolist()) + b"}"
    text = StringIO()
    predictions_to_json(result, text)  # type: ignore[no-untyped-call]
    return text.getvalue().encode()


def _formats() -> str:
    return ", ".join(sorted(SUPPORTED_FORMATS))
