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
import pandas as pd
from mlflow.models import infer_signature
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stanchion_models import Credentials, Reference, Registry, register

MODEL = "wine-cultivar"


CARD = """\
# Wine cultivar

## Intended use
Shows the platform at work: names one of three cultivars from 13 measures of a wine.

## Data
178 wines of one Italian region, as scikit-learn ships them; 45 of them, the same for every
version, are held out for evaluation (examples/wine/evaluation.csv).

## Limits
One region, few wines, no vintage: not for deciding what is in any bottle.
"""


def split() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows to train with and those held out, `cultivar` and `strength` among the columns.

    What is held out is the same for every version: they are compared on it.
    """
    data = load_wine(as_frame=True)
    frame = data.data.rename(columns=lambda name: name.replace("/", "_"))
    strength = frame["alcohol"].map(lambda percent: "light" if percent < 13 else "strong")
    frame = frame.assign(cultivar=data.target, strength=strength)
    known, held_out = train_test_split(
        frame, test_size=0.25, random_state=0, stratify=frame["cultivar"]
    )
    return known, held_out


def train(regularisation: float, seed: int) -> str:
    """Train and log one model, register it, and return its version."""
    known, held_out = split()
    known = known.sample(frac=0.9, random_state=seed)
    columns = [name for name in known.columns if name not in {"cultivar", "strength"}]
    directory = os.environ.get("REGISTRY_CREDENTIALS_DIR")
    registry = Registry(
        os.environ["MLFLOW_TRACKING_URI"], Credentials(Path(directory)) if directory else None
    )
    client = registry.client()
    mlflow.set_tracking_uri(registry.tracking_uri)
    mlflow.set_experiment(MODEL)
    with mlflow.start_run():
        model = make_pipeline(StandardScaler(), LogisticRegression(C=regularisation))
        model.fit(known[columns], known["cultivar"])
        answers = model.predict(held_out[columns])
        metrics = {
            "accuracy": float(accuracy_score(held_out["cultivar"], answers)),
            "log_loss": float(
                log_loss(held_out["cultivar"], model.predict_proba(held_out[columns]))
            ),
        }
        mlflow.log_params({"regularisation": regularisation, "seed": seed})
        mlflow.log_metrics(metrics)
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(known[columns], answers),
            input_example=known[columns].head(2),
        )
        reference = Reference.of(known[columns], model.predict(known[columns]))
    version = register(logged, MODEL, client=client, reference=reference)
    client.update_model_version(MODEL, version.version, description=CARD)
    print(json.dumps({"model": MODEL, "version": version.version, **metrics}))  # noqa: T201
    return version.version


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--regularisation", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write-evaluation", type=Path, metavar="FILE", help="and train nothing")
    arguments = parser.parse_args()
    if arguments.write_evaluation is not None:
        split()[1].to_csv(arguments.write_evaluation, index=False)
    else:
        train(arguments.regularisation, arguments.seed)
