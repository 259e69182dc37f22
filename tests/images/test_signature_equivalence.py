"""The fast path decides nothing on its own: what it accepts, MLflow accepts, as the same data."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature, validate_schema
from mlflow.models.utils import _enforce_schema
from mlflow.types.schema import ColSpec, DataType, Schema, TensorSpec
from stanchion_model_server.errors import RequestError
from stanchion_model_server.invocations import JSON, InvocationsReader, from_mlflow
from stanchion_model_server.signature import Batchable, InputSignature, Layout

SCHEMAS = {
    "doubles": Schema([ColSpec("double", "a"), ColSpec("double", "b")]),
    "floats": Schema([ColSpec("float", "a"), ColSpec("float", "b")]),
    "longs": Schema([ColSpec("long", "a"), ColSpec("long", "b")]),
    "integers": Schema([ColSpec("integer", "a"), ColSpec("integer", "b")]),
    "mixed": Schema(
        [
            ColSpec("double", "a"),
            ColSpec("string", "b"),
            ColSpec("boolean", "c"),
            ColSpec("long", "d"),
            ColSpec("float", "e"),
            ColSpec("integer", "f"),
        ]
    ),
    "optional": Schema([ColSpec("double", "a"), ColSpec("double", "b", required=False)]),
    "tensor": Schema([TensorSpec(np.dtype("float64"), (-1, 2))]),
    "whole tensor": Schema([TensorSpec(np.dtype("int32"), (-1, 2))]),
}
NUMBER = (
    st.integers(-(2**70), 2**70)
    | st.integers(-3, 3)
    | st.floats(allow_nan=True, allow_infinity=True)
)
TEXT = st.text(max_size=3) | st.sampled_from(["1", "1.5", "true", ""])
CELL = NUMBER | TEXT | st.booleans() | st.none()
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    DataType.double: NUMBER,
    DataType.float: NUMBER,
    DataType.long: st.integers(-(2**63) - 1, 2**63),
    DataType.integer: st.integers(-(2**31) - 1, 2**31),
    DataType.string: TEXT,
    DataType.boolean: st.booleans(),
}


@st.composite
def payloads(draw: Any, schema: Schema) -> Any:
    """Requests that are mostly right: right columns and types, and now and then something off."""
    tensor = schema.is_tensor_spec()
    names = ["a", "b"] if tensor else [str(name) for name in schema.input_names()]
    kinds = [None] * 2 if tensor else list(schema.input_types())
    rows = draw(st.integers(0, 3))
    off = draw(st.booleans())

    def cell(kind: Any) -> Any:
        expected = BY_TYPE.get(kind, NUMBER)
        return draw(expected | CELL if off else expected)

    data = [[cell(kind) for kind in kinds] for _ in range(rows)]
    if off and data and draw(st.booleans()):
        data[0] = data[0][:-1] if draw(st.booleans()) else [*data[0], 1.0]
    order = draw(st.permutations(range(len(names))))
    if not off:
        names = [names[at] for at in order]
        data = [[row[at] for at in order] for row in data]
    elif draw(st.booleans()):
        names = [*names[:-1], draw(st.sampled_from(["z", "a", ""]))]
    records = [dict(zip(names, row, strict=False)) for row in data]
    return draw(
        st.sampled_from(
            [
                {"dataframe_split": {"columns": names, "data": data}},
                {"dataframe_split": {"columns": names, "data": data, "index": list(range(rows))}},
                {"dataframe_split": {"data": data}},
                {"dataframe_records": records},
                {"inputs": data},
                {"instances": data},
                {"inputs": records},
                {"instances": records, "dataframe_split": {"columns": names, "data": data}},
            ]
        )
    )


def reader_of(schema: Schema) -> InvocationsReader:
    return InvocationsReader(InputSignature(schema), Model(signature=ModelSignature(inputs=schema)))


def by_mlflow(reader: InvocationsReader, schema: Schema, body: bytes) -> Any:
    """What reaches the model when MLflow alone reads and checks a request."""
    return _enforce_schema(reader.read(body, JSON).data, schema)


def as_model_input(signature: InputSignature, item: Batchable) -> Any:
    if isinstance(item.rows, dict):
        return signature.frame(item.rows)
    if signature.tensor:
        return item.rows
    return pd.DataFrame(item.rows, columns=list(signature.names))


@pytest.mark.parametrize("name", SCHEMAS)
@given(data=st.data())
def test_what_the_fast_path_accepts_mlflow_accepts_as_the_same_data(
    name: str, data: st.DataObject
) -> None:
    schema = SCHEMAS[name]
    reader, signature = reader_of(schema), InputSignature(schema)
    body = json.dumps(data.draw(payloads(schema))).encode()
    item = reader.read_fast(body)
    if item is None:
        return
    expected = by_mlflow(reader, schema, body)
    actual = as_model_input(signature, item)
    assert item.count == len(expected)
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(actual, expected)
        assert actual.dtype == expected.dtype
    else:
        pd.testing.assert_frame_equal(
            actual.reset_index(drop=True),
            expected.reset_index(drop=True),
            check_exact=True,
            check_column_type=False,
        )


@pytest.mark.parametrize("name", [name for name in SCHEMAS if "tensor" not in name])
def test_a_plain_request_takes_the_fast_path(name: str) -> None:
    """Guards the test above: a fast path that never accepts would pass it."""
    schema = SCHEMAS[name]
    examples: dict[Any, Any] = {
        DataType.double: 1.5, DataType.float: 2, DataType.long: 3, DataType.integer: 4,
        DataType.string: "x", DataType.boolean: True,
    }  # fmt: skip
    row = {str(s.name): examples[s.type] for s in schema.inputs if isinstance(s, ColSpec)}
    turned = dict(reversed(row.items()))
    reader = reader_of(schema)
    for body in (
        {"dataframe_records": [row, row]},
        {"dataframe_records": [turned]},
        {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}},
        {"dataframe_split": {"columns": list(turned), "data": [list(turned.values())]}},
    ):
        assert reader.read_fast(json.dumps(body).encode()) is not None


@pytest.mark.parametrize("key", ["inputs", "instances"])
@pytest.mark.parametrize("name", ["tensor", "whole tensor"])
def test_a_plain_array_takes_the_fast_path(name: str, key: str) -> None:
    assert reader_of(SCHEMAS[name]).read_fast(json.dumps({key: [[1, 2]]}).encode()) is not None


def test_layouts_follow_the_signature() -> None:
    expected = {"mixed": Layout.COLUMNS}
    assert {name: InputSignature(schema).layout for name, schema in SCHEMAS.items()} == {
        name: expected.get(name, Layout.MATRIX) for name in SCHEMAS
    }
    dates = Schema([ColSpec("datetime", "a")])
    assert InputSignature(dates).layout is InputSignature(None).layout is Layout.MLFLOW


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"dataframe_split": {"columns": ["a"], "data": [[1.0]]}}, "b"),
        ({"dataframe_split": {"columns": ["a", "b"], "data": [[1.0, "x"]]}}, "b"),
        ({"dataframe_records": [{"a": "x", "b": 1.0}]}, "a"),
        ({"inputs": {"a": [1.0]}}, "b"),
    ],
)
def test_mlflows_refusal_names_the_field(payload: dict[str, Any], field: str) -> None:
    """The field is read from MLflow's message: a release that rewords it fails here."""
    schema = SCHEMAS["doubles"]
    reader = reader_of(schema)
    with pytest.raises(RequestError) as caught:
        try:
            validate_schema(reader.read(json.dumps(payload).encode(), JSON).data, schema)
        except MlflowException as error:
            raise from_mlflow(error) from None
    refusal = caught.value
    assert (refusal.status, refusal.fields) == (422, (field,))
