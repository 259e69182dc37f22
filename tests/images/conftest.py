"""Models, registries and servers for the tests of the images: small, real, and on loopback."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from hypothesis import settings as hypothesis_settings
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stanchion_model_server.app import Application
from stanchion_model_server.loading import ServedModel, load_folder
from stanchion_model_server.metrics import Metrics
from stanchion_model_server.service import Service
from stanchion_model_server.settings import Settings
from stanchion_models import ModelVersion, Registry, register

# Training happens inside a uv project here; MLflow would record all of its packages.
os.environ["MLFLOW_UV_AUTO_DETECT"] = "false"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

# A busy machine is no failure; pytest's own time limit holds for each test.
hypothesis_settings.register_profile("images", deadline=None)
hypothesis_settings.load_profile("images")

DIGEST = "sha256:" + "0" * 64
WIDTH = 4
NAMES = [f"f{number}" for number in range(WIDTH)]


def training_data() -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame((rng.normal(size=(200, WIDTH)) * 5), columns=NAMES)
    return frame, (frame.sum(axis=1) > 0).astype(int)


def save_classifier(folder: Path, *, tensor: bool = False, example: bool = True) -> Path:
    """A scaled logistic regression over `WIDTH` columns, or over an array."""
    frame, target = training_data()
    data: Any = frame.to_numpy() if tensor else frame
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(data, target)
    mlflow.sklearn.save_model(
        model,
        str(folder),
        serialization_format="cloudpickle",
        signature=infer_signature(data, model.predict(data)),
        input_example=data[:2] if example else None,
        pip_requirements=["scikit-learn"],
    )
    return folder


@pytest.fixture(scope="session")
def classifier_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_classifier(tmp_path_factory.mktemp("models") / "classifier")


@pytest.fixture(scope="session")
def classifier(classifier_folder: Path) -> ServedModel:
    return load_folder(classifier_folder, DIGEST)


@dataclass(frozen=True)
class Store:
    """A registry in a folder, with one registered model."""

    uri: str
    model: ModelVersion
    artifacts: Path

    def settings(self, **changes: Any) -> Settings:
        values = {
            "MODEL_NAME": self.model.name,
            "MODEL_VERSION": self.model.version,
            "MODEL_DIGEST": self.model.digest,
            "MLFLOW_TRACKING_URI": self.uri,
            **changes,
        }
        return Settings.model_validate(values)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real MLflow registry over SQLite, with version 1 of `classifier` registered in it."""
    root = tmp_path_factory.mktemp("registry")
    uri = f"sqlite:///{root / 'registry.db'}"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    mlflow.create_experiment("tests", artifact_location=str(root / "artifacts"))
    mlflow.set_experiment("tests")
    frame, target = training_data()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, target)
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(
            model,
            name="classifier",
            serialization_format="cloudpickle",
            signature=infer_signature(frame, model.predict(frame)),
            input_example=frame.head(2),
            pip_requirements=["scikit-learn"],
        )
    client = Registry(uri).client()
    version = register(logged, "classifier", client=client)
    yield Store(uri, version, root / "artifacts")
    mlflow.set_tracking_uri(before)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Speaks ASGI to the application, in this process."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = b"",
        *,
        content_type: str | None = "application/json",
        headers: dict[str, str] | None = None,
        chunks: list[bytes] | None = None,
    ) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        parts = [data] if chunks is None else chunks
        sent = {"content-type": content_type, **(headers or {})}
        if chunks is None:
            sent.setdefault("content-length", str(len(data)))
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(k.encode(), v.encode()) for k, v in sent.items() if v is not None],
        }
        messages = [
            {"type": "http.request", "body": part, "more_body": at < len(parts) - 1}
            for at, part in enumerate(parts)
        ]
        answers: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        async def send(message: dict[str, Any]) -> None:
            answers.append(message)

        await self.app(scope, receive, send)
        start, *rest = answers
        return Reply(
            start["status"],
            {k.decode(): v.decode() for k, v in start["headers"]},
            b"".join(part.get("body", b"") for part in rest),
        )


def settings(**changes: Any) -> Settings:
    values = {
        "MODEL_NAME": "classifier",
        "MODEL_VERSION": "1",
        "MODEL_DIGEST": DIGEST,
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        **changes,
    }
    return Settings.model_validate(values)


async def started(
    monkeypatch: pytest.MonkeyPatch, served: ServedModel, **changes: Any
) -> tuple[Client, Service]:
    """A ready service around a model that is loaded already, and a client of it."""
    configured = settings(**changes)
    service = Service(configured, Metrics(configured))
    monkeypatch.setattr(
        "stanchion_model_server.service.load_with_retries", lambda *_args, **_kwargs: served
    )
    await service.start()
    assert service.ready
    return Client(Application(service)), service
