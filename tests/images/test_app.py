from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.pyfunc.model import PythonModel
from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema
from stanchion_model_server.app import Application
from stanchion_model_server.loading import ServedModel, load_folder
from stanchion_model_server.metrics import Metrics
from stanchion_model_server.service import Service

from .conftest import (
    DIGEST,
    NAMES,
    WIDTH,
    Client,
    save_classifier,
    settings,
    started,
    training_data,
)

INFER = "/v2/models/classifier/infer"
ROW = [0.5, -1.0, 2.0, 0.25]


def predicted(served: ServedModel, data: Any) -> list[Any]:
    """What MLflow itself answers."""
    return list(np.asarray(served.model.predict(data)).tolist())


def tensor(data: list[Any], shape: list[int], datatype: str = "FP64", name: str = "x") -> Any:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def split(*rows: list[Any], columns: list[str] = NAMES) -> Any:
    return {"dataframe_split": {"columns": columns, "data": list(rows)}}


@pytest.fixture
async def client(classifier: ServedModel, monkeypatch: pytest.MonkeyPatch) -> Client:
    return (await started(monkeypatch, classifier))[0]


async def test_both_protocols_give_the_models_own_predictions(
    client: Client, classifier: ServedModel
) -> None:
    frame, _ = training_data()
    rows = frame[:5].to_numpy().tolist()
    expected = predicted(classifier, frame[:5])
    flat = [value for row in rows for value in row]
    columns = [tensor([row[at] for row in rows], [5], name=name) for at, name in enumerate(NAMES)]
    for inputs in ([tensor(flat, [5, WIDTH])], [tensor(rows, [5, WIDTH])], columns, columns[::-1]):
        answer = await client("POST", INFER, {"inputs": inputs, "id": "q1"})
        assert answer.json() == {
            "model_name": "classifier",
            "model_version": "1",
            "id": "q1",
            "outputs": [{"name": "output-0", "shape": [5], "datatype": "INT64", "data": expected}],
        }
    records = [dict(zip(NAMES, row, strict=True)) for row in rows]
    turned = [row[::-1] for row in rows]
    for body in (
        split(*rows),
        split(*turned, columns=NAMES[::-1]),
        {"dataframe_records": records},
        {"instances": records},
        {"inputs": {name: [row[at] for row in rows] for at, name in enumerate(NAMES)}},
    ):
        answer = await client("POST", "/invocations", body)
        assert answer.json() == {"predictions": expected}
    csv = frame[:5].to_csv(index=False).encode()
    answer = await client("POST", "/invocations", csv, content_type="text/csv; charset=utf-8")
    assert answer.json() == {"predictions": expected}


async def test_the_versioned_path_is_the_pinned_version_and_no_other(client: Client) -> None:
    body = {"inputs": [tensor(ROW, [1, WIDTH])]}
    right = await client("POST", "/v2/models/classifier/versions/1/infer", body)
    wrong = await client("POST", "/v2/models/classifier/versions/2/infer", body)
    assert (right.status, wrong.status) == (200, 404)
    assert "version 1" in wrong.json()["error"]


BAD_TENSORS = {
    "a wrong width": ([tensor(ROW[:3], [1, 3])], "x"),
    "no rows": ([tensor([], [0, WIDTH])], "x"),
    "data that does not fill the shape": ([tensor(ROW, [2, WIDTH])], "x"),
    "a negative shape": ([tensor(ROW, [-1, WIDTH])], "x"),
    "an unknown datatype": ([tensor(ROW, [1, WIDTH], "FP8")], "x"),
    "text for numbers": ([tensor(["a"] * 4, [1, WIDTH], "BYTES")], "x"),
    "numbers that are not of the datatype": ([tensor(ROW, [1, WIDTH], "INT64")], "x"),
    "null": ([tensor([1.0, 2.0, None, 3.0], [1, WIDTH])], "x"),
    "a missing column": ([tensor([1.0], [1], name=name) for name in NAMES[:3]], "f3"),
    "an unknown column": ([tensor([1.0], [1], name=name) for name in [*NAMES, "f9"]], "f9"),
    "a column of text": (
        [tensor([1.0], [1], name=n) for n in NAMES[:3]] + [tensor(["x"], [1], "BYTES", "f3")],
        "f3",
    ),
    "columns of several lengths": (
        [tensor([1.0], [1], name=n) for n in NAMES[:3]] + [tensor([1.0] * 2, [2], name="f3")],
        "f3",
    ),
    "a wide column": (
        [tensor([1.0], [1], name=n) for n in NAMES[:3]] + [tensor([1.0] * 2, [1, 2], name="f3")],
        "f3",
    ),
}


