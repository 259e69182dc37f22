"""Requests and answers are counted by the bins of the training reference, and bounded."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.types.schema import ColSpec, Schema, TensorSpec
from prometheus_client.parser import text_string_to_metric_families
from stanchion_model_server.fields import VALUES_A_SECOND, Fields
from stanchion_model_server.loading import ServedModel, load_folder
from stanchion_model_server.signature import Batchable, InputSignature, Unmerged
from stanchion_models import REFERENCE_FILE, Reference

from .conftest import DIGEST, NAMES, WIDTH, Client, save_classifier, started

TRAINING = pd.DataFrame({
    "x": np.arange(1.0, 201.0),
    "colour": ["red", "blue"] * 100,
})  # fmt: skip
REFERENCE = Reference.of(TRAINING, [0] * 100 + [1] * 100)
MIXED = InputSignature(Schema([ColSpec("double", "x"), ColSpec("string", "colour", False)]))
Counts = dict[tuple[str, str], float]


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Counting:
    """What is counted of requests for a model over `x` and `colour`."""

    def __init__(self, reference: Reference = REFERENCE, signature: InputSignature = MIXED) -> None:
        self.clock = Clock()
        self.fields = Fields({"model": "m", "version": "1"}, self.clock)
        self.tallies = self.fields.watch(reference, signature)

    def answered(self, *items: Batchable | Unmerged) -> Counting:
        for item in items:
            self.fields.observe(self.fields.hold(item))
        return self

    def values(self) -> Counts:
        """Values that were counted, by field and bin, where there are any."""
        return self._samples("model_server_field_values_total", "bin")

    def beyond(self) -> float:
        found = self._samples("model_server_field_out_of_range_total", "side")
        return found.get(("x", "input"), 0)

    def _samples(self, name: str, label: str) -> Counts:
        return {
            (sample.labels["field"], sample.labels[label]): sample.value
            for family in self.fields.collect()
            for sample in family.samples
            if sample.name == name and sample.value
        }


def columns(x: list[Any], colour: list[str]) -> Batchable:
    return Batchable({"x": x, "colour": colour}, len(x))


def test_rows_are_counted_in_the_bins_of_training() -> None:
    counting = Counting().answered(columns([1.0, 20.0], ["red", "blue"]), columns([21.0], ["red"]))
    assert counting.values() == {
        ("x", "..20.0"): 2,
        ("x", "20.0..40.0"): 1,
        ("colour", "red"): 2,
        ("colour", "blue"): 1,
    }
    assert counting.beyond() == 0


def test_what_training_did_not_have_is_told() -> None:
    counting = Counting().answered(columns([0.5, 201.0, 200.0], ["green", "red", "red"]))
    assert counting.beyond() == 2
    assert counting.values()["colour", "other"] == 1


def test_missing_values_and_missing_columns_are_missing() -> None:
    frame = pd.DataFrame({"x": [1.0, None]})
    both = pd.DataFrame({"x": [1.0], "colour": [None]})
    values = Counting().answered(Unmerged(frame), Unmerged(both)).values()
    assert (values["x", "missing"], values["x", "..20.0"]) == (1, 2)
    assert values["colour", "missing"] == 3


def test_what_a_model_does_to_its_input_is_not_counted() -> None:
    signature = InputSignature(Schema([TensorSpec(np.dtype("float64"), (-1, 2))]))
    counting = Counting(Reference.of(np.arange(200.0).reshape(100, 2), [0] * 100), signature)
    rows = np.zeros((1, 2))
    held = counting.fields.hold(Batchable(rows, 1))
    rows += 1000
    counting.fields.observe(held)
    assert counting.beyond() == 0
    assert sum(counting.values().values()) == 2


def test_what_cannot_be_told_apart_is_left_out() -> None:
    counting = Counting()
    for odd in ({"x": 1}, "text", None, np.zeros((2, 7)), np.array([["a", "b"]])):
        counting.answered(Unmerged(odd))
    assert counting.values() == {}
    counting.answered(Unmerged(pd.DataFrame({"x": [[1]], "colour": ["red"]})))
    assert counting.values() == {("colour", "red"): 1}


def test_without_a_reference_nothing_is_held() -> None:
    fields = Fields({"model": "m"})
    assert not fields.watch(None, MIXED)
    assert fields.hold(columns([1.0], ["red"])) is None
    fields.observe(None)
    assert not [sample for family in fields.collect() for sample in family.samples]


def test_features_that_the_signature_lacks_are_not_watched() -> None:
    other = InputSignature(Schema([ColSpec("double", "x"), ColSpec("double", "y")]))
    counting = Counting(signature=other).answered(Batchable(np.array([[1.0, 2.0]]), 1))
    assert counting.values() == {("x", "..20.0"): 1}


def test_a_budget_bounds_what_is_counted_and_samples_a_large_request_evenly() -> None:
    counting = Counting()
    rows = 2 * VALUES_A_SECOND
    counting.answered(columns([float(at % 200 + 1) for at in range(rows)], ["red"] * rows))
    counted = sum(times for (field, _), times in counting.values().items() if field == "x")
    assert counted == VALUES_A_SECOND / 2
    shares = [n for (field, _), n in counting.values().items() if field == "x"]
    assert max(shares) - min(shares) <= 1


def test_the_budget_comes_back_with_time_and_is_not_saved_up() -> None:
    counting = Counting()
    second = columns([1.0] * (VALUES_A_SECOND // 2), ["red"] * (VALUES_A_SECOND // 2))
    assert counting.answered(second, second).values()["colour", "red"] == VALUES_A_SECOND / 2
    counting.clock.now += 3600
    assert counting.answered(second, second).values()["colour", "red"] == VALUES_A_SECOND


def _watched(folder: Path) -> ServedModel:
    """A classifier whose reference says that its features were small."""
    saved = save_classifier(folder / "watched")
    small = pd.DataFrame(np.random.default_rng(3).normal(size=(500, WIDTH)), columns=NAMES)
    written = Reference.of(small, np.arange(500) % 2)
    (saved / REFERENCE_FILE).write_text(written.text())
    return load_folder(saved, DIGEST)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    return _watched(tmp_path_factory.mktemp("models"))


async def _exposed(client: Client) -> Counts:
    reply = await client("GET", "/metrics")
    return {
        (sample.labels["field"], sample.labels["bin"]): sample.value
        for family in text_string_to_metric_families(reply.body.decode())
        for sample in family.samples
        if sample.name == "model_server_field_values_total"
    }


async def test_the_server_counts_answered_requests_of_either_protocol_and_their_answers(
    monkeypatch: pytest.MonkeyPatch, watched: ServedModel
) -> None:
    client, _ = await started(monkeypatch, watched)
    tensor = {"name": "x", "shape": [2, WIDTH], "datatype": "FP64", "data": [0.0] * (2 * WIDTH)}
    rows = {"dataframe_split": {"columns": NAMES, "data": [[0.0] * WIDTH]}}
    assert (await client("POST", "/v2/models/classifier/infer", {"inputs": [tensor]})).status == 200
    assert (await client("POST", "/invocations", rows)).status == 200
    csv = ",".join(NAMES) + "\n" + ",".join(["0"] * WIDTH) + "\n"
    told = await client("POST", "/invocations", csv.encode(), content_type="text/csv")
    assert told.status == 200
    found = await _exposed(client)
    for name in (*NAMES, "output-0"):
        assert sum(times for (field, _), times in found.items() if field == name) == 4


async def test_a_refused_request_counts_for_nothing(
    monkeypatch: pytest.MonkeyPatch, watched: ServedModel
) -> None:
    client, _ = await started(monkeypatch, watched)
    wrong = {"dataframe_split": {"columns": NAMES, "data": [["text"] * WIDTH]}}
    assert (await client("POST", "/invocations", wrong)).status == 422
    infinite = {"dataframe_split": {"columns": NAMES, "data": [[None] * WIDTH]}}
    assert (await client("POST", "/invocations", infinite)).status == 422  # the model refuses NaN
    assert not any((await _exposed(client)).values())


async def test_every_bin_is_there_from_the_start_with_its_share_in_training(
    monkeypatch: pytest.MonkeyPatch, watched: ServedModel
) -> None:
    client, _ = await started(monkeypatch, watched)
    assert len(await _exposed(client)) == WIDTH * 11 + 4
    reply = await client("GET", "/metrics")
    ratios: dict[str, float] = {}
    for family in text_string_to_metric_families(reply.body.decode()):
        for sample in family.samples:
            if sample.name == "model_server_field_reference_ratio":
                field = sample.labels["field"]
                ratios[field] = ratios.get(field, 0) + sample.value
    assert ratios == pytest.approx(dict.fromkeys((*NAMES, "output-0"), 1))


def test_a_damaged_reference_is_said_and_the_model_is_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved = save_classifier(tmp_path / "damaged")
    (saved / REFERENCE_FILE).write_text(json.dumps({"format": 99}))
    with caplog.at_level(logging.WARNING, "stanchion_model_server"):
        served = load_folder(saved, DIGEST)
    assert served.reference is None
    assert "no drift is counted" in caplog.messages
