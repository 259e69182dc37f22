"""Scores of answers, held against the limits of a service file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stanchion_cli.llm.evaluating import Measured
from stanchion_cli.llm.scorers import SMALLER_IS_BETTER
from stanchion_cli.models.judging import ROUNDING, Outcome, bounded, number

GATE = "answers"


def answers(
    service: str,
    wanted: Mapping[str, Any],
    measured: Measured,
    live: Mapping[str, float] | None,
    called: str = "the live run",
) -> Outcome:
    """What passed and what did not, with figures.

    Args:
        service: The service.
        wanted: Its file's `gates.evaluation`, every default filled in.
        measured: What was measured.
        live: The scores of what is live; None: nothing is.
        called: What people call what is live.
    """
    scores = measured.scores
    failures = [
        *_rows(wanted, measured),
        *(
            problem
            for name, bounds in wanted["scorers"].items()
            for problem in _score(name, scores.get(name), bounds)
        ),
        *(_worse(wanted, scores, live, called) if live is not None else ()),
    ]
    figures = [f"{name} {number(value)}" for name, value in scores.items()]
    return Outcome(
        service, GATE, ", ".join([*figures, f"{measured.rows} rows"]), tuple(failures), scores
    )


def _rows(wanted: Mapping[str, Any], measured: Measured) -> Iterator[str]:
    failed, most = len(measured.failed), wanted["maxFailedRows"]
    if measured.rows < wanted["minRows"]:
        yield f"{measured.rows} rows < {wanted['minRows']}"
    if failed > most:
        reason = measured.failed[0]
        yield (
            f"{failed} of {measured.rows} rows were not answered, at most {most} (first: {reason})"
        )


def _score(name: str, value: float | None, bounds: Mapping[str, Any]) -> Iterator[str]:
    if value is None:
        yield f"{name} was asked of no row that was answered; add what it compares with to the data"
    else:
        yield from bounded(name, value, bounds)


def _worse(
    wanted: Mapping[str, Any],
    scores: Mapping[str, float],
    live: Mapping[str, float],
    called: str,
) -> Iterator[str]:
    for name, most in wanted["notWorseThanLiveBy"].items():
        if name not in scores:
            continue  # told already
        if name not in live:
            yield f"{called} has no {name} to compare with; evaluate it with this scorer"
            continue
        worse = scores[name] - live[name]
        worse = worse if name in SMALLER_IS_BETTER else -worse
        if worse > most + ROUNDING:
            yield (
                f"{name} {number(scores[name])} is {number(worse)} worse than {called}'s "
                f"{number(live[name])}, at most {number(most)}"
            )
