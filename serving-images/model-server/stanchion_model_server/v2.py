"""Open Inference Protocol V2: reading `infer` requests, writing their responses, metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd
from mlflow.types.schema import ColSpec, DataType, TensorSpec

from stanchion_model_server.errors import malformed, mismatch
from stanchion_model_server.signature import Array, Batchable, InputSignature, Layout, Unmerged
from stanchion_model_server.tensors import (
    COLUMN_TYPES,
    DATATYPES,
    Tensor,
    as_array,
    as_column,
    as_dtype,
    as_whole,
    elements,
    unfit,
)

if TYPE_CHECKING:
    from mlflow.models import ModelSignature


class InferRequest(msgspec.Struct):
    """The body of `POST /v2/models/<name>/infer`."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[dict[str, Any]] | None = None


_decode_request = msgspec.json.Decoder(InferRequest).decode


@dataclass(frozen=True)
class Parsed:
    """A checked request."""

    rows: Batchable | Unmerged
    id: str | None


def read(body: bytes, signature: InputSignature) -> Parsed:
    """Read and check a request against the model's signature.

    A model over columns takes one tensor per column, of shape `[n]` or `[n, 1]`, or a single
    `[n, columns]` tensor in the signature's order. Numbers are converted where nothing is lost:
    any integer or float to a float column, floats that are whole to an integer column.

    Raises:
        RequestError: 400 for a body that is no such request, 422 with the input named for one
            that the signature refuses.
    """
    try:
        request = _decode_request(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise malformed(f"the body is not an inference request: {error}") from None
    tensors = request.inputs
    if not tensors:
        raise malformed("`inputs` is empty")
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise malformed("two inputs have the same name")
    if signature.layout is Layout.MATRIX and len(tensors) == 1 and _is_matrix(tensors[0]):
        return Parsed(_matrix(tensors[0], signature), request.id)
    if signature.layout is Layout.MLFLOW or signature.tensor:
        return Parsed(_unmerged(tensors, signature), request.id)
    return Parsed(_columns(tensors, signature), request.id)


def _is_matrix(tensor: Tensor) -> bool:
    return len(tensor.shape) == 2


def _matrix(tensor: Tensor, signature: InputSignature) -> Batchable:
    """The one-tensor form for a model whose columns have one type."""
    rows, width = tensor.shape
    if width != signature.width or rows < 1:
        names = ", ".join(signature.names) or f"{signature.width} features"
        raise mismatch(
            f"input {tensor.name}: shape {tensor.shape} is not [n, {signature.width}]"
            f" with n of 1 or more; the model takes {names}",
            tensor.name,
        )
    assert signature.dtype is not None  # noqa: S101 - the matrix layout has one
    if signature.dtype.kind == "f":
        if tensor.datatype in ("BOOL", "BYTES"):
            raise unfit(tensor, str(signature.dtype))
        return Batchable(as_array(tensor, signature.dtype), rows)
    return Batchable(as_whole(as_array(tensor), tensor, signature.dtype), rows)


def _columns(tensors: list[Tensor], signature: InputSignature) -> Batchable | Unmerged:
    """One tensor per column, or one matrix over columns of several types."""
    if len(tensors) == 1 and _is_matrix(tensors[0]) and signature.width == tensors[0].shape[1]:
        tensor = tensors[0]
        if tensor.name not in signature.names or signature.width > 1:
            parts = as_array(tensor).T
            given = {
                name: _column(part, tensor, name, signature)
                for name, part in zip(signature.names, parts, strict=True)
            }
            return _joined(given, signature)
    by_name = {tensor.name: tensor for tensor in tensors}
    assert signature.schema is not None  # noqa: S101 - a column layout comes from one
    required = [str(name) for name in signature.schema.required_input_names()]
    missing = [name for name in required if name not in by_name]
    if missing:
        raise mismatch(
            f"inputs {', '.join(missing)} are missing; the model takes"
            f" {', '.join(signature.names)}",
            *missing,
        )
    unknown = [name for name in by_name if name not in signature.names]
    if unknown:
        raise mismatch(
            f"inputs {', '.join(unknown)} are not in the model's signature, which has"
            f" {', '.join(signature.names)}",
            *unknown,
        )
    columns = {}
    for name in signature.names:
        if name in by_name:
            tensor = by_name[name]
            if len(tensor.shape) not in (1, 2) or (len(tensor.shape) == 2 and tensor.shape[1] != 1):
                raise mismatch(f"input {name}: shape {tensor.shape} is not [n] or [n, 1]", name)
            columns[name] = _column(as_array(tensor).reshape(-1), tensor, name, signature)
    return _joined(columns, signature)


def _column(values: Array, tensor: Tensor, name: str, signature: InputSignature) -> Array:
    """`values` as the signature's column `name`."""
    kind = signature.types[name]
    same_kind = {DataType.string: "BYTES", DataType.boolean: "BOOL"}.get(kind)
    if same_kind is None:
        if tensor.datatype not in ("BOOL", "BYTES"):
            dtype = kind.to_numpy()
            return (
                values.astype(dtype) if dtype.kind == "f" else as_whole(values, tensor, dtype, name)
            )
    elif tensor.datatype == same_kind:
        return values
    raise unfit(tensor, f"column {name} of type {kind.name}", name)


def _joined(columns: dict[str, Array], signature: InputSignature) -> Batchable | Unmerged:
    counts = {name: len(values) for name, values in columns.items()}
    count = next(iter(counts.values()))
    uneven = [name for name, rows in counts.items() if rows != count]
    if uneven or count < 1:
        first = next(iter(counts))
        raise mismatch(
            f"inputs must have the same number of rows, 1 or more: {first} has {count}"
            + "".join(f", {name} has {counts[name]}" for name in uneven),
            *(uneven or [first]),
        )
    if len(columns) < signature.width:  # optional ones left out: MLflow knows what that means
        return Unmerged(
            signature.frame({name: values.tolist() for name, values in columns.items()}),
            None,
            count,
        )
    if signature.layout is Layout.MATRIX:
        return Batchable(np.column_stack(list(columns.values())), count)
    return Batchable({name: values.tolist() for name, values in columns.items()}, count)


def _unmerged(tensors: list[Tensor], signature: InputSignature) -> Unmerged:
    """Inputs for a model that MLflow itself must check."""
    count = tensors[0].shape[0] if tensors[0].shape else 1
    if signature.schema is None:
        return Unmerged(_unchecked(tensors), None, count)
    if signature.tensor:
        return Unmerged(_tensors(tensors, signature), None, count)
    columns: dict[str, Any] = {}
    for tensor in tensors:
        kind = signature.types.get(tensor.name)
        if kind not in (*COLUMN_TYPES, DataType.string, DataType.datetime, DataType.binary):
            raise mismatch(
                f"input {tensor.name}: its type in the model's signature is {kind}, which"
                " this protocol cannot carry; use /invocations",
                tensor.name,
            )
        columns[tensor.name] = as_column(elements(tensor), tensor, kind)
    if len({len(values) for values in columns.values()}) != 1:
        raise mismatch("inputs must have the same number of rows", *columns)
    return Unmerged(pd.DataFrame(columns), None, count)


def _unchecked(tensors: list[Tensor]) -> Any:
    """What a model without a signature is given: the array, or a data frame of columns."""
    arrays = {tensor.name: as_array(tensor) for tensor in tensors}
    if len(tensors) == 1:
        return next(iter(arrays.values()))
    wide = [tensor.name for tensor in tensors if len(tensor.shape) != 1]
    if wide:
        raise mismatch(f"inputs {', '.join(wide)}: of several inputs each is [n]", *wide)
    return pd.DataFrame(arrays)


def _tensors(tensors: list[Tensor], signature: InputSignature) -> Any:
    """What a model over tensors is given: the array, or arrays by name."""
    typed = {tensor.name: as_dtype(tensor, _dtype(tensor, signature)) for tensor in tensors}
    if not signature.names:
        if len(tensors) != 1:
            raise mismatch("the model takes a single tensor", *typed)
        return next(iter(typed.values()))
    missing = [name for name in signature.names if name not in typed]
    if missing:
        raise mismatch(f"inputs {', '.join(missing)} are missing", *missing)
    return typed


def _dtype(tensor: Tensor, signature: InputSignature) -> Any:
    """The type that the signature has for this tensor."""
    assert signature.schema is not None  # noqa: S101 - asked only with a schema
    if not signature.names:
        return signature.schema.inputs[0].type
    if tensor.name not in signature.types:
        raise mismatch(
            f"input {tensor.name} is not in the model's signature, which has"
            f" {', '.join(signature.names)}",
            tensor.name,
        )
    return signature.types[tensor.name]


def write(result: Any, request_id: str | None, head: bytes, output_name: str) -> bytes:
    """A prediction as a response body; `head` is what `response_head` made for this model."""
    outputs = b",".join(_output(name, values) for name, values in _named(result, output_name))
    id_part = b"" if request_id is None else b'"id":' + msgspec.json.encode(request_id) + b","
    return head + id_part + b'"outputs":[' + outputs + b"]}"


def response_head(name: str, version: str) -> bytes:
    """The part of every response of one model that never changes."""
    return msgspec.json.encode({"model_name": name, "model_version": version})[:-1] + b","


def _named(result: Any, output_name: str) -> list[tuple[str, Any]]:
    if isinstance(result, pd.DataFrame):
        return [(str(name), result[name].to_numpy()) for name in result.columns]
    if isinstance(result, dict):
        return [(str(name), np.atleast_1d(values)) for name, values in result.items()]
    return [(output_name, np.atleast_1d(result))]


def _output(name: str, values: Array) -> bytes:
    datatype = DATATYPES.get(values.dtype)
    flat = values.ravel().tolist()
    if datatype is None:
        datatype, flat = "BYTES", [v if isinstance(v, str) else str(v) for v in flat]
    return msgspec.json.encode(
        {"name": name, "shape": list(values.shape), "datatype": datatype, "data": flat}
    )


def metadata(name: str, version: str, signature: ModelSignature | None) -> dict[str, Any]:
    """The answer to `GET /v2/models/<name>`."""
    inputs = signature.inputs if signature is not None else None
    outputs = signature.outputs if signature is not None else None
    return {
        "name": name,
        "versions": [version],
        "platform": "mlflow_pyfunc",
        "inputs": [_described(spec, at) for at, spec in enumerate(inputs.inputs if inputs else [])],
        "outputs": [
            _described(spec, at, "output")
            for at, spec in enumerate(outputs.inputs if outputs else [])
        ],
    }


def _described(spec: Any, position: int, prefix: str = "input") -> dict[str, Any]:
    name = spec.name or f"{prefix}-{position}"
    if isinstance(spec, TensorSpec):
        datatype = DATATYPES.get(np.dtype(spec.type), "BYTES")
        return {"name": name, "datatype": datatype, "shape": list(spec.shape)}
    assert isinstance(spec, ColSpec)  # noqa: S101 - a schema holds nothing else
    kind = COLUMN_TYPES.get(spec.type, "BYTES") if isinstance(spec.type, DataType) else "BYTES"
    return {"name": name, "datatype": kind, "shape": [-1]}
