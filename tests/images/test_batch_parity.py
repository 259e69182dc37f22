"""Online = batch: what the server answers for a row is what is written for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from mlflow.types.schema import ColSpec, DataType, Schema
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from stanchion_model_server.batch.errors import InputRefusedError
from stanchion_model_server.loading import ServedModel, load_folder

from .conftest import DIGEST, NAMES, Client, save_classifier, started, training_data
from .test_batch import score, scored

Asked = Callable[[pd.DataFrame], dict[str, Any]]
Model = tuple[ServedModel, pd.DataFrame, Asked]


def exact(frame: pd.DataFrame) -> dict[str, Any]:
    """A request's body as clients write it, without any rounding."""
    dates = frame.select_dtypes("datetime")
    frame = frame.assign(**{name: dates[name].map(pd.Timestamp.isoformat) for name in dates})
    data = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return {"dataframe_split": {"columns": list(frame.columns), "data": data}}


def saved(
    folder: Path, model: Any, frame: pd.DataFrame, signature: Any, **options: Any
) -> ServedModel:
    mlflow.sklearn.save_model(
        model,
        str(folder),
        serialization_format="cloudpickle",
        signature=signature,
        input_example=frame.head(2),
        pip_requirements=["scikit-learn"],
        **options,
    )
    return load_folder(folder, DIGEST)


def numbers(folder: Path, count: int) -> Model:
    """Columns of one numeric type: an array."""
    data = pd.DataFrame(np.random.default_rng(1).normal(size=(count, len(NAMES))), columns=NAMES)
    return load_folder(save_classifier(folder), DIGEST), data, exact


def probabilities(folder: Path, count: int) -> Model:
    """Two answers a row."""
    frame, target = training_data()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, target)
    signature = infer_signature(frame, model.predict_proba(frame))
    served = saved(folder, model, frame, signature, pyfunc_predict_fn="predict_proba")
    _, data, _ = numbers(folder / "other", count)
    return served, data, exact


