"""Merging the rows of concurrent requests into one call of the model.

A model's call costs much the same for one row as for sixty-four, so under load the rows that
arrive together go together. An idle server waits for nobody.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import pandas as pd

from stanchion_model_server.logs import log
from stanchion_model_server.signature import Batchable, Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import Histogram

_INLINE_CPU_SECONDS: Final = 0.002
_INLINE_SECONDS: Final = 0.02
"""A call that takes less runs on the event loop: handing it to a thread would cost more, and the
interpreter's lock would keep the loop waiting anyway. It is judged by processor time, which a
throttled or crowded machine does not stretch, and by the clock for models that wait."""
_WEIGHT: Final = 0.1
_Waiting = tuple[Batchable, "asyncio.Future[Any]"]
T = TypeVar("T")


class Batcher:
    """Runs a model's calls, one at a time, over the rows that wait.

    Args:
        predict: The model's call.
        max_rows: Most rows in a call. A single request with more goes alone.
        max_delay: Longest wait for more rows, in seconds; taken only when the last call was just
            now and had more than one request, and only until as many wait again.
        sizes: Histogram of rows per call.
    """

    def __init__(
        self, predict: Callable[[Rows], Any], *, max_rows: int, max_delay: float, sizes: Histogram
    ) -> None:
        self._predict = predict
        self._max_rows, self._max_delay = max_rows, max_delay
        self._observe = sizes.observe
        self._waiting: deque[_Waiting] = deque()
        self._waiting_rows = 0
        self._expected = 1
        self._seconds = self._cpu_seconds = 0.0
        self._busy = False
        self._outside = 0
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._scheduled = False
        self._loop = asyncio.get_running_loop()
        self.executor = ThreadPoolExecutor(1, thread_name_prefix="predict")

    def submit(self, item: Batchable) -> asyncio.Future[Any]:
        """Queue rows; the future gets their predictions, or what the model raised for them."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append((item, future))
        self._waiting_rows += item.count
        if not self._busy:
            self._arm()
        return future

    def _arm(self) -> None:
        """Call the model when this round of the event loop has read what has arrived, or later."""
        enough = len(self._waiting) >= self._expected or self._waiting_rows >= self._max_rows
        idle = self._loop.time() - self._last > 2 * self._max_delay
        if enough or idle:
            if not self._scheduled:
                self._scheduled = True
                self._loop.call_soon(self._flush)
        elif self._timer is None and not self._scheduled:
            self._timer = self._loop.call_later(self._max_delay, self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._busy:
            return
        batch = self._take()
        if not batch:
            return
        self._expected = len(batch)
        rows = sum(item.count for item, _ in batch)
        self._observe(rows)
        quick = self._cpu_seconds < _INLINE_CPU_SECONDS and self._seconds < _INLINE_SECONDS
        if quick and rows <= self._max_rows and not self._outside:
            self._settle(batch, self._run(batch))
        else:
            self._busy = True
            task = self._loop.run_in_executor(self.executor, self._run, batch)
            task.add_done_callback(lambda done: self._finished(batch, done.result()))
        if self._waiting and not self._busy:
            self._arm()

    def _finished(self, batch: list[_Waiting], results: list[Any]) -> None:
        self._busy = False
        self._settle(batch, results)
        if self._waiting:
            self._arm()

    def _take(self) -> list[_Waiting]:
        """The next requests that fit one call; those that nobody waits for any more are dropped."""
        batch: list[_Waiting] = []
        rows = 0
        while self._waiting:
            item, future = self._waiting[0]
            if batch and rows + item.count > self._max_rows:
                break
            self._waiting.popleft()
            self._waiting_rows -= item.count
            if not future.done():
                batch.append((item, future))
                rows += item.count
        return batch

    def _run(self, batch: list[_Waiting]) -> list[Any]:
        """Results in the batch's order; an exception stands for a request that failed."""
        started, cpu_started = time.perf_counter(), time.thread_time()
        items = [item for item, _ in batch]
        try:
            results: list[Any] = _split(self._predict(_join(items)), items)
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            # One request's values may be what the model refuses: the others must not suffer.
            results = [error] if len(items) == 1 else [self._alone(item) for item in items]
        self._seconds += _WEIGHT * (time.perf_counter() - started - self._seconds)
        self._cpu_seconds += _WEIGHT * (time.thread_time() - cpu_started - self._cpu_seconds)
        return results

    def _alone(self, item: Batchable) -> Any:
        try:
            return self._predict(item.rows)
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            return error

    async def alone(self, call: Callable[..., T], *args: Any) -> T:
        """Run something else of the model's on its thread, never beside a call over rows."""
        self._outside += 1
        try:
            return await self._loop.run_in_executor(self.executor, call, *args)
        finally:
            self._outside -= 1

    def _settle(self, batch: list[_Waiting], results: list[Any]) -> None:
        self._last = self._loop.time()
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    def close(self) -> None:
        """Let the thread go once it has nothing left."""
        self.executor.shutdown(wait=False)


def _join(items: list[Batchable]) -> Rows:
    first = items[0].rows
    if len(items) == 1:
        return first
    if isinstance(first, dict):
        return {name: [value for item in items for value in item.rows[name]] for name in first}
    return np.concatenate([item.rows for item in items])


def _split(result: Any, items: list[Batchable]) -> list[Any]:
    """Cut a call's result back into one piece a request.

    Raises:
        ValueError: The model gave another number of predictions than it was given rows, so that
            it does not predict row by row; each request is then answered by a call of its own.
    """
    if len(items) == 1:
        return [result]
    total = sum(item.count for item in items)
    if len(result) != total:
        log.warning("the model gave %d predictions for %d rows", len(result), total)
        raise ValueError("the model does not predict row by row")
    pieces, start = [], 0
    for item in items:
        end = start + item.count
        pieces.append(
            result.iloc[start:end].reset_index(drop=True)
            if isinstance(result, pd.DataFrame | pd.Series)
            else result[start:end]
        )
        start = end
    return pieces
