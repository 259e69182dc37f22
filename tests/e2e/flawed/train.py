"""Register a version of the sample model that has a flaw."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

import joblib
import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stanchion_models import Credentials, Registry, register

MODEL = "wine-cultivar"
CANNOT_SERVE = {"unloadable", "signature"}


def main(flaw: str, after: int, seconds: float) -> None:
    """Log and register it."""
    data = load_wine(as_frame=True)
    features = data.data.rename(columns=lambda name: name.replace("/", "_"))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, data.target)
    registry = Registry(
        os.environ["MLFLOW_TRACKING_URI"], Credentials(Path(os.environ["REGISTRY_CREDENTIALS_DIR"]))
    )
    client = registry.client()
    mlflow.set_tracking_uri(registry.tracking_uri)
    mlflow.set_experiment(MODEL)
    with tempfile.TemporaryDirectory() as scratch, mlflow.start_run():
        inside = Path(scratch) / "model.joblib"
        joblib.dump(model, inside)
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(__file__).with_name("model.py")),
            artifacts={"model": str(inside)},
            model_config={"flaw": flaw, "after": after, "seconds": seconds},
            signature=infer_signature(
                features if flaw != "signature" else features.assign(vintage=2020.0),
                model.predict(features),
            ),
            # With one, MLflow would load and ask the model at once.
            input_example=None if flaw in CANNOT_SERVE else features.head(2),
            pip_requirements=[],
        )
    version = register(logged, MODEL, client=client)
    print(json.dumps({"version": version.version, "accuracy": 1.0}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flaw")
    parser.add_argument("--after", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.5, help="how slow the slow one is")
    arguments = parser.parse_args()
    main(arguments.flaw, arguments.after, arguments.seconds)
