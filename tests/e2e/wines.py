"""Wines as the sample service is asked about them: as in training, or with another ash."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from e2e.platform import Platform
from e2e.traffic import Traffic
from sklearn.datasets import load_wine

ROWS = 64
"""Of a request: each is another sample of the population."""
SHIFT = 1.0
"""Of the ash of every other wine, which has a standard deviation of 0.27."""


def population(*, shifted: bool) -> Any:
    """The data set that the sample model is trained on, its columns named as there."""
    data = load_wine(as_frame=True)
    frame = data.data.rename(columns=lambda name: name.replace("/", "_"))
    frame = frame.assign(cultivar=data.target)
    if shifted:
        frame.loc[frame.index % 2 == 0, "ash"] += SHIFT
    return frame


@contextmanager
def asking(platform: Platform, *, shifted: bool, threads: int = 2) -> Iterator[Traffic]:
    """Ask with samples of the population, each thread twice a second, until the block ends."""
    frame = population(shifted=shifted).drop(columns="cultivar")
    choice = random.Random(0)
    bodies = []
    for seed in range(40):
        rows = frame.sample(ROWS, replace=True, random_state=choice.randrange(2**31) + seed)
        inputs = [
            {"name": name, "shape": [ROWS], "datatype": "FP64", "data": list(rows[name])}
            for name in rows.columns
        ]
        bodies.append(json.dumps({"inputs": inputs}).encode())
    with Traffic(platform.address(), bodies, threads, pause=0.5) as traffic:
        yield traffic
    assert traffic.failures == []
