"""What a model predicts is counted, bounded and only where it was answered."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.types.schema import Array, ColSpec, DataType, Schema, TensorSpec
from prometheus_client.parser import text_string_to_metric_families
from stanchion_model_server import outputs
from stanchion_model_server.loading import ServedModel
from stanchion_model_server.metrics import Metrics
from stanchion_model_server.outputs import LONGEST_VALUE, MOST_OUTPUTS, MOST_VALUES

from .conftest import WIDTH, Client, settings, started, training_data

INFER = "/v2/models/classifier/infer"
Series = dict[tuple[str, ...], float]


def series(exposition: str, name: str, *labels: str) -> Series:
    """The samples of a metric by the values of labels."""
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == f"model_server_prediction{name}_total"
    }


class Watching:
    """Metrics of a model with some outputs."""

    def __init__(self, *specs: Any) -> None:
        self._metrics = Metrics(settings())
        self._metrics.outputs.watch(Schema(list(specs)) if specs else None)

    def __call__(self, *results: Any) -> Watching:
        for result in results:
            self._metrics.outputs.observe(result)
        return self

    def _series(self, name: str, *labels: str) -> Series:
        return series(self._metrics.exposition().decode(), name, *labels)

    def predictions(self) -> Series:
        return self._series("s", "output", "value")

    def sums(self) -> tuple[float, float, float]:
        """Number, sum and sum of squares of the one output."""
        (count,) = self._series("_values", "output").values()
        signed = self._series("_value_sum", "sign")
        (squares,) = self._series("_value_squares", "output").values()
        return count, signed["positive",] - signed["negative",], squares

    def unusable(self) -> list[float]:
        return [*self._series("_values_unusable", "output").values()]


CATEGORIES: dict[str, tuple[Any, Any, dict[str, float]]] = {
    "text": (ColSpec("string"), np.array(["a", "b", "a"], dtype=object), {"a": 2, "b": 1}),
    "booleans": (ColSpec("boolean"), np.array([True, False, True]), {"true": 2, "false": 1}),
    "whole numbers": (ColSpec("long"), np.array([1, 1, 7]), {"1": 2, "7": 1}),
    "whole numbers as floats": (ColSpec("long"), [1.0, math.nan, math.nan], {"1": 1, "null": 2}),
    "a list with nothing in it": (ColSpec("string"), [None, "a"], {"null": 1, "a": 1}),
    "a tensor": (TensorSpec(np.dtype("int64"), (-1,)), np.array([3]), {"3": 1}),
    "a tensor of text": (TensorSpec(np.dtype("str"), (-1,)), np.array(["x", "yy"]), {
        "x": 1, "yy": 1,
    }),
    "a column of one": (TensorSpec(np.dtype("int64"), (-1, 1)), np.array([[3], [3]]), {"3": 2}),
    "a series": (ColSpec("integer"), pd.Series([5]), {"5": 1}),
    "a scalar": (ColSpec("integer"), 5, {"5": 1}),
}  # fmt: skip


@pytest.mark.parametrize("what", CATEGORIES)
def test_categories_are_counted_by_value(what: str) -> None:
    spec, result, counts = CATEGORIES[what]
    found = Watching(spec)(result, result).predictions()
    assert found == {
        ("output-0", value): 2 * times for value, times in {"other": 0, **counts}.items()
    }


def test_values_are_bounded_and_the_rest_is_counted_together() -> None:
    watching = Watching(ColSpec("string"))
    watching([f"v{number}" for number in range(MOST_VALUES + 3)], ["v0", "new"])
    found = watching.predictions()
    assert len(found) == MOST_VALUES + 1
    assert (found["output-0", "v0"], found["output-0", "other"]) == (2, 4)


def test_long_text_gets_no_series_of_its_own() -> None:
    written = "x" * (LONGEST_VALUE + 1)
    assert Watching(ColSpec("string"))([written]).predictions() == {("output-0", "other"): 1}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, object])
def test_mean_and_deviation_can_be_had_from_the_sums(dtype: Any) -> None:
    values = np.array([0.5, -2.0, 3.0, 0.0])
    watching = Watching(ColSpec("double"))
    watching(values.astype(dtype), *[np.array([value], dtype) for value in values])
    count, total, squares = watching.sums()
    assert (count, total / count) == (8, values.mean())
    assert math.sqrt(squares / count - (total / count) ** 2) == pytest.approx(values.std())


def test_no_sum_falls_whatever_the_sign_of_the_values() -> None:
    watching = Watching(ColSpec("double"))
    before = watching([1.0])._series("_value_sum", "sign")
    after = watching([-5.0, 2.0])._series("_value_sum", "sign")
    assert all(after[sign] >= before[sign] for sign in before)
    assert after == {("positive",): 3, ("negative",): 5}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300, None, "text"])
def test_what_is_no_number_is_counted_apart_and_poisons_no_sum(bad: Any) -> None:
    watching = Watching(ColSpec("double"))([bad], [1.0, bad, 2.0])
    assert watching.sums() == (2, 3.0, 5.0)
    assert watching.unusable() == [2]


@pytest.mark.parametrize("bad", ["n/a", {"a": 1}, 10**400], ids=["text", "object", "huge"])
def test_text_in_one_floating_output_of_several_is_counted_as_unusable(bad: Any) -> None:
    named = [ColSpec("double", name) for name in ("price", "share")]
    answers = pd.DataFrame({"price": [1.0, bad, 2.0], "share": [0.5, 0.5, 0.5]})
    one = pd.DataFrame({"price": pd.Series([bad], dtype=object), "share": [0.5]})
    for watching in (Watching(*named)(answers, one), Watching(*named)(one)(answers)):
        assert sorted(watching.unusable()) == [0, 2]
        counted = watching._series("_values", "output")
        assert counted == {("price",): 2, ("share",): 4}


def test_each_column_is_an_output_of_its_own() -> None:
    frame = pd.DataFrame({"price": [1.0, 3.0], "kind": ["a", "a"]})
    watching = Watching(ColSpec("string", "kind"), ColSpec("double", "price"))
    watching(frame, {"kind": np.array(["b"]), "price": np.array([5.0])})
    assert watching.sums() == (3, 9.0, 35.0)
    assert watching.predictions() == {("kind", "a"): 2, ("kind", "b"): 1, ("kind", "other"): 0}
    probabilities = Watching(TensorSpec(np.dtype("float64"), (-1, 2)))(np.array([[0.2, 0.8]]))
    sums = probabilities._series("_value_sum", "output", "sign")
    assert sums["output-0[0]", "positive"] == 0.2
    assert sums["output-0[1]", "positive"] == 0.8


def test_outputs_are_bounded() -> None:
    wide = TensorSpec(np.dtype("int64"), (-1, MOST_OUTPUTS + 5))
    found = Watching(wide)(np.ones((1, MOST_OUTPUTS + 5), dtype=int)).predictions()
    assert len({output for output, value in found if value == "1"}) == MOST_OUTPUTS


@pytest.mark.parametrize(
    "result",
    [np.array(["text"]), np.ones((2, 3)), np.ones((2, 3, 4)), [{"a": 1}], {"b": [1.0]}, [], "x"],
)
def test_an_answer_that_is_not_as_the_signature_says_is_left_out(result: Any) -> None:
    assert Watching(ColSpec("double"))(result, [1.0]).sums() == (1, 1.0, 1.0)
    assert Watching()(result).predictions() == {}
    assert Watching(ColSpec(Array(DataType.double)))(result).predictions() == {}


class Odd:
    """What numpy makes nothing of."""

    def __array__(self, *_args: Any, **_options: Any) -> Any:
        raise RuntimeError("no array")


@pytest.mark.parametrize(
    "result",
    [
        *([[1], [1, 2]], Odd(), {"output-0": Odd()}, np.zeros(1, dtype=[("a", "i4")])),
        pd.DataFrame([[1.0, 2.0]], columns=["output-0", "output-0"]),
    ],
)
def test_no_answer_is_lost_for_what_cannot_be_counted(result: Any) -> None:
    for spec in (ColSpec("double"), ColSpec("string")):
        Watching(spec)(result, np.zeros(1, dtype=[("b", "f4")]), result, result)._series("s")


def test_answers_of_several_forms_are_counted_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "_AT_ONCE", 3)
    watching = Watching(ColSpec("long"))
    watching(np.array([1]), [2], np.array([1.0]), pd.Series([1, 2]), np.array([[2]]))
    assert watching.predictions() == {
        ("output-0", "1"): 3, ("output-0", "2"): 3, ("output-0", "other"): 0,
    }  # fmt: skip


def test_an_array_that_the_model_uses_again_is_counted_as_it_was() -> None:
    watching, array = Watching(ColSpec("long")), np.array([1])
    watching(array)
    array[0] = 2
    assert ("output-0", "1") in watching(array).predictions()


async def test_only_what_was_answered_is_counted(
    classifier: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    client: Client = (await started(monkeypatch, classifier))[0]
    frame, _ = training_data()
    rows = frame[:5].to_numpy()
    body = {"inputs": [{"name": "x", "shape": [5, WIDTH], "datatype": "FP64"}]}
    body["inputs"][0]["data"] = rows.ravel().tolist()
    await client("POST", INFER, body)
    await client("POST", "/invocations", {"dataframe_records": frame[:5].to_dict("records")})
    refused = await client("POST", "/invocations", {"dataframe_records": [{"f0": "text"}]})
    assert refused.status != 200
    monkeypatch.setattr(
        classifier.predictor, "unmerged", lambda _item: (_ for _ in ()).throw(RuntimeError("no"))
    )
    failed = await client(
        "POST", "/invocations", b"f0,f1,f2,f3\n1,2,3,4\n", content_type="text/csv"
    )
    assert failed.status == 500
    exposition = (await client("GET", "/metrics", content_type=None)).body.decode()
    expected = classifier.model.predict(frame[:5])
    found = series(exposition, "s", "value")
    for value, times in zip(*np.unique(expected, return_counts=True), strict=True):
        assert found[str(value),] == 2 * times
    assert sum(found.values()) == 10
