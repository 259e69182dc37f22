from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Histogram
from stanchion_model_server.batching import Batcher
from stanchion_model_server.loading import ServedModel
from stanchion_model_server.signature import Batchable

from .conftest import WIDTH, training_data


class Sizes(list[float]):
    """Stands for the histogram: every call's rows."""

    def observe(self, rows: float) -> None:
        self.append(rows)


def batcher(
    predict: Any, sizes: Sizes | None = None, *, rows: int = 64, delay: float = 0.0
) -> Batcher:
    made: Any = Sizes() if sizes is None else sizes
    histogram: Histogram = made
    return Batcher(predict, max_rows=rows, max_delay=delay, sizes=histogram)


def matrix(*values: float) -> Batchable:
    return Batchable(np.array(values, dtype=float).reshape(-1, 1), len(values))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12))
async def test_everybody_gets_the_predictions_of_their_own_rows(counts: list[int]) -> None:
    sizes = Sizes()
    made = batcher(lambda rows: rows[:, 0] * 10, sizes)
    starts = np.cumsum([0, *counts])
    items = [matrix(*range(s, s + n)) for s, n in zip(starts, counts, strict=False)]
    results = await asyncio.gather(*map(made.submit, items))
    made.close()
    for start, count, result in zip(starts, counts, results, strict=False):
        assert list(result) == [10 * value for value in range(start, start + count)]
    assert sizes == [sum(counts)]


async def test_a_batch_predicts_what_single_requests_would(classifier: ServedModel) -> None:
    frame, _ = training_data()
    rows = frame.to_numpy()
    made = batcher(classifier.predictor.rows)
    merged = await asyncio.gather(*(made.submit(Batchable(row[None], 1)) for row in rows[:64]))
    made.close()
    single = [classifier.predictor.rows(row[None]) for row in rows[:64]]
    assert np.array_equal(np.concatenate(merged), np.concatenate(single))
    assert np.array_equal(np.concatenate(merged), classifier.model.predict(frame[:64]))


@pytest.mark.parametrize("kind", [pd.DataFrame, pd.Series, list])
async def test_answers_of_every_kind_are_cut_apart(kind: Any) -> None:
    made = batcher(lambda rows: kind([float(value) for value in rows[:, 0]]))
    one, two = await asyncio.gather(made.submit(matrix(1, 2)), made.submit(matrix(3)))
    made.close()
    assert np.array_equal(np.ravel(one), [1, 2])
    assert np.array_equal(np.ravel(two), [3])


async def test_columns_are_joined_by_name() -> None:
    made = batcher(lambda columns: [f"{a}{b}" for a, b in zip(columns["a"], columns["b"])])  # noqa: B905
    one, two = await asyncio.gather(
        made.submit(Batchable({"a": [1], "b": ["x"]}, 1)),
        made.submit(Batchable({"a": [2, 3], "b": ["y", "z"]}, 2)),
    )
    made.close()
    assert (one, two) == (["1x"], ["2y", "3z"])


async def test_a_request_that_the_model_refuses_fails_alone() -> None:
    def predict(rows: Any) -> Any:
        if (rows < 0).any():
            raise ValueError("negative")
        return rows[:, 0]

    made = batcher(predict)
    results: list[Any] = await asyncio.gather(
        *map(made.submit, (matrix(1), matrix(-1), matrix(2))), return_exceptions=True
    )
    made.close()
    assert list(results[0]) == [1]
    assert isinstance(results[1], ValueError)
    assert list(results[2]) == [2]


async def test_a_model_that_does_not_predict_by_row_is_asked_one_request_at_a_time() -> None:
    made = batcher(lambda rows: [float(rows.sum())])
    one, two = await asyncio.gather(made.submit(matrix(1, 2)), made.submit(matrix(5)))
    made.close()
    assert (one, two) == ([3.0], [5.0])


async def test_calls_hold_no_more_rows_than_allowed_but_a_large_request_goes_alone() -> None:
    sizes = Sizes()
    made = batcher(lambda rows: rows[:, 0], sizes, rows=4)
    items = [matrix(1, 2), matrix(3), matrix(4, 5), matrix(*range(9)), matrix(6)]
    await asyncio.gather(*map(made.submit, items))
    made.close()
    assert sizes == [3, 2, 9, 1]


async def test_an_idle_server_does_not_wait_for_company() -> None:
    made = batcher(lambda rows: rows[:, 0], delay=60)
    started = time.perf_counter()
    await made.submit(matrix(1))
    await made.submit(matrix(2))
    made.close()
    assert time.perf_counter() - started < 30


async def test_under_load_a_call_waits_for_as_many_as_came_before_but_not_longer_than_allowed() -> (
    None
):
    sizes = Sizes()
    made = batcher(lambda rows: rows[:, 0], sizes, delay=0.05)
    await asyncio.gather(*(made.submit(matrix(1)) for _ in range(3)))
    first = made.submit(matrix(1))
    await asyncio.sleep(0.01)
    assert not first.done()
    await asyncio.gather(first, *(made.submit(matrix(1)) for _ in range(2)))
    started = time.perf_counter()
    await made.submit(matrix(1))
    made.close()
    assert sizes == [3, 3, 1]
    assert time.perf_counter() - started > 0.03


async def test_requests_that_nobody_waits_for_are_not_predicted() -> None:
    sizes = Sizes()
    made = batcher(lambda rows: rows[:, 0], sizes)
    gone = made.submit(matrix(*range(50)))
    gone.cancel()
    await made.submit(matrix(1))
    made.close()
    assert sizes == [1]


async def test_a_slow_model_leaves_the_event_loop_free() -> None:
    threads, ticked = [], threading.Event()

    def predict(rows: Any) -> Any:
        threads.append(threading.current_thread())
        ticked.wait(0.2 if len(threads) == 1 else 30)
        return rows[:, 0]

    made = batcher(predict)
    await made.submit(matrix(1))  # the first call is how it learns
    ticks, waiting = 0, made.submit(matrix(2))
    while not waiting.done():
        await asyncio.sleep(0.01)
        ticks += 1
        if ticks == 5:
            ticked.set()
    made.close()
    assert threads[1] is not threading.main_thread()
    assert ticked.is_set()


async def test_the_models_other_calls_never_run_beside_a_batch() -> None:
    running, overlaps = 0, []

    def predict(rows: Any) -> Any:
        nonlocal running
        running += 1
        overlaps.append(running)
        time.sleep(0.005)
        running -= 1
        return rows

    made = batcher(lambda rows: predict(rows)[:, 0])
    await asyncio.gather(
        *(made.alone(predict, np.zeros((1, WIDTH))) for _ in range(5)),
        *(made.submit(matrix(1)) for _ in range(5)),
    )
    made.close()
    assert set(overlaps) == {1}
