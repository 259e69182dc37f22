"""Asking backends, one after the other until one begins to answer."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiohttp
import msgspec

from stanchion_llm_gateway.errors import BACKEND_ERROR, LIMITED, TIMEOUT, GatewayError
from stanchion_llm_gateway.exchange import ASK
from stanchion_llm_gateway.logs import log
from stanchion_llm_gateway.sse import events

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
    from pathlib import Path

    from stanchion_llm_gateway.configuration import Backend, Model, Target
    from stanchion_llm_gateway.exchange import Exchange
    from stanchion_llm_gateway.metrics import Metrics

    Body = Callable[[Target, Backend], Awaitable[bytes]]
T = TypeVar("T")
_CLIENTS_FAULT: Final = frozenset({400, 413, 422})
"""Every other failure of a backend is not the client's, who has no key there and names no model."""
_NOT_AGAIN: Final = frozenset({"rate_limited", "timeout"})
"""Failures after which asking again at once would only make it worse."""
_IN_VAIN: Final = frozenset({"timeout", "malformed"})
"""Failures for which a backend may have worked all the same."""
_RETRY_SECONDS: Final = 0.1
_KEY_SECONDS: Final = 10.0


class BackendError(Exception):
    """An attempt failed before its first byte."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Stream:
    """An answer that has begun: its first event is here."""

    def __init__(self, response: aiohttp.ClientResponse, idle_seconds: float) -> None:
        self._response = response
        self._events = events(response.content, idle_seconds)
        self._first: bytes | None = None

    async def begin(self) -> None:
        """Wait for the first event."""
        self._first = await anext(self._events)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The data of each event."""
        assert self._first is not None  # noqa: S101 - `begin` has waited for it
        yield self._first
        async for data in self._events:
            yield data

    def close(self) -> None:
        """Hang up; the backend stops generating."""
        self._response.close()


