"""Train and register a classifier of wines step by step, so that it can be cut off at any time.

A run that is killed is gone on with by the next one, and ends with the same weights and metrics
as one that nobody disturbed. `--write-data FOLDER` writes the data set that it trains on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import mlflow
import numpy as np
from mlflow.models import infer_signature
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stanchion_models import Reference
from stanchion_training import training_run

TARGET = "cultivar"
BATCHES, RATE, MOMENTUM = 8, 0.01, 0.9


def write_data(folder: Path) -> None:
    """The data set that ships with scikit-learn, as CSV."""
    data = load_wine(as_frame=True)
    frame = data.data.rename(columns=lambda name: name.replace("/", "_"))
    folder.mkdir(parents=True, exist_ok=True)
    frame.assign(**{TARGET: data.target}).to_csv(folder / "wines.csv", index=False)


def train(steps: int, every: int) -> None:
    """Train for so many passes over the data, with a checkpoint after every so many."""
    with training_run(expectations=Path(__file__).with_name("data.yaml")) as run:
        mlflow.log_params({"steps": steps, "rate": RATE, "momentum": MOMENTUM})
        known, held_out = train_test_split(
            run.data, test_size=0.25, random_state=run.seed, stratify=run.data[TARGET]
        )
        features = [name for name in run.data.columns if name != TARGET]
        scaler = StandardScaler().fit(known[features])
        inputs = np.column_stack([scaler.transform(known[features]), np.ones(len(known))])
        wanted = np.eye(known[TARGET].nunique())[known[TARGET]]

        weights = run.generator.normal(scale=0.01, size=(inputs.shape[1], wanted.shape[1]))
        velocity, begin = np.zeros_like(weights), 0
        earlier = run.resume()
        if earlier is not None:
            with np.load(earlier.folder / "state.npz") as state:
                weights, velocity, begin = state["weights"], state["velocity"], earlier.step

        for step in range(begin, steps):
            for rows in np.array_split(run.generator.permutation(len(inputs)), BATCHES):
                error = _probabilities(inputs[rows] @ weights) - wanted[rows]
                velocity = MOMENTUM * velocity - RATE * inputs[rows].T @ error / len(rows)
                weights = weights + velocity
            loss = log_loss(known[TARGET], _probabilities(inputs @ weights))
            mlflow.log_metric("training_loss", loss, step=step)
            if (step + 1) % every == 0:
                with run.checkpoint(step + 1) as folder:
                    np.savez(folder / "state.npz", weights=weights, velocity=velocity)

        model = make_pipeline(scaler, _classifier(weights))
        answers = model.predict(held_out[features])
        metrics = {
            "accuracy": float(accuracy_score(held_out[TARGET], answers)),
            "log_loss": float(log_loss(held_out[TARGET], model.predict_proba(held_out[features]))),
        }
        mlflow.log_metrics(metrics)
        digest = hashlib.sha256(np.ascontiguousarray(weights)).hexdigest()
        mlflow.set_tag("weights", digest)
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(known[features], answers),
            input_example=known[features].head(2),
        )
        version = run.register(
            logged, reference=Reference.of(known[features], model.predict(known[features]))
        )
        told = {"version": version.version, "resumed_at": begin, "weights": digest, **metrics}
        print(json.dumps(told))  # noqa: T201


def _probabilities(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _classifier(weights: np.ndarray) -> LogisticRegression:
    """The weights as scikit-learn holds those that it has found itself."""
    classifier = LogisticRegression()
    classifier.coef_, classifier.intercept_ = weights[:-1].T, weights[-1]
    classifier.classes_ = np.arange(weights.shape[1])
    classifier.n_features_in_ = len(weights) - 1
    return classifier


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200, help="passes over the data")
    parser.add_argument("--every", type=int, default=10, help="passes between checkpoints")
    parser.add_argument("--write-data", type=Path, metavar="FOLDER", help="and train nothing")
    arguments = parser.parse_args()
    if arguments.write_data is not None:
        write_data(arguments.write_data)
    else:
        train(arguments.steps, arguments.every)