@pytest.mark.parametrize("what", BAD_TENSORS)
async def test_v2_refuses_what_the_signature_does_not_allow_and_names_the_input(
    client: Client, what: str
) -> None:
    inputs, field = BAD_TENSORS[what]
    answer = await client("POST", INFER, {"inputs": inputs})
    assert answer.status == 422, answer.json()
    assert answer.json()["fields"] == [field]
    assert field in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (split([1.0, 2.0, 3.0], columns=NAMES[:3]), "f3"),
        (split([1.0, 2.0, 3.0, "many"]), "f3"),
        ({"dataframe_records": [{"f0": 1.0, "f1": 1.0, "f2": 1.0}]}, "f3"),
    ],
)
async def test_invocations_refuses_it_too(client: Client, body: Any, field: str) -> None:
    answer = await client("POST", "/invocations", body)
    assert answer.status == 422
    assert answer.json()["fields"] == [field]


async def test_values_that_only_the_model_refuses_are_the_clients_fault(client: Client) -> None:
    answer = await client("POST", "/invocations", split([1.0, 2.0, None, 3.0]))
    assert answer.status == 422
    assert "NaN" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (INFER, b"{"), (INFER, b"[]"), (INFER, b""), (INFER, b"\xff"), (INFER, b'{"inputs":[]}'),
        (INFER, b'{"inputs":[{"name":"x"}]}'), ("/invocations", b"{"), ("/invocations", b""),
        ("/invocations", b"[1]"), ("/invocations", b"\xff"), ("/invocations", b"{}"),
        ("/invocations", b'{"inputs":[],"instances":[]}'), ("/invocations", b'{"data":[[1]]}'),
    ],
)  # fmt: skip
async def test_what_is_no_request_is_400(client: Client, path: str, body: bytes) -> None:
    answer = await client("POST", path, body)
    assert answer.status == 400, answer.json()
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "content_type"),
    [(INFER, "text/csv"), ("/invocations", "image/png"), ("/invocations", None)],
)
async def test_other_content_types_are_415(
    client: Client, path: str, content_type: str | None
) -> None:
    answer = await client("POST", path, b"1", content_type=content_type)
    assert answer.status == 415
    assert "application/json" in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", INFER, 405), ("POST", "/v2/health/ready", 405), ("GET", "/nowhere", 404),
     ("POST", "/v2/models/other/infer", 404)],
)  # fmt: skip
async def test_unknown_paths_and_methods(
    client: Client, method: str, path: str, status: int
) -> None:
    assert (await client(method, path)).status == status


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_beyond_the_limit_is_413_whether_announced_or_not(
    classifier: ServedModel, monkeypatch: pytest.MonkeyPatch, *, announced: bool
) -> None:
    client, _ = await started(monkeypatch, classifier, MAX_BODY_BYTES=1024)
    body = b"x" * 1025
    answer = await client(
        "POST", INFER, body, chunks=None if announced else [body[:600], body[600:]]
    )
    assert answer.status == 413
    assert answer.headers["connection"] == "close"


async def test_a_body_in_many_pieces_is_read_whole(client: Client) -> None:
    body = b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":[1,2,3,4]}]}'
    answer = await client("POST", INFER, chunks=[body[:10], body[10:40], body[40:]])
    assert answer.status == 200


