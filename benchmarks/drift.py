"""`python -m benchmarks.drift`: false and missed drift alerts, and what counting costs the server.

`WINDOWS` in the environment says how many windows without drift are judged, 100 unless said
otherwise, and `REQUESTS` how many requests a round of the throughput has, 20,000.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from stanchion.monitoring import INTERVAL_SECONDS
from stanchion.monitoring.drift_limits import (
    DEFAULT_MIN_ROWS,
    DEFAULT_PROBLEM_RATIO,
    DEFAULT_PSI,
)
from stanchion_cli.progress import step
from stanchion_model_server.fields import Tally
from stanchion_models import Reference
from stanchion_models.fields import Categories

from benchmarks.drift_cost import ROUNDS, WAYS, cost
from benchmarks.drift_index import drift, problems
from benchmarks.facts import facts
from benchmarks.targets import Target, command, section

ROOT: Final = Path(__file__).parents[1]
_RESULTS: Final = ROOT / "benchmarks" / "DRIFT.md"
_TRAINED: Final = 1000
_WINDOW: Final = 10_000
"""Rows of a window, which a shift enters row by row as others leave."""
_CHUNK: Final = 100
_STREAMS: Final = 20
_MOST_REQUESTS: Final = 7500
_MOST_COST: Final = 0.05
Shift = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


@dataclass
class Results:
    """Everything one run measured."""

    facts: Mapping[str, str]
    windows: int
    requests: int
    false_alerts: int
    """Windows without drift in which an alert would have come."""
    needed: dict[str, list[int | None]]
    """Shifted requests until an alert, by kind of shift, in each stream; None: it never came."""
    seconds: dict[str, list[float]]
    """Processor time of a round, by whether there is a reference."""
    scrapes: dict[str, list[float]]
    """Likewise of a scrape."""


def run() -> Results:
    """Judge windows without drift, then each shift, then measure what counting costs."""
    before = facts(ROOT)
    windows = int(os.environ.get("WINDOWS", "100"))
    requests = int(os.environ.get("REQUESTS", "20000"))
    with step("judge windows without drift") as running:
        false = sum(_falsely_alarmed(seed) for seed in range(windows))
        running.note(f"{false} of {windows}")
    needed = {}
    for name, shift in SHIFTS.items():
        with step(f"detect: {name}"):
            streams = min(_STREAMS, windows)
            needed[name] = [_detected_after(shift, 1000 + seed) for seed in range(streams)]
    with step("answer requests with and without a reference"):
        seconds, scrapes = asyncio.run(cost(requests))
    return Results(before, windows, requests, false, needed, seconds, scrapes)


def _population(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Rows as in training: numbers of three forms, a category, and a model's answers."""
    income = rng.lognormal(10, 0.5, rows)
    age = rng.normal(45, 12, rows)
    return pd.DataFrame(
        {
            "income": income,
            "age": age,
            "visits": rng.poisson(3, rows).astype(float),
            "region": rng.choice(["north", "south", "west"], rows, p=[0.5, 0.3, 0.2]),
            "answer": ((income > np.exp(10)) & (age > 40)).astype(int),
        }
    )


def _one_in_ten(
    rows: pd.DataFrame, column: str, value: Any, rng: np.random.Generator
) -> pd.DataFrame:
    changed = rng.random(len(rows)) < 0.1
    return rows.assign(**{column: rows[column].where(~changed, value)})


SHIFTS: Final[Mapping[str, Shift]] = {
    "mean, by a deviation": lambda rows, _: rows.assign(age=rows["age"] + 12),
    "variance, thrice the deviation": lambda rows, _: rows.assign(age=45 + 3 * (rows["age"] - 45)),
    "a new category, one in ten": lambda rows, rng: _one_in_ten(rows, "region", "east", rng),
    "missing values, one in ten": lambda rows, rng: _one_in_ten(rows, "income", np.nan, rng),
    "label flip": lambda rows, _: rows.assign(answer=1 - rows["answer"]),
}


class _Judge:
    """Says whether counts would be an alert beside one training reference."""

    def __init__(self, rng: np.random.Generator) -> None:
        known = _population(rng, _TRAINED)
        reference = Reference.of(known.drop(columns="answer"), known["answer"])
        self._fields = {**reference.inputs, **reference.outputs}

    def counted(self, rows: pd.DataFrame) -> dict[str, Tally]:
        """The rows' values, as the server counts them."""
        tallies = {name: Tally(each) for name, each in self._fields.items()}
        for name, tally in tallies.items():
            tally.add(rows[name].to_numpy())
        return tallies

    @staticmethod
    def alarms(windows: Mapping[str, list[Tally]]) -> bool:
        """Whether the window that the counts make up is an alert by the default limits."""
        for parts in windows.values():
            training = parts[0].training
            counts = np.sum([part.counts for part in parts], axis=0).tolist()
            if sum(counts) < DEFAULT_MIN_ROWS:
                continue
            beyond = sum(part.out_of_range for part in parts)
            categories = isinstance(training.field, Categories)
            bad = problems(counts, training.counts, beyond, categories=categories)
            if drift(counts, training.counts) > DEFAULT_PSI or bad > DEFAULT_PROBLEM_RATIO:
                return True
        return False


