"""The ASGI application: each request is held until a replica accepts it, and passed on."""

from __future__ import annotations

import asyncio
import json
import math
import time
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import h11
from stanchion_serving.logs import AccessLog, timestamp

from stanchion_activator import metrics
from stanchion_activator.exchange import Answer, Body, BrokenError, exchange
from stanchion_activator.replicas import Connection, NotReadyError, Replicas

if TYPE_CHECKING:
    from stanchion_activator.metrics import Metrics
    from stanchion_activator.settings import Settings

HEALTH_PATH: Final = "/.well-known/stanchion/activator"
"""Answered by the activator itself; every other path is a replica's."""
_MARGIN_SECONDS: Final = 5.0
"""A replica that keeps its own time limit answers before."""
_CLIENT_GONE: Final = 499
_MOMENT_SECONDS: Final = 0.05


class _RefusedError(Exception):
    """Answered without a replica."""

    def __init__(self, status: int, message: str, retry_after: float = 0) -> None:
        super().__init__(message)
        self.status, self.message, self.retry_after = status, message, retry_after


class Application:
    """The activator's ASGI callable.

    It holds requests while no replica accepts connections, at most `max_waiting` of them and each
    at most `hold_seconds`; it passes bodies on in both directions as they come. It deliberately
    sends no request twice: a replica that ends in the middle of one may have acted upon it.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._replicas = Replicas(settings.replicas_host, settings.replicas_port)
        self._held_since: dict[object, float] = {}
        self._draining = False
        self.access_log = AccessLog()

    def drain(self) -> None:
        """From now on every answer ends its client's connection."""
        self._draining = True

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one HTTP request; other protocols are not spoken."""
        if scope["type"] != "http":
            return
        answer = Answer(send, closes=self._draining)
        if scope["path"] == HEALTH_PATH:
            await _say(answer, HTTPStatus.OK, {"live": True})
            return
        with self._metrics.request():
            await self._answered(scope, Body(receive), answer)

    async def _answered(self, scope: dict[str, Any], body: Body, answer: Answer) -> None:
        """Serve while the client is there."""
        pump = asyncio.create_task(body.pump())
        serving = asyncio.create_task(self._serve(scope, body, answer))
        try:
            await asyncio.wait({pump, serving}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done() or answer.ended:
                await serving
            else:
                self._metrics.answered(_CLIENT_GONE)
        finally:
            for task in (pump, serving):
                task.cancel()
            await asyncio.gather(pump, serving, return_exceptions=True)

    async def _serve(self, scope: dict[str, Any], body: Body, answer: Answer) -> None:
        began = time.monotonic()
        try:
            await self._pass_on(await self._connection(began), scope, body, answer)
        except _RefusedError as refusal:
            if answer.status:
                # Its head is out: the client learns from the end of its connection.
                self._metrics.answered(refusal.status)
                self._log(scope, refusal.status, began, refusal.message)
                return
            headers = [(b"connection", b"close")]
            if refusal.retry_after:
                headers.append((b"retry-after", b"%d" % math.ceil(refusal.retry_after)))
            await _say(answer, refusal.status, {"error": refusal.message}, headers)
            self._log(scope, refusal.status, began, refusal.message)
        self._metrics.answered(answer.status)

    async def _pass_on(
        self, connection: Connection, scope: dict[str, Any], body: Body, answer: Answer
    ) -> None:
        limit = self._settings.request_timeout_seconds + _MARGIN_SECONDS
        try:
            async with asyncio.timeout(limit):
                await exchange(connection, scope, body, answer)
        except TimeoutError:
            raise _RefusedError(
                HTTPStatus.GATEWAY_TIMEOUT, f"no replica answered within {limit:g} s"
            ) from None
        except BrokenError as error:
            raise _RefusedError(
                HTTPStatus.BAD_GATEWAY,
                f"the replica broke off before its answer was whole: {error}",
            ) from None
        except h11.LocalProtocolError as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from None

    async def _connection(self, began: float) -> Connection:
        """A connection to a replica, waited for where there is none."""
        with suppress(NotReadyError):
            return await self._replicas.connect()
        if len(self._held_since) >= self._settings.max_waiting:
            self._metrics.refused(metrics.QUEUE_FULL)
            # The one that waits longest is answered, or gives up, within the budget.
            oldest = min(self._held_since.values())
            raise _RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"no replica is ready, and {self._settings.max_waiting} requests wait already",
                max(oldest + self._settings.hold_seconds - time.monotonic(), 1),
            )
        held = object()
        self._held_since[held] = began
        self._metrics.waiting.inc()
        try:
            async with asyncio.timeout(self._settings.hold_seconds):
                connection = await self._first_connection()
        except TimeoutError:
            self._metrics.refused(metrics.BUDGET)
            hold = self._settings.hold_seconds
            raise _RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, f"no replica was ready within {hold:g} s", hold
            ) from None
        finally:
            del self._held_since[held]
            self._metrics.waiting.dec()
        self._metrics.waited.observe(time.monotonic() - began)
        return connection

    async def _first_connection(self) -> Connection:
        while True:
            await self._replicas.somebody()
            with suppress(NotReadyError):
                return await self._replicas.connect()
            await asyncio.sleep(_MOMENT_SECONDS)

    def _log(self, scope: dict[str, Any], status: int, began: float, error: str) -> None:
        """One line for each request that no replica answered; the others a replica logs."""
        entry = {
            "time": timestamp(),
            "level": "warning",
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "seconds": round(time.monotonic() - began, 3),
            "error": error,
        }
        self.access_log.add(asyncio.get_running_loop(), entry)


async def _say(
    answer: Answer,
    status: int,
    told: dict[str, Any],
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    body = json.dumps(told).encode()
    about = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await answer.begin(status, [*about, *(headers or [])])
    await answer.piece(body, last=True)
