"""What counting for drift adds to the model server's processor time."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Final
from unittest import mock

import mlflow
import msgspec
from mlflow.models import infer_signature
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stanchion_model_server.app import Application
from stanchion_model_server.loading import ServedModel, load_folder
from stanchion_model_server.metrics import Metrics
from stanchion_model_server.service import Service
from stanchion_model_server.settings import Settings
from stanchion_models import REFERENCE_FILE, Reference

WAYS: Final = ("without a reference", "with a reference")
ROUNDS: Final = 5
_DIGEST: Final = "sha256:" + "0" * 64


async def cost(requests: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Processor seconds of rounds of requests to the application and of scrapes, in turn."""
    data = load_breast_cancer(as_frame=True)
    split = {"columns": [*data.data], "data": data.data.head(1).to_numpy().tolist()}
    body = msgspec.json.encode({"dataframe_split": split})
    ways = {}
    with tempfile.TemporaryDirectory(prefix="stanchion-bench-") as scratch:
        for name in WAYS:
            served = _served(data, Path(scratch) / name, watched=name == WAYS[1])
            ways[name] = await _ready(served)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    scrapes: dict[str, list[float]] = {name: [] for name in ways}
    # Its line in the log costs both ways the same.
    with mock.patch("stanchion_serving.logs.AccessLog.add"):
        for at in range(ROUNDS):
            for name in ways if at % 2 else reversed(ways):
                seconds[name].append(await _round(ways[name], body, requests))
                scrapes[name].append(await _scrape(ways[name]))
    return seconds, scrapes


def _served(data: Any, folder: Path, *, watched: bool) -> ServedModel:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(data.data, data.target)
    answers = model.predict(data.data)
    mlflow.sklearn.save_model(
        model,
        str(folder),
        signature=infer_signature(data.data, answers),
        input_example=data.data.head(1),
        serialization_format="cloudpickle",
        pip_requirements=[],
    )
    if watched:
        (folder / REFERENCE_FILE).write_text(Reference.of(data.data, answers).text())
    return load_folder(folder, _DIGEST)


async def _ready(served: ServedModel) -> Application:
    """The server's application around a model that is loaded already."""
    settings = Settings.model_validate(
        {
            "MODEL_NAME": "model",
            "MODEL_VERSION": "1",
            "MODEL_DIGEST": _DIGEST,
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        }
    )
    service = Service(settings, Metrics(settings))
    loads = "stanchion_model_server.service.load_with_retries"
    with mock.patch(loads, lambda *_args, **_options: served):
        await service.start()
    return Application(service)


async def _round(application: Application, body: bytes, requests: int) -> float:
    """Processor seconds of requests, one after the other."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    asked = {"type": "http", "method": "POST", "path": "/invocations", "headers": headers}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200

    started = time.process_time()
    for _ in range(requests):
        await application(asked, receive, send)
    return time.process_time() - started


async def _scrape(application: Application) -> float:
    """Processor seconds of a scrape."""

    async def unused(_message: dict[str, Any] | None = None) -> None: ...

    scrape = {"type": "http", "method": "GET", "path": "/metrics", "headers": []}
    started = time.process_time()
    await application(scrape, unused, unused)
    return time.process_time() - started
