"""Train, evaluate and register the sample model: which of three cultivars a wine comes from.

Runs anywhere that reaches an MLflow server, given in MLFLOW_TRACKING_URI; in a cluster the
user's name and password are files of a mounted Secret (REGISTRY_CREDENTIALS_DIR). The data
set ships with scikit-learn.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stanchion_models import Credentials, Registry, register

MODEL = "wine-cultivar"


def train(regularisation: float, seed: int) -> str:
    """Train and log one model, register it, and return its version."""
    data = load_wine(as_frame=True)
    features = data.data.rename(columns=lambda name: name.replace("/", "_"))
    train_x, test_x, train_y, test_y = train_test_split(
        features, data.target, test_size=0.25, random_state=seed, stratify=data.target
    )
    directory = os.environ.get("REGISTRY_CREDENTIALS_DIR")
    registry = Registry(
        os.environ["MLFLOW_TRACKING_URI"], Credentials(Path(directory)) if directory else None
    )
    client = registry.client()
    mlflow.set_tracking_uri(registry.tracking_uri)
    mlflow.set_experiment(MODEL)
    with mlflow.start_run():
        model = make_pipeline(StandardScaler(), LogisticRegression(C=regularisation))
        model.fit(train_x, train_y)
        metrics = {
            "accuracy": float(accuracy_score(test_y, model.predict(test_x))),
            "log_loss": float(log_loss(test_y, model.predict_proba(test_x))),
        }
        mlflow.log_params({"regularisation": regularisation, "seed": seed})
        mlflow.log_metrics(metrics)
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(train_x, model.predict(train_x)),
            input_example=train_x.head(2),
        )
    version = register(logged, MODEL, client=client)
    print(json.dumps({"model": MODEL, "version": version.version, **metrics}))  # noqa: T201
    return version.version


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--regularisation", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    train(arguments.regularisation, arguments.seed)