async def test_a_prediction_beyond_the_time_limit_is_504(
    classifier: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, service = await started(monkeypatch, classifier, REQUEST_TIMEOUT_SECONDS=0.05)

    async def slow(_item: Any) -> Any:
        await asyncio.sleep(5)

    monkeypatch.setattr(service, "predict", slow)
    answer = await client("POST", INFER, {"inputs": [tensor(ROW, [1, WIDTH])]})
    assert answer.status == 504
    assert b'outcome="timeout",version="1"} 1.0' in service.metrics.exposition()


async def test_what_breaks_the_model_is_500_and_tells_no_inner_detail(
    classifier: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, service = await started(monkeypatch, classifier)

    async def broken(_item: Any) -> Any:
        raise RuntimeError("the password is 1234")

    monkeypatch.setattr(service, "predict", broken)
    answer = await client("POST", INFER, {"inputs": [tensor(ROW, [1, WIDTH])]})
    assert answer.status == 500
    assert answer.json() == {"error": "the model failed: RuntimeError"}


async def test_until_the_model_is_there_nothing_is_predicted_and_the_reason_is_told() -> None:
    configured = settings()
    service = Service(configured, Metrics(configured))
    service.reason = "the registry does not answer"
    client = Client(Application(service))
    for path in ("/v2/health/ready", "/v2/models/classifier/ready", "/ping", "/health"):
        answer = await client("GET", path)
        assert (answer.status, answer.json()["reason"]) == (503, "the registry does not answer")
    answer = await client("POST", INFER, {"inputs": [tensor(ROW, [1, WIDTH])]})
    assert (answer.status, answer.json()) == (503, {"error": "the registry does not answer"})
    assert (await client("GET", "/v2/health/live")).status == 200
    assert b'model_server_ready{model="classifier",version="1"} 0.0' in service.metrics.exposition()


async def test_draining_is_unready_yet_answers_and_closes_each_connection(
    classifier: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, service = await started(monkeypatch, classifier)
    service.drain()
    assert (await client("GET", "/v2/health/ready")).status == 503
    answer = await client("POST", INFER, {"inputs": [tensor(ROW, [1, WIDTH])]})
    assert (answer.status, answer.headers["connection"]) == (200, "close")


async def test_the_request_id_comes_back_and_is_made_where_none_came(client: Client) -> None:
    body = {"inputs": [tensor(ROW, [1, WIDTH])]}
    given = await client("POST", INFER, body, headers={"x-request-id": "abc-1"})
    made = [(await client("POST", INFER, body)).headers["x-request-id"] for _ in range(2)]
    assert given.headers["x-request-id"] == "abc-1"
    assert made[0] != made[1]
    assert len(made[0]) >= 16


async def test_the_metrics_are_the_ones_that_others_are_told_of(
    classifier: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = await started(monkeypatch, classifier)
    for data in ([ROW], [[None] * 4]):
        await client("POST", "/invocations", split(*data))
    text = (await client("GET", "/metrics")).body.decode()
    for line in (
        'model_server_requests_total{model="classifier",outcome="ok",version="1"} 1.0',
        'model_server_requests_total{model="classifier",outcome="client_error",version="1"} 1.0',
        'model_server_requests_total{model="classifier",outcome="server_error",version="1"} 0.0',
        'model_server_request_duration_seconds_count{model="classifier",outcome="ok",version="1"}'
        " 1.0",
        'model_server_in_flight{model="classifier",version="1"} 0.0',
        'model_server_batch_size_count{model="classifier",version="1"} 1.0',
        'model_server_ready{model="classifier",version="1"} 1.0',
        f'model_server_info{{digest="{DIGEST}",model="classifier",registered_model="classifier",'
        'version="1"} 1.0',
    ):
        assert line in text


async def test_metadata_describes_inputs_and_outputs(client: Client) -> None:
    described = (await client("GET", "/v2/models/classifier")).json()
    assert described["versions"] == ["1"]
    assert described["inputs"] == [{"name": n, "datatype": "FP64", "shape": [-1]} for n in NAMES]
    assert described["outputs"] == [{"name": "output-0", "datatype": "INT64", "shape": [-1]}]
    assert described["parameters"]["digest"] == DIGEST
    assert (await client("GET", "/version")).body.decode() == mlflow.__version__


async def test_a_model_over_arrays_answers_on_both_protocols(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = load_folder(save_classifier(tmp_path / "m", tensor=True), DIGEST)
    client, _ = await started(monkeypatch, served)
    frame, _target = training_data()
    rows = frame[:3].to_numpy()
    expected = predicted(served, rows)
    body = {"inputs": [tensor(rows.ravel().tolist(), [3, WIDTH])]}
    assert (await client("POST", INFER, body)).json()["outputs"][0]["data"] == expected
    answer = await client("POST", "/invocations", {"inputs": rows.tolist()})
    assert answer.json() == {"predictions": expected}
    wrong = await client("POST", "/invocations", {"inputs": rows[:, :3].tolist()})
    assert wrong.status == 422


class Echo(PythonModel):
    """A model of several types, a parameter and several outputs."""

    def predict(
        self,
        context: Any,  # noqa: ARG002 - the signature is MLflow's
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        times = (params or {}).get("times", 1)
        return pd.DataFrame(
            {
                "text": model_input["name"] * times,
                "flag": ~model_input["flag"],
                "sum": model_input["count"] + 1,
            }
        )


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    folder = tmp_path_factory.mktemp("models") / "echo"
    signature = ModelSignature(
        inputs=Schema(
            [ColSpec("string", "name"), ColSpec("boolean", "flag"), ColSpec("long", "count")]
        ),
        params=ParamSchema([ParamSpec("times", "long", 1)]),
    )
    mlflow.pyfunc.save_model(
        str(folder), python_model=Echo(), signature=signature, pip_requirements=["pandas"]
    )
    return load_folder(folder, DIGEST)


async def test_any_pyfunc_is_served_with_columns_of_several_types(
    echo: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = await started(monkeypatch, echo)
    assert not echo.predictor.merges
    inputs = [
        tensor(["a", "b"], [2], "BYTES", "name"),
        tensor([True, False], [2], "BOOL", "flag"),
        tensor([1, 2], [2], "INT32", "count"),
    ]
    outputs = (await client("POST", INFER, {"inputs": inputs})).json()["outputs"]
    assert outputs == [
        {"name": "text", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]},
        {"name": "flag", "shape": [2], "datatype": "BOOL", "data": [False, True]},
        {"name": "sum", "shape": [2], "datatype": "INT64", "data": [2, 3]},
    ]
    body = {"dataframe_records": [{"name": "a", "flag": True, "count": 1}]}
    answer = await client("POST", "/invocations", body)
    assert answer.json() == {"predictions": [{"text": "a", "flag": False, "sum": 2}]}
    tripled = await client("POST", "/invocations", {**body, "params": {"times": 3}})
    assert tripled.json()["predictions"][0]["text"] == "aaa"
    refused = await client("POST", "/invocations", {**body, "params": {"times": "x"}})
    assert refused.status == 422


async def test_whole_floats_fill_integer_columns_and_others_do_not(
    echo: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = await started(monkeypatch, echo)

    async def send(count: float) -> tuple[int, Any]:
        inputs = [
            tensor(["a"], [1], "BYTES", "name"),
            tensor([True], [1], "BOOL", "flag"),
            tensor([count], [1], "FP64", "count"),
        ]
        answer = await client("POST", INFER, {"inputs": inputs})
        return answer.status, answer.json()

    assert (await send(2.0))[0] == 200
    status, body = await send(2.5)
    assert (status, body["fields"]) == (422, ["count"])


async def test_many_requests_at_once_are_merged(
    classifier: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, service = await started(monkeypatch, classifier)
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(40, WIDTH))
    answers = await asyncio.gather(
        *(client("POST", "/invocations", split(row.tolist())) for row in rows)
    )
    answered = [answer.json()["predictions"][0] for answer in answers]
    assert answered == predicted(classifier, pd.DataFrame(rows, columns=NAMES))
    calls = service.metrics.registry.get_sample_value(
        "model_server_batch_size_count", {"model": "classifier", "version": "1"}
    )
    assert calls is not None
    assert calls < 5