class Backends:
    """The APIs behind the gateway. One connection pool for all."""

    def __init__(
        self, backends: Iterable[Backend], metrics: Metrics, longest_seconds: float
    ) -> None:
        self._backends = {backend.name: backend for backend in backends}
        self._metrics, self._longest = metrics, longest_seconds
        self._keys: dict[str, tuple[float, str]] = {}
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Inside the event loop, before the first request."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def whole(
        self, model: Model, path: str, body: Body, exchange: Exchange
    ) -> tuple[Target, int, dict[str, Any]]:
        """A whole answer: who gave it, its status and its body.

        Raises:
            GatewayError: 429, 502 or 504, when every target failed.
        """

        async def ask(backend: Backend, data: bytes) -> tuple[int, dict[str, Any]]:
            wait = backend.answer_seconds or self._longest
            response = await self.post(backend, path, data, exchange.request_id, wait)
            async with response, asyncio.timeout(backend.idle_seconds):
                return response.status, _decoded(await response.read())

        target, (status, answer) = await self._first_success(model, body, exchange, ask)
        return target, status, answer

    async def streamed(
        self, model: Model, path: str, body: Body, exchange: Exchange
    ) -> tuple[Target, Stream | tuple[int, dict[str, Any]]]:
        """An answer that has begun, or the refusal of the request by a backend.

        Raises:
            GatewayError: 429, 502 or 504, when every target failed.
        """

        async def ask(backend: Backend, data: bytes) -> Stream | tuple[int, dict[str, Any]]:
            wait = backend.first_byte_seconds
            response = await self.post(backend, path, data, exchange.request_id, wait)
            if response.status != HTTPStatus.OK:
                async with response, asyncio.timeout(backend.idle_seconds):
                    return response.status, _decoded(await response.read())
            stream = Stream(response, backend.idle_seconds)
            try:
                async with asyncio.timeout(wait):
                    await stream.begin()
            except (StopAsyncIteration, ValueError):
                stream.close()
                raise BackendError("malformed", "its stream is none") from None
            except BaseException:
                stream.close()
                raise
            return stream

        return await self._first_success(model, body, exchange, ask)

    async def post(
        self, backend: Backend, path: str, data: bytes, request_id: str, seconds: float
    ) -> aiohttp.ClientResponse:
        """The beginning of an answer within so many seconds, or what the client did wrong.

        Raises:
            BackendError: for every other status.
            TimeoutError: when it does not begin in time.
            aiohttp.ClientError: when there is no connection.
        """
        assert self._session is not None  # noqa: S101 - opened with the server
        headers = {"content-type": "application/json", "x-request-id": request_id}
        if backend.api_key_file is not None:
            headers["authorization"] = f"Bearer {self._key(backend.name, backend.api_key_file)}"
        limits = aiohttp.ClientTimeout(total=None, connect=backend.connect_seconds)
        async with asyncio.timeout(seconds):
            response = await self._session.post(
                f"{backend.url}{path}",
                data=data,
                headers=headers,
                timeout=limits,
                allow_redirects=False,
            )
        if response.status == HTTPStatus.OK or response.status in _CLIENTS_FAULT:
            return response
        response.close()
        limited = response.status == HTTPStatus.TOO_MANY_REQUESTS
        raise BackendError("rate_limited" if limited else "status", f"status {response.status}")

    def backend(self, name: str) -> Backend:
        """The backend of that name."""
        return self._backends[name]

    async def _first_success(
        self,
        model: Model,
        body: Body,
        exchange: Exchange,
        ask: Callable[[Backend, bytes], Awaitable[T]],
    ) -> tuple[Target, T]:
        last = BackendError("connection", "")
        for place, target in enumerate(model.targets):
            backend = self._backends[target.backend]
            data = await body(target, backend)
            told = {"backend": target.backend, "model": target.model or model.name}
            for attempt in range(backend.retries + 1):
                try:
                    with exchange.waiting(), exchange.step(f"ask {target.backend}", ASK, **told):
                        if attempt:
                            await asyncio.sleep(_RETRY_SECONDS * 2 ** (attempt - 1))
                        answer = await ask(backend, data)
                except asyncio.CancelledError:
                    exchange.in_vain.append(target)
                    raise
                except (BackendError, TimeoutError, aiohttp.ClientError) as error:
                    last = _failure(error)
                    if last.reason in _IN_VAIN:
                        exchange.in_vain.append(target)
                    self._failed(backend, last, exchange)
                    if last.reason in _NOT_AGAIN:
                        break
                    continue
                exchange.backend = target.backend
                if place:
                    self._metrics.fallbacks.labels(model.name, target.backend).inc()
                return target, answer
        raise _all_failed(last)

    def _failed(self, backend: Backend, failure: BackendError, exchange: Exchange) -> None:
        self._metrics.backend_failures.labels(backend.name, failure.reason).inc()
        log.warning(
            "backend failed",
            extra={
                "fields": {
                    "backend": backend.name,
                    "reason": failure.reason,
                    "detail": failure.detail,
                    "request_id": exchange.request_id,
                }
            },
        )

    def _key(self, name: str, path: Path) -> str:
        read_at, key = self._keys.get(name, (float("-inf"), ""))
        if time.monotonic() - read_at > _KEY_SECONDS:
            try:
                key = path.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise BackendError("connection", f"its key: {error.strerror}") from None
            self._keys[name] = (time.monotonic(), key)
        return key


def _failure(error: BackendError | TimeoutError | aiohttp.ClientError) -> BackendError:
    if isinstance(error, BackendError):
        return error
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
        return BackendError("timeout", "no answer in time")
    return BackendError("connection", type(error).__name__)


def _all_failed(last: BackendError) -> GatewayError:
    if last.reason == "rate_limited":
        return GatewayError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "every backend of this model is at its own limit",
            LIMITED,
            "rate_limit_exceeded",
            {"retry-after": "10"},
        )
    if last.reason == "timeout":
        return GatewayError(
            HTTPStatus.GATEWAY_TIMEOUT, "no backend answered in time", TIMEOUT, "timeout"
        )
    return GatewayError(
        HTTPStatus.BAD_GATEWAY, "every backend of this model failed", BACKEND_ERROR, "bad_gateway"
    )


def _decoded(data: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BackendError("malformed", "its answer is no JSON object") from None
