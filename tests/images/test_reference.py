"""A model's training reference: bins and shares, no rows, covered by the digest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.artifacts import download_artifacts
from stanchion_models import (
    REFERENCE_FILE,
    InvalidReferenceError,
    Reference,
    Registry,
    RegistryError,
    artifact_digest,
    read_reference,
    register,
)
from stanchion_models.fields import FEWEST_ROWS_A_BIN, MOST_CATEGORIES, Categories, Numbers
from stanchion_models.reference import MOST_INPUTS

from .conftest import Store, save_classifier, training_data

ROWS = 1000


def one(values: Any) -> Any:
    """The reference of a single feature."""
    frame = pd.DataFrame({"x": values})
    return Reference.of(frame, np.zeros(len(frame), dtype=int)).inputs["x"]


def test_numbers_get_bins_of_equal_shares_and_their_range() -> None:
    values = np.random.default_rng(1).normal(size=ROWS)
    found = one(values)
    assert found.counts == (100,) * 10 + (0,)
    assert (found.field.lowest, found.field.highest) == (values.min(), values.max())
    assert len(found.field.bins) == len(set(found.field.bins)) == 11


@pytest.mark.parametrize("rows", [100, 119, 150, 5000])
def test_no_bin_of_numbers_has_few_rows(rows: int) -> None:
    values = np.random.default_rng(2).normal(size=rows)
    assert min(one(values).counts[:-1]) >= FEWEST_ROWS_A_BIN - 1


def test_equal_numbers_share_a_bin_and_none_is_empty() -> None:
    found = one([0.0] * 700 + [1.0] * 300)
    assert found.field == Numbers((0.0,), 0.0, 1.0)
    assert found.counts == (700, 300, 0)


def test_missing_values_are_a_bin_of_their_own() -> None:
    for values in ([1.5] * 60 + [np.nan] * 40, pd.array([1] * 60 + [None] * 40, "Int64")):
        assert one(values).counts == (60, 40)
    assert one(pd.Series(["a"] * 60 + [None] * 40)).counts == (60, 0, 40)
    assert one([np.nan] * 100).counts == (0, 100)


def test_rare_categories_have_no_bin_and_no_trace() -> None:
    found = one(["red"] * 90 + [f"rare {number}" for number in range(10)])
    assert found.field == Categories(("red",))
    assert found.counts == (90, 10, 0)


def test_categories_are_capped() -> None:
    found = one([f"v{number}" for number in range(100)] * FEWEST_ROWS_A_BIN)
    assert len(found.field.values) == MOST_CATEGORIES
    assert sum(found.counts) == 100 * FEWEST_ROWS_A_BIN


def test_a_category_named_as_a_bin_of_ours_is_told_apart() -> None:
    found = one(["other"] * 60 + ["missing"] * 40)
    assert found.field.bins == ('"missing"', '"other"', "other", "missing")
    assert found.counts == (40, 60, 0, 0)


def test_few_whole_numbers_and_booleans_are_categories() -> None:
    assert one([0] * 50 + [1] * 50).field == Categories(("0", "1"))
    assert one([True] * 50 + [False] * 50).field == Categories(("false", "true"))
    assert isinstance(one(range(100)).field, Numbers)


def test_training_and_serving_are_counted_by_the_same_bins() -> None:
    field = one([float(number) for number in range(200)]).field
    counts, beyond = field.count([-1.0, 0.0, 19.0, 20.0, 1e9, float("inf"), None])
    assert (counts[0], counts[-2], counts[-1], beyond) == (3, 2, 1, 3)
    whole = Categories(("1", "2"))
    assert whole.count(np.array([1.0, 2.0, 3.0, np.nan]))[0].tolist() == [1, 1, 1, 1]


def test_outputs_are_named_as_the_servers_metrics_name_them() -> None:
    rows = np.zeros((100, 2))
    assert [*Reference.of(rows, np.zeros(100)).inputs] == ["0", "1"]
    assert [*Reference.of(rows, np.zeros(100)).outputs] == ["output-0"]
    assert [*Reference.of(rows, np.zeros((100, 2))).outputs] == ["output-0[0]", "output-0[1]"]
    assert [*Reference.of(rows, pd.Series(np.zeros(100), name="y")).outputs] == ["y"]
    assert [*Reference.of(rows, pd.DataFrame({"p": np.zeros(100)})).outputs] == ["p"]


def test_too_few_rows_or_predictions_of_others_are_refused() -> None:
    with pytest.raises(InvalidReferenceError, match="99 rows are too few"):
        Reference.of(np.zeros((99, 1)), np.zeros(99))
    with pytest.raises(InvalidReferenceError, match="90 predictions are not those of 100 rows"):
        Reference.of(np.zeros((100, 1)), np.zeros(90))


def test_features_beyond_the_cap_are_left_out_and_it_is_said() -> None:
    with pytest.warns(UserWarning, match="the first 50 are watched"):
        found = Reference.of(np.zeros((100, MOST_INPUTS + 1)), np.zeros(100))
    assert len(found.inputs) == MOST_INPUTS


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    frame, target = training_data()
    frame["colour"] = ["red", "blue"] * 100
    written = Reference.of(frame, target)
    (tmp_path / REFERENCE_FILE).write_text(written.text())
    assert read_reference(tmp_path) == written
    assert read_reference(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: told.update(format=2),
        lambda told: told.pop("rows"),
        lambda told: told["inputs"]["x"].update(kind="pickle"),
        lambda told: told["inputs"]["x"].update(edges=[2.0, 1.0]),
        lambda told: told["inputs"]["x"]["counts"].pop(),
        lambda told: told["inputs"].update({str(at): told["inputs"]["x"] for at in range(99)}),
    ],
)
def test_a_damaged_one_is_told_apart_from_none(tmp_path: Path, damage: Any) -> None:
    frame = pd.DataFrame({"x": np.arange(100.0)})
    told = json.loads(Reference.of(frame, np.zeros(100)).text())
    damage(told)
    (tmp_path / REFERENCE_FILE).write_text(json.dumps(told))
    with pytest.raises(InvalidReferenceError, match=REFERENCE_FILE):
        read_reference(tmp_path)


def test_registration_puts_it_among_the_files_that_the_digest_covers(
    store: Store, tmp_path: Path
) -> None:
    client = Registry(store.uri).client()
    frame, target = training_data()
    loaded = mlflow.sklearn.load_model(str(save_classifier(tmp_path / "plain")))
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(
            loaded, name="watched", serialization_format="cloudpickle", pip_requirements=[]
        )
    reference = Reference.of(frame, target)
    version = register(logged, "watched", client=client, reference=reference)
    found = client.get_model_version_download_uri("watched", version.version)
    folder = Path(download_artifacts(found, dst_path=str(tmp_path / "found")))
    assert read_reference(folder) == reference
    assert artifact_digest(folder) == version.digest
    assert register(logged, "watched", client=client, reference=reference).digest == version.digest
    with pytest.raises(RegistryError, match="log the model anew"):
        register(logged, "watched", client=client, reference=Reference.of(frame * 2, target))
    # One that was registered without: adding a file would belie that version's digest.
    with pytest.raises(RegistryError, match="log the model anew"):
        register(_of(store), "again", client=client, reference=reference)


def _of(store: Store) -> str:
    return str(Registry(store.uri).client().get_model_version("classifier", "1").source)
