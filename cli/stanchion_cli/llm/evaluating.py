"""Asking a language model a pinned data set, and scoring its answers with MLflow."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.llm import scorers
from stanchion_cli.llm.endpoint import Answer, Endpoint

Messages = Sequence[Mapping[str, Any]]
_SETTINGS = {
    # Requests at a time: enough to see a queue, too few to be a load test.
    "MLFLOW_GENAI_EVAL_MAX_WORKERS": "4",
    # It would ask the first row twice.
    "MLFLOW_GENAI_EVAL_SKIP_TRACE_VALIDATION": "true",
}


@dataclass(frozen=True)
class Measured:
    """What came of one evaluation run."""

    run_id: str
    scores: Mapping[str, float]
    """By scorer; those that no row asks for are missing."""
    rows: int
    failed: tuple[str, ...]
    """Why rows stayed without an answer, one for each."""


def read_rows(content: str, where: str) -> list[dict[str, Any]]:
    """The rows of a data set.

    Raises:
        InputError: with the line that is none.
    """
    rows = []
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        row = _row(line)
        if row is None:
            raise InputError(
                f"line {number} is no row",
                where=where,
                fix='write one object per line, as {"inputs": {"question": "…"}}',
            )
        rows.append(row)
    return rows


def _row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, dict) or not isinstance(row.get("inputs"), dict) or not row["inputs"]:
        return None
    return {"inputs": row["inputs"], "expectations": row.get("expectations") or {}}


def as_messages(inputs: Mapping[str, Any]) -> Messages:
    """What is asked where no prompt makes messages of the inputs.

    Raises:
        KeyError: where the inputs have neither `messages` nor `question`.
    """
    if "messages" in inputs:
        messages: Messages = inputs["messages"]
        return messages
    return [{"role": "user", "content": str(inputs["question"])}]


def evaluate(
    rows: Sequence[Mapping[str, Any]],
    endpoint: Endpoint,
    names: Sequence[str],
    *,
    tracking: str,
    experiment: str,
    tags: Mapping[str, str],
    messages: Callable[[Mapping[str, Any]], Messages] = as_messages,
) -> Measured:
    """Ask every row and score the answers; the run, its traces and its scores stay in MLflow.

    Args:
        rows: The data set, from `read_rows`.
        endpoint: Whom to ask.
        names: Scorers.
        tracking: The tracking server; who we are there is in the environment.
        experiment: Experiment of the run.
        tags: Of the run.
        messages: What is asked for the inputs of a row.

    Raises:
        StanchionError: when the tracking server fails.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    answers: list[Answer] = []

    @mlflow.trace
    def predict(**inputs: Any) -> dict[str, Any]:
        answer = endpoint.ask(messages(inputs))
        answers.append(answer)
        return dict(answer)

    before = mlflow.get_tracking_uri()
    try:
        with _as_we_ask():
            mlflow.set_tracking_uri(tracking)
            mlflow.set_experiment(experiment)
            # What MLflow prints leads to the forwarded port, which is gone when somebody reads it.
            with mlflow.start_run(tags=dict(tags)), redirect_stdout(StringIO()):
                result = mlflow.genai.evaluate(
                    data=[dict(row) for row in rows],
                    predict_fn=predict,
                    scorers=scorers.named(names),
                )
    except MlflowException as error:
        raise StanchionError(
            f"cannot be kept: {' '.join(str(error).split())[:300]}",
            where="the evaluation",
            fix="see whether MLflow runs, then evaluate again",
        ) from None
    finally:
        mlflow.set_tracking_uri(before)
    found = {name: result.metrics.get(scorers.metric(name)) for name in names}
    return Measured(
        result.run_id,
        {name: float(value) for name, value in found.items() if value is not None},
        len(rows),
        tuple(answer["failed"] for answer in answers if answer["failed"]),
    )


@contextmanager
def _as_we_ask() -> Iterator[None]:
    """MLflow's own settings, for the block."""
    before = {name: os.environ.get(name) for name in _SETTINGS}
    os.environ.update(_SETTINGS)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
