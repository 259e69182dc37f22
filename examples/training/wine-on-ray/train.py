"""Train and register a classifier of wines on Parquet files that fit into no one pod.

Ray Data reads the files on its workers, block by block, in every pass; what comes back to this
process is a sum for each block. A run that is killed is gone on with by the next one, and ends with
the same weights and metrics as one that nobody disturbed. Without a cluster it runs on one machine.
`--write-data FOLDER` writes a data set.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import ray
from mlflow.models import infer_signature
from ray.data import DataContext, Dataset
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stanchion_models import Reference
from stanchion_training import TrainingRun, training_run

TARGET = "cultivar"
CULTIVARS = 3
RATE, MOMENTUM = 0.5, 0.9
Block = dict[str, np.ndarray]
"""Rows as Ray Data hands them on: columns by name."""


def write_data(folder: Path, files: int, rows: int) -> None:
    """Wines that resemble those which ship with scikit-learn, in so many files of so many rows."""
    data = load_wine(as_frame=True)
    known = data.data.rename(columns=lambda name: name.replace("/", "_"))
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for at in range(files):
        chosen = generator.integers(len(known), size=rows)
        noise = generator.normal(scale=0.1, size=(rows, known.shape[1])) * known.std().to_numpy()
        frame = known.iloc[chosen].reset_index(drop=True) + noise
        frame.assign(**{TARGET: data.target.iloc[chosen].to_numpy()}).to_parquet(
            folder / f"wines-{at:04}.parquet", index=False
        )


def train(steps: int, every: int) -> None:
    """Train for so many passes over the data, with a checkpoint after every so many."""
    ray.init(log_to_driver=False)
    # Sums come back in the order of the files: added in another one they round otherwise.
    DataContext.get_current().execution_options.preserve_order = True
    with training_run(in_place=True) as run:
        mlflow.log_params({"steps": steps, "rate": RATE, "momentum": MOMENTUM})
        known, held_out = _read(run)
        features = [name for name in known.schema().names if name != TARGET]
        scaler = _scaler(known, features)
        weights = run.generator.normal(scale=0.01, size=(len(features) + 1, CULTIVARS))
        velocity, begin = np.zeros_like(weights), 0
        earlier = run.resume()
        if earlier is not None:
            with np.load(earlier.folder / "state.npz") as state:
                weights, velocity, begin = state["weights"], state["velocity"], earlier.step

        for step in range(begin, steps):
            told = {"features": features, "scaler": scaler, "weights": weights}
            found = _sum(known, _gradient, **told)
            velocity = MOMENTUM * velocity - RATE * found["gradient"] / found["rows"]
            weights = weights + velocity
            mlflow.log_metric("training_loss", float(found["loss"] / found["rows"]), step=step)
            if (step + 1) % every == 0:
                with run.checkpoint(step + 1) as folder:
                    np.savez(folder / "state.npz", weights=weights, velocity=velocity)

        model = make_pipeline(scaler, _classifier(weights))
        judged = _sum(held_out, _judged, features=features, model=model)
        metrics = {name: float(judged[name] / judged["rows"]) for name in ("accuracy", "log_loss")}
        mlflow.log_metrics(metrics)
        digest = hashlib.sha256(np.ascontiguousarray(weights)).hexdigest()
        mlflow.set_tag("weights", digest)
        sample = held_out.take_batch(1000, batch_format="pandas")[features]
        answers = model.predict(sample)
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(sample, answers),
            input_example=sample.head(2),
        )
        version = run.register(logged, reference=Reference.of(sample, answers))
        told = {"version": version.version, "resumed_at": begin, "weights": digest, **metrics}
        print(json.dumps(told), flush=True)  # noqa: T201


def _read(run: TrainingRun) -> tuple[Dataset, Dataset]:
    """All files but the last to learn from, and the last to judge by; a block each."""
    filesystem, paths = run.sources

    def read(some: list[str]) -> Dataset:
        return ray.data.read_parquet(some, filesystem=filesystem, override_num_blocks=len(some))

    return read(paths[:-1]), read(paths[-1:])


def _sum(rows: Dataset, of: Any, **told: Any) -> dict[str, Any]:
    """What a function says of each block, added up."""
    said = rows.map_batches(of, batch_size=None, fn_kwargs=told).take_all()
    return {name: sum(each[name] for each in said) for name in said[0]}


def _scaler(rows: Dataset, features: list[str]) -> StandardScaler:
    """Mean and deviation of each column, from one pass over the data."""
    found = _sum(rows, _moments, features=features)
    scaler = StandardScaler()
    scaler.mean_ = found["first"] / found["rows"]
    scaler.var_ = found["second"] / found["rows"] - scaler.mean_**2
    scaler.scale_ = np.sqrt(scaler.var_)
    scaler.n_features_in_, scaler.feature_names_in_ = len(features), np.array(features, object)
    return scaler


def _moments(block: Block, features: list[str]) -> Block:
    values = np.column_stack([block[name] for name in features]).astype(float)
    first, second = values.sum(axis=0), (values**2).sum(axis=0)
    return {"first": first[None], "second": second[None], "rows": np.array([len(values)])}


def _gradient(
    block: Block, features: list[str], scaler: StandardScaler, weights: np.ndarray
) -> Block:
    values = np.column_stack([block[name] for name in features]).astype(float)
    inputs = np.column_stack([(values - scaler.mean_) / scaler.scale_, np.ones(len(values))])
    scores = inputs @ weights
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    likely = raised / raised.sum(axis=1, keepdims=True)
    loss = -np.log(likely[np.arange(len(values)), block[TARGET]]).sum()
    gradient = inputs.T @ (likely - np.eye(CULTIVARS)[block[TARGET]])
    return {"gradient": gradient[None], "loss": np.array([loss]), "rows": np.array([len(values)])}


def _judged(block: Block, features: list[str], model: Any) -> Block:
    frame = pd.DataFrame({name: block[name] for name in features})
    likely = model.predict_proba(frame)
    right = (likely.argmax(axis=1) == block[TARGET]).sum()
    loss = -np.log(likely[np.arange(len(frame)), block[TARGET]]).sum()
    return {
        "accuracy": np.array([right]),
        "log_loss": np.array([loss]),
        "rows": np.array([len(frame)]),
    }


def _classifier(weights: np.ndarray) -> LogisticRegression:
    """The weights as scikit-learn holds those that it has found itself."""
    classifier = LogisticRegression()
    classifier.coef_, classifier.intercept_ = weights[:-1].T, weights[-1]
    classifier.classes_ = np.arange(weights.shape[1])
    classifier.n_features_in_ = len(weights) - 1
    return classifier


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30, help="passes over the data")
    parser.add_argument("--every", type=int, default=5, help="passes between checkpoints")
    parser.add_argument("--write-data", type=Path, metavar="FOLDER", help="and train nothing")
    parser.add_argument("--files", type=int, default=8, help="of the data that are written")
    parser.add_argument("--rows", type=int, default=1000, help="of each of those files")
    arguments = parser.parse_args()
    if arguments.write_data is not None:
        write_data(arguments.write_data, arguments.files, arguments.rows)
    else:
        train(arguments.steps, arguments.every)
