from __future__ import annotations

import json
from typing import Any

import pytest
from stanchion_cli.models.signature import incompatibilities


def _signature(inputs: list[Any], outputs: list[Any] | None = None) -> dict[str, str]:
    return {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs or [{"type": "long"}])}


def _column(name: str, kind: str = "double", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "required": True, **more}


def test_the_same_signature_is_compatible() -> None:
    signature = _signature([_column("a"), _column("b", "string")])
    assert incompatibilities(signature, signature) == []


def test_a_candidate_may_stop_reading_an_input() -> None:
    assert (
        incompatibilities(_signature([_column("a"), _column("b")]), _signature([_column("a")]))
        == []
    )


def test_a_candidate_may_add_an_optional_input() -> None:
    new = _signature([_column("a"), _column("b", required=False)])
    assert incompatibilities(_signature([_column("a")]), new) == []


def test_a_candidate_may_widen_an_input() -> None:
    assert incompatibilities(_signature([_column("a", "long")]), _signature([_column("a")])) == []


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ([_column("a"), _column("c")], "input 'c' is required now"),
        ([_column("a", "string")], "input 'a' was double and is string now"),
        ([_column("a", "float")], "input 'a' was double and is float now"),
    ],
)
def test_an_input_that_callers_do_not_send_is_a_break(new: list[Any], says: str) -> None:
    assert says in incompatibilities(_signature([_column("a")]), _signature(new))[0]


def test_an_optional_input_that_becomes_required_is_a_break() -> None:
    old = _signature([_column("a", required=False)])
    assert "optional" in incompatibilities(old, _signature([_column("a")]))[0]


def test_a_changed_or_missing_output_is_a_break() -> None:
    old = _signature([_column("a")], [_column("label", "long"), _column("score")])
    new = _signature([_column("a")], [_column("label", "string")])
    assert incompatibilities(old, new) == [
        "output 'label' was long and is string now",
        "output 'score' is gone",
    ]


def test_the_batch_dimension_of_a_tensor_does_not_count() -> None:
    def tensor(shape: list[int]) -> dict[str, str]:
        spec = {"dtype": "float64", "shape": shape}
        return _signature([{"type": "tensor", "tensor-spec": spec}])

    assert incompatibilities(tensor([-1, 30]), tensor([64, 30])) == []
    assert "tensor" in incompatibilities(tensor([-1, 30]), tensor([-1, 31]))[0]
