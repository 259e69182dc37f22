"""The model that every server serves: a scaled logistic regression of thirty features."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import joblib
import mlflow
import numpy as np
from mlflow.models import infer_signature
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stanchion_models import Registry, register

NAME: Final = "model"


@dataclass(frozen=True)
class Trained:
    """The model in each form that a server wants, and what it must answer."""

    joblib: Path
    mlflow: Path
    digest: str
    columns: list[str]
    rows: Any
    predictions: list[int]


def train(tracking_uri: str, folder: Path) -> Trained:
    """Train, save for the peers, and register for our server."""
    os.environ["MLFLOW_UV_AUTO_DETECT"] = "false"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    data = load_breast_cancer(as_frame=True)
    features = data.data.rename(columns=lambda name: name.replace(" ", "_"))
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(features, data.target)
    bare = make_pipeline(StandardScaler(), LogisticRegression())
    bare.fit(features.to_numpy(), data.target)  # peers are given arrays, which have no names
    plain = folder / "model.joblib"
    joblib.dump(bare, plain)
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_experiment("benchmark")
    options: dict[str, Any] = {
        "signature": infer_signature(features, model.predict(features)),
        "input_example": features.head(1),
        "serialization_format": "cloudpickle",
        "pip_requirements": [],
    }
    saved = folder / "mlflow"
    mlflow.sklearn.save_model(model, str(saved), **options)
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(model, name=NAME, **options)
    version = register(logged, NAME, client=Registry(tracking_uri).client())
    return Trained(
        plain,
        saved,
        str(version.digest),
        list(features.columns),
        features.to_numpy(),
        np.asarray(model.predict(features)).tolist(),
    )
