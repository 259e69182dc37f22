"""The protocol's tensors: decoding their data, and converting it where nothing is lost."""

from __future__ import annotations

import base64
import binascii
import types
from math import prod
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd
from mlflow.types.schema import DataType

from stanchion_model_server.errors import RequestError, mismatch
from stanchion_model_server.signature import Array

_INTEGERS: Final[dict[str, np.dtype[Any]]] = {
    f"{prefix}INT{bits}": np.dtype(f"{kind}{bits // 8}")
    for prefix, kind in (("", "i"), ("U", "u"))
    for bits in (8, 16, 32, 64)
}
_FLOATS: Final[dict[str, np.dtype[Any]]] = {
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
}
_NUMPY: Final[dict[str, np.dtype[Any]]] = {**_INTEGERS, **_FLOATS, "BOOL": np.dtype(np.bool_)}
DATATYPES: Final = {dtype: name for name, dtype in _NUMPY.items()}
COLUMN_TYPES: Final = {
    DataType.double: "FP64",
    DataType.float: "FP32",
    DataType.long: "INT64",
    DataType.integer: "INT32",
    DataType.boolean: "BOOL",
}
# Protocol datatype -> JSON kind of one element.
_CELL: Final[dict[str, Any]] = {
    **dict.fromkeys(_INTEGERS, int),
    **dict.fromkeys(_FLOATS, float),
    "BOOL": bool,
    "BYTES": str,
}
_FLAT: Final = {
    name: msgspec.json.Decoder(types.GenericAlias(list, cell)).decode
    for name, cell in _CELL.items()
}
_NESTED: Final = {
    name: msgspec.json.Decoder(types.GenericAlias(list, types.GenericAlias(list, cell))).decode
    for name, cell in _CELL.items()
}


class Tensor(msgspec.Struct):
    """One input of a request, its data not yet decoded."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw
    parameters: dict[str, Any] | None = None


def elements(tensor: Tensor) -> list[Any]:
    """The tensor's elements in one flat list, of the JSON kind that its datatype asks for."""
    decode = _FLAT.get(tensor.datatype)
    if decode is None:
        known = ", ".join(_CELL)
        raise mismatch(
            f"input {tensor.name}: datatype {tensor.datatype!r} is none of {known}", tensor.name
        )
    if any(size < 0 for size in tensor.shape):
        raise mismatch(f"input {tensor.name}: shape {tensor.shape} is negative", tensor.name)
    try:
        values: list[Any] = decode(tensor.data)
    except msgspec.MsgspecError as flat_error:
        try:
            values = [value for row in _NESTED[tensor.datatype](tensor.data) for value in row]
        except msgspec.MsgspecError:
            raise mismatch(
                f"input {tensor.name}: data is not a list of {tensor.datatype}: {flat_error}",
                tensor.name,
            ) from None
    if len(values) != prod(tensor.shape):
        raise mismatch(
            f"input {tensor.name}: {len(values)} values do not fill shape {tensor.shape}",
            tensor.name,
        )
    return values


def as_array(tensor: Tensor, dtype: np.dtype[Any] | None = None) -> Array:
    """The tensor as an array of its own datatype, or of `dtype`, in its shape.

    Raises:
        RequestError: 422, where its data is not what it says it is.
    """
    values = elements(tensor)
    made_of: Any = _NUMPY.get(tensor.datatype, object) if dtype is None else dtype
    try:
        return np.array(values, dtype=made_of).reshape(tensor.shape)
    except OverflowError:
        raise mismatch(
            f"input {tensor.name}: a value is out of range for {made_of}", tensor.name
        ) from None


def as_whole(
    values: Array,
    tensor: Tensor,
    dtype: np.dtype[Any],
    column: str | None = None,
) -> Array:
    """`values` as integers of `dtype`, refused where that would change one."""
    if values.dtype.kind not in "iuf":
        raise unfit(tensor, str(dtype))
    with np.errstate(invalid="ignore"):
        converted = values.astype(dtype)
    if not np.array_equal(converted.astype(values.dtype), values):
        raise mismatch(
            f"input {tensor.name}: a value does not fit {dtype} without loss",
            column or tensor.name,
        )
    return converted


def unfit(tensor: Tensor, wanted: str, column: str | None = None) -> RequestError:
    """The refusal of a tensor whose datatype cannot be read as what the signature wants."""
    return mismatch(
        f"input {tensor.name}: datatype {tensor.datatype} cannot be read as {wanted}",
        column or tensor.name,
    )


def as_dtype(tensor: Tensor, dtype: np.dtype[Any]) -> Array:
    """The tensor as an array of a tensor signature's type.

    Raises:
        RequestError: 422, where its datatype cannot become that or a value would change.
    """
    values = as_array(tensor)
    if dtype.kind in "iu":
        return as_whole(values, tensor, dtype)
    if dtype.kind == "f" and values.dtype.kind not in "iuf":
        raise unfit(tensor, str(dtype))
    return values.astype(dtype)


def as_column(values: list[Any], tensor: Tensor, kind: Any) -> Any:
    """A column of dates, bytes or plain scalars, as MLflow's enforcement wants to see it."""
    try:
        if kind == DataType.datetime:
            return pd.to_datetime(pd.Series(values)).astype("datetime64[ns]")
        if kind == DataType.binary:
            return [base64.b64decode(value, validate=True) for value in values]
        if kind in COLUMN_TYPES and kind != DataType.boolean and tensor.datatype != "BYTES":
            return pd.Series(values).astype(kind.to_numpy())
    except (ValueError, TypeError, binascii.Error) as error:
        told = f"input {tensor.name}: not of type {kind.name}: {error}"
        raise mismatch(told, tensor.name, repeats=error) from None
    return values
