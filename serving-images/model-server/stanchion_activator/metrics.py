"""What the activator tells of itself; the autoscaler and alerts read it: names are a contract."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector
from stanchion_serving.outcomes import (
    CLIENT_ERROR,
    OK,
    OUTCOMES,
    SERVER_ERROR,
    TIMEOUT,
    UNAVAILABLE,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

BUDGET: Final = "budget"
QUEUE_FULL: Final = "queue_full"
REASONS: Final = (BUDGET, QUEUE_FULL)

_ACTIVE_SECONDS: Final = 15.0
"""Longer than whoever asks lets pass between: quick requests are there for none of its moments."""
_SECONDS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


class Metrics:
    """One process's metrics. Every series exists from the start, so that a rate is 0, not absent.

    Attributes:
        waiting: Requests that wait for a replica.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        requests = Counter(
            "activator_requests", "Requests by outcome.", ["outcome"], registry=self.registry
        )
        self._requests = {outcome: requests.labels(outcome) for outcome in OUTCOMES}
        refused = Counter(
            "activator_refused",
            "Requests that no replica was ready for, by why they waited no longer.",
            ["reason"],
            registry=self.registry,
        )
        self._refused = {reason: refused.labels(reason) for reason in REASONS}
        self._in_flight = Gauge(
            "activator_in_flight",
            "Requests accepted and not yet answered, those that wait included.",
            registry=self.registry,
        )
        self._there, self._last = 0, -math.inf
        Gauge(
            "activator_active",
            f"1 while a request is there, or was within the last {_ACTIVE_SECONDS:g} s, else 0.",
            registry=self.registry,
        ).set_function(self._active)
        self.waiting = Gauge(
            "activator_waiting", "Requests that wait for a replica.", registry=self.registry
        )
        self.waited = Histogram(
            "activator_wait_seconds",
            "Time that requests waited for a replica, of those that had to and were passed on.",
            buckets=_SECONDS,
            registry=self.registry,
        )

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as there during the block."""
        self._there += 1
        self._in_flight.set(self._there)
        try:
            yield
        finally:
            self._there -= 1
            self._in_flight.set(self._there)
            self._last = time.monotonic()

    def answered(self, status: int) -> None:
        """Count a request by the status of its answer."""
        self._requests[_outcome(status)].inc()

    def refused(self, reason: str) -> None:
        """Count a request that waits no longer."""
        self._refused[reason].inc()

    def _active(self) -> float:
        return float(bool(self._there) or time.monotonic() - self._last < _ACTIVE_SECONDS)


def _outcome(status: int) -> str:
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return UNAVAILABLE
    if status == HTTPStatus.GATEWAY_TIMEOUT:
        return TIMEOUT
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SERVER_ERROR
    return CLIENT_ERROR if status >= HTTPStatus.BAD_REQUEST else OK
