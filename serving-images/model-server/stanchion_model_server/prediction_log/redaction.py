"""What of a request and its answer the prediction log keeps, and in which form.

Numbers, booleans and times are kept unless they are named. Text, and whatever is neither, is left
out unless it is named: it is where names, addresses and messages of people are.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from mlflow.types.schema import ColSpec, DataType

from stanchion_model_server.batch.answers import PREDICTION

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from stanchion_model_server.settings import Redact

_PLAIN: Final[Mapping[Any, pa.DataType]] = {
    DataType.double: pa.float64(),
    DataType.float: pa.float32(),
    DataType.long: pa.int64(),
    DataType.integer: pa.int32(),
    DataType.boolean: pa.bool_(),
    DataType.datetime: pa.timestamp("us"),
}
_HASHED_DIGITS: Final = 32
"""Hexadecimal digits of a hash: 128 bits, enough for no two values to meet."""


class LogRefusedError(ValueError):
    """What the log is told does not fit the model; nothing is logged."""


class Redaction:
    """Which columns of one model are logged, and how.

    Attributes:
        inputs: The inputs that are logged, with the types that they are logged in.
        left_out: Inputs and outputs that are left out because nobody named them.
    """

    def __init__(self, signature: ModelSignature | None, told: Redact, key: bytes) -> None:
        """Work out the columns.

        Args:
            signature: The model's.
            told: What is named.
            key: What hashes are made with.

        Raises:
            LogRefusedError: The model has no signature, or something is to be dropped or hashed
                that it does not have: a misspelt column would be logged as it came.
        """
        if signature is None or signature.inputs is None:
            raise LogRefusedError(
                "the model has no signature, so nobody knows which columns are text; register it "
                "with one"
            )
        self._told, self._key = told, key
        inputs = dict(_columns(signature.inputs.inputs))
        outputs = dict(_columns(signature.outputs.inputs)) if signature.outputs else {}
        answers = {*outputs, PREDICTION, *(f"{PREDICTION}_{at}" for at in range(len(outputs)))}
        unknown = sorted({*told.drop, *told.hash} - {*inputs} - answers)
        if unknown:
            raise LogRefusedError(
                f"the model has no column {', '.join(unknown)} to leave out or hash; its inputs "
                f"are {', '.join(inputs)} and its outputs {', '.join(outputs) or PREDICTION}"
            )
        self._types = {name: kind for name, kind in inputs.items() if self._logged(name, kind)}
        self.inputs = {
            name: pa.string() if kind is None or name in told.hash else kind
            for name, kind in self._types.items()
        }
        self.left_out = sorted(
            {name for name, kind in {**outputs, **inputs}.items() if kind is None} - {*told.named}
        )

    @property
    def about(self) -> dict[str, str]:
        """What is not logged as it came, for the metadata of files: JSON lists of columns."""
        gone = sorted({*self._told.drop, *self.left_out})
        return {"hashed": json.dumps(sorted(self._told.hash)), "left_out": json.dumps(gone)}

    def _logged(self, name: str, kind: pa.DataType | None) -> bool:
        if name in self._told.drop:
            return False
        return kind is not None or name in self._told.hash or name in self._told.keep

    def input(self, name: str, values: Sequence[Any]) -> pa.Array:
        """The values of an input that is logged.

        Raises:
            ValueError: They are not of the input's type.
            TypeError: Likewise.
        """
        kind = self._types[name]
        if kind is None:
            return _written(values, self._hash if name in self._told.hash else _text)
        # Of one type first, or equal numbers would have several hashes.
        typed = pa.array(values, kind, from_pandas=False)
        return _written(typed.to_pylist(), self._hash) if name in self._told.hash else typed

    def output(self, name: str, values: pa.Array) -> pa.Array | None:
        """The values of an output as they are logged; None for one that is not."""
        kind = values.type
        plain = (
            pa.types.is_integer(kind)
            or pa.types.is_floating(kind)
            or pa.types.is_boolean(kind)
            or pa.types.is_temporal(kind)
        )
        if not self._logged(name, kind if plain else None):
            return None
        if name in self._told.hash:
            return _written(values.to_pylist(), self._hash)
        return values if plain else _written(values.to_pylist(), _text)

    def _hash(self, value: Any) -> str:
        made = hmac.new(self._key, _text(value).encode(), hashlib.sha256)
        return made.hexdigest()[:_HASHED_DIGITS]


def _columns(specs: Sequence[Any]) -> list[tuple[str, pa.DataType | None]]:
    """Every column with its type, None for what may hold anything."""
    if len(specs) == 1 and not isinstance(specs[0], ColSpec):
        spec = specs[0]
        kind = _of_tensor(spec)
        if spec.name is not None:
            return [(str(spec.name), kind)]
        if len(spec.shape) == 1:
            return [(PREDICTION, kind)]
        width = spec.shape[1] if len(spec.shape) == 2 else 0
        return [(str(at), kind) for at in range(width)]
    return [
        (
            str(spec.name) if spec.name is not None else PREDICTION,
            _PLAIN.get(spec.type) if isinstance(spec, ColSpec) else _of_tensor(spec),
        )
        for spec in specs
    ]


def _of_tensor(spec: Any) -> pa.DataType | None:
    try:
        return pa.from_numpy_dtype(spec.type) if spec.type.kind in "biuf" else None
    except pa.ArrowNotImplementedError:
        return None


def _written(values: Sequence[Any], how: Callable[[Any], str]) -> pa.Array:
    told = [None if _is_missing(value) else how(value) for value in values]
    return pa.array(told, pa.string())


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return json.dumps(value, default=str)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