def _falsely_alarmed(seed: int) -> bool:
    """Whether the smallest window that may alarm does, with a reference of its own."""
    rng = np.random.default_rng(seed)
    judge = _Judge(rng)
    counted = judge.counted(_population(rng, DEFAULT_MIN_ROWS))
    return judge.alarms({name: [tally] for name, tally in counted.items()})


def _detected_after(shift: Shift, seed: int) -> int | None:
    """How many shifted requests entered a full window before it alarmed."""
    rng = np.random.default_rng(seed)
    judge = _Judge(rng)
    chunks = _WINDOW // _CHUNK
    usual = [judge.counted(_population(rng, _CHUNK)) for _ in range(chunks)]
    shifted = [judge.counted(shift(_population(rng, _CHUNK), rng)) for _ in range(chunks)]
    for entered in range(1, chunks + 1):
        window = [*usual[entered:], *shifted[:entered]]
        if judge.alarms({name: [each[name] for each in window] for name in window[0]}):
            return entered * _CHUNK
    return None


def _added(results: Results) -> float:
    """Share of a busy processor's time that a reference adds to requests and scrapes."""
    without, watched = (
        (statistics.median(results.seconds[name]), statistics.median(results.scrapes[name]))
        for name in WAYS
    )
    return watched[0] / without[0] - 1 + (watched[1] - without[1]) / INTERVAL_SECONDS


def targets(results: Results) -> list[Target]:
    """The targets, each with what was found."""
    slowest = [
        max((each if each is not None else sys.maxsize) for each in found)
        for found in results.needed.values()
    ]
    return [
        Target(
            f"no alert in {results.windows} windows without drift",
            f"{results.false_alerts} windows",
            results.false_alerts == 0,
        ),
        Target(
            f"each of {len(results.needed)} shifts is seen within {_MOST_REQUESTS:,} requests of a"
            f" window of {_WINDOW:,}",
            ", ".join(f"{each:,}" if each < sys.maxsize else "never" for each in slowest),
            max(slowest) <= _MOST_REQUESTS,
        ),
        Target(
            f"counting adds less than {_MOST_COST:.0%} of the processor time of a request",
            f"{_added(results):.1%}",
            _added(results) < _MOST_COST,
        ),
    ]


def markdown(results: Results) -> str:
    """The page that is committed as benchmarks/DRIFT.md."""
    lines = [
        "# Drift: results",
        "",
        "Generated by `make bench-drift`; do not edit. Four features and an output,"
        f" references of {_TRAINED:,} rows, each with its own window; the default limits. A window"
        f" without drift has {DEFAULT_MIN_ROWS:,} rows, the fewest that may alarm. A shift enters a"
        f" window of {_WINDOW:,} rows as usual ones leave it, {_CHUNK} at a time. Processor time is"
        " that of the application for requests of one row of 30 features, one after the other,"
        " without HTTP and log, which would add the same to both ways;"
        f" {ROUNDS} rounds of {results.requests:,} in turn, and a scrape every"
        f" {INTERVAL_SECONDS} s.",
        "",
        *(f"- {key}: {value}" for key, value in results.facts.items()),
        "",
        *section(targets(results)),
        "## Requests until an alert",
        "",
        "| shift | median | most |",
        "| --- | --- | --- |",
    ]
    for name, found in results.needed.items():
        seen = [each for each in found if each is not None]
        middle = f"{statistics.median(seen):,.0f}" if seen else "never"
        most = f"{max(seen):,}" if len(seen) == len(found) else "never"
        lines.append(f"| {name} | {middle} | {most} |")
    lines += [
        "",
        "## Processor time of a request",
        "",
        "| | a request, µs | a scrape, ms |",
        "| --- | --- | --- |",
    ]
    for name, seconds in results.seconds.items():
        each = statistics.median(seconds) / results.requests * 1e6
        scrape = statistics.median(results.scrapes[name]) * 1e3
        lines.append(f"| {name} | {each:.0f} | {scrape:.1f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(command(__doc__, _RESULTS, run, markdown, targets))