def mixed(folder: Path, count: int) -> Model:
    """Text, whole numbers, booleans and floats, with a transformer that goes by names."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "region": rng.choice(["north", "south", "østre"], count),
            "age": rng.integers(18, 90, count),
            "member": rng.random(count) > 0.5,
            "spent": rng.normal(100, 30, count),
        }
    )
    target = np.where(frame["spent"] > 100, "gold", "tin")
    encode = ColumnTransformer(
        [("text", OneHotEncoder(handle_unknown="ignore"), ["region"])], remainder="passthrough"
    )
    model = make_pipeline(encode, StandardScaler(with_mean=False), LogisticRegression()).fit(
        frame, target
    )
    return saved(folder, model, frame, infer_signature(frame, target)), frame, exact


def gaps(folder: Path, count: int) -> Model:
    """Missing values, which this model knows what to do with."""
    frame, _ = training_data()
    rng = np.random.default_rng(5)
    data = pd.DataFrame(rng.normal(size=(count, len(NAMES))), columns=NAMES)
    data = data.mask(rng.random(data.shape) < 0.02)
    model = HistGradientBoostingRegressor(max_iter=20).fit(frame, frame["f0"])
    return saved(folder, model, frame, infer_signature(frame, frame["f0"])), data, exact


class Weekday(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ARG002
        return model_input["day"].dt.dayofweek + model_input["extra"]


def dates(folder: Path, count: int) -> Model:
    """Dates, which MLflow itself reads and converts."""
    days = pd.date_range("2026-01-01", periods=count, freq="7h")
    frame = pd.DataFrame({"day": days, "extra": np.arange(count) % 3})
    signature = mlflow.models.ModelSignature(
        Schema([ColSpec(DataType.datetime, "day"), ColSpec(DataType.long, "extra")])
    )
    mlflow.pyfunc.save_model(str(folder), python_model=Weekday(), signature=signature)
    return load_folder(folder, DIGEST), frame, exact


def tensor(folder: Path, count: int) -> Model:
    """An array without names."""
    data = pd.DataFrame(np.random.default_rng(1).normal(size=(count, len(NAMES))), columns=NAMES)
    served = load_folder(save_classifier(folder, tensor=True), DIGEST)
    return served, data, lambda frame: {"inputs": frame.to_numpy().tolist()}


async def online(client: Client, asked: Asked, data: pd.DataFrame, size: int) -> list[Any]:
    """What the server answers, in requests of `size` rows."""
    answers: list[Any] = []
    for start in range(0, len(data), size):
        body = asked(data.iloc[start : start + size])
        reply = await client("POST", "/invocations", body)
        assert reply.status == 200, reply.body
        answers += reply.json()["predictions"]
    # A column without a name, as MLflow writes one.
    return [each["0"] if isinstance(each, dict) else each for each in answers]


@pytest.mark.parametrize(
    ("make", "count", "size"),
    [
        (numbers, 10_000, 7),
        (probabilities, 10_000, 50),
        (mixed, 10_000, 50),
        (gaps, 10_000, 50),
        (dates, 1_000, 50),
        (tensor, 10_000, 50),
    ],
)
async def test_what_is_written_is_what_the_server_answers(
    make: Callable[[Path, int], Model],
    count: int,
    size: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served, data, asked = make(tmp_path / "model", count)
    client, _ = await started(monkeypatch, served)
    answers = await online(client, asked, data, size)
    (tmp_path / "in").mkdir()
    data.assign(id=range(count)).to_parquet(tmp_path / "in" / "all.parquet", index=False)
    assert score(tmp_path, served, shards=3, batch_rows=999)["rows"] == count
    found = scored(tmp_path)
    assert found.pop("id").tolist() == list(range(count))
    written = found.iloc[:, 0].tolist() if found.shape[1] == 1 else found.to_numpy().tolist()
    if isinstance(np.asarray(answers).flat[0], np.floating):
        # A sum over a matrix may end in another last digit than one over its part.
        np.testing.assert_allclose(written, answers, rtol=1e-12)
    else:
        assert written == answers


async def test_what_the_server_refuses_is_refused_with_the_same_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, data, asked = mixed(tmp_path / "model", 200)
    spoilt = data.astype({"age": "Int64", "region": object, "member": object})
    spoilt.loc[3, "age"] = None
    spoilt.loc[9, "spent"] = np.nan
    client, _ = await started(monkeypatch, served)
    refused = {}
    for row in range(len(spoilt)):
        reply = await client("POST", "/invocations", asked(spoilt.iloc[row : row + 1]))
        if reply.status != 200:
            assert reply.status == 422
            refused[row] = reply.json()["error"]
    assert refused.keys() == {3, 9}
    (tmp_path / "in").mkdir()
    frame = spoilt.assign(member=data["member"], id=range(len(spoilt)))
    frame.to_parquet(tmp_path / "in" / "all.parquet", index=False)
    score(tmp_path, served, shards=1, refused_share=0.1)
    (file,) = (tmp_path / "out" / "_refused").iterdir()
    written = pd.read_parquet(file)
    assert dict(zip(written["_row"], written["_reason"], strict=True)) == refused


async def test_the_values_of_what_is_refused_are_in_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame({"region": ["north", "south"] * 20})
    encode = OneHotEncoder(handle_unknown="error")
    model = make_pipeline(encode, LogisticRegression()).fit(frame, [0, 1] * 20)
    signature = infer_signature(frame, model.predict(frame))
    served = saved(tmp_path / "model", model, frame, signature)
    spoilt = frame.replace({"region": {"south": "jane@x.org"}}).head(2)

    client, _ = await started(monkeypatch, served)
    reply = await client("POST", "/invocations", exact(spoilt))
    assert reply.status == 422
    assert "jane@x.org" in reply.json()["error"], "the caller is told"
    client.app.access_log.flush()
    logged = capsys.readouterr().out
    assert json.loads(logged.splitlines()[-1])["error"] == "the input is refused (ValueError)"
    assert "jane" not in logged

    (tmp_path / "in").mkdir()
    spoilt.assign(id=range(2)).to_parquet(tmp_path / "in" / "all.parquet", index=False)
    with pytest.raises(InputRefusedError) as failed:
        score(tmp_path, served, shards=1)
    assert "row 1: the input is refused (ValueError); file://" in str(failed.value)
    assert "jane" not in str(failed.value)
    (file,) = (tmp_path / "out" / "_refused").iterdir()
    assert str(file) in str(failed.value)
    assert pd.read_parquet(file)["_reason"].tolist() == [reply.json()["error"]]
