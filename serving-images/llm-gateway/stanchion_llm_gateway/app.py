"""The ASGI application: routes, limits of size and time, and one outcome for every request."""

from __future__ import annotations

import asyncio
import re
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stanchion_llm_gateway.errors import (
    CLIENT_GONE,
    SERVER_ERROR,
    TIMEOUT,
    GatewayError,
    bad_request,
)
from stanchion_llm_gateway.exchange import Exchange
from stanchion_llm_gateway.gateway import PATHS
from stanchion_llm_gateway.logs import log
from stanchion_llm_gateway.reply import Reply
from stanchion_llm_gateway.sse import event

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from stanchion_llm_gateway.audit import Audit
    from stanchion_llm_gateway.configuration import Configuration
    from stanchion_llm_gateway.gateway import Gateway
    from stanchion_llm_gateway.metrics import Metrics
    from stanchion_llm_gateway.tracing.traces import Traces

_CLIENT_CLOSED: Final = 499
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class Application:
    """The gateway's ASGI callable."""

    def __init__(
        self,
        configuration: Configuration,
        gateway: Gateway,
        metrics: Metrics,
        records: tuple[Audit, Traces],
    ) -> None:
        self._gateway, self._metrics = gateway, metrics
        self._audit, self._traces = records
        self._largest, self._longest = configuration.max_body_bytes, configuration.stream_seconds
        self.draining = False

    def drain(self) -> None:
        """From now on unready, and every answer closes its connection."""
        self.draining = True

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one HTTP request; other protocols are not spoken."""
        if scope["type"] != "http":
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(12)
        own = {"x-request-id": request_id, **({"connection": "close"} if self.draining else {})}
        reply = Reply(send, own)
        path, method = scope["path"], scope["method"]
        if path in PATHS and method == "POST":
            with self._metrics.in_flight.track_inprogress():
                await self._measured(Exchange(request_id, path), headers, receive, reply)
            return
        try:
            status, page = self._page(path, method, headers)
        except GatewayError as error:
            await reply.whole(error.status, msgspec.json.encode(error.body()), error.headers)
            return
        await reply.whole(status, msgspec.json.encode(page))

    def _page(self, path: str, method: str, headers: dict[str, str]) -> tuple[int, Any]:
        pages = {"/health/live", "/health/ready", "/v1/models"}
        if path not in pages | set(PATHS):
            raise GatewayError(HTTPStatus.NOT_FOUND, f"{path}: no such path", code="not_found")
        if path in PATHS or method not in ("GET", "HEAD"):
            allowed = "POST" if path in PATHS else "GET"
            raise GatewayError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"{path} takes {allowed}",
                code="method_not_allowed",
                headers={"allow": allowed},
            )
        if path == "/v1/models":
            return HTTPStatus.OK, self._gateway.models(headers)
        if path == "/health/ready" and self.draining:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"ready": False, "state": "draining"}
        return HTTPStatus.OK, {"ready" if path == "/health/ready" else "live": True}

    async def _measured(
        self, exchange: Exchange, headers: dict[str, str], receive: Any, reply: Reply
    ) -> None:
        """One request to a model: its limits, its outcome, its metrics and its audit line."""
        refusal: GatewayError | None = None
        try:
            async with asyncio.timeout(self._longest):
                raw = await self._body(headers, receive)
                answer = self._gateway.answer(exchange, headers, raw, reply)
                await _while_listened_to(answer, receive)
        except GatewayError as error:
            refusal = error
        except TimeoutError:
            told = f"not answered within {self._longest:g} s"
            refusal = GatewayError(HTTPStatus.GATEWAY_TIMEOUT, told, TIMEOUT, "timeout")
        except _ClientGoneError:
            exchange.outcome, exchange.status = CLIENT_GONE, _CLIENT_CLOSED
            exchange.error = "the client went away"
        except Exception as error:  # noqa: BLE001 - one request must not end the others
            # Not its traceback: messages of exceptions may quote a prompt.
            log.error(
                "request failed",
                extra={
                    "fields": {
                        "request_id": exchange.request_id,
                        "error": type(error).__name__,
                        "at": _place(error),
                    }
                },
            )
            refusal = GatewayError(
                HTTPStatus.INTERNAL_SERVER_ERROR, "the gateway failed", SERVER_ERROR, "internal"
            )
        if refusal is not None:
            await self._refuse(refusal, exchange, reply)
        self._record(exchange)

    @staticmethod
    async def _refuse(refusal: GatewayError, exchange: Exchange, reply: Reply) -> None:
        exchange.outcome, exchange.error = refusal.outcome, refusal.kept
        exchange.status = refusal.status
        if reply.begun:
            await reply.break_off(event(refusal.body()))
        else:
            body = msgspec.json.encode(refusal.body())
            await reply.whole(refusal.status, body, refusal.headers)

    def _record(self, exchange: Exchange) -> None:
        self._metrics.duration.labels(exchange.model).observe(exchange.seconds)
        self._metrics.overhead.labels(exchange.model).observe(exchange.seconds - exchange.waited)
        labels = (exchange.consumer, exchange.model, exchange.outcome)
        self._metrics.requests.labels(*labels).inc()
        for direction, hit in exchange.hits:
            self._metrics.guardrail_hits.labels(direction, hit.kind, hit.action).inc()
        self._traces.sample(exchange)
        self._audit.write(exchange)

    async def _body(self, headers: dict[str, str], receive: Any) -> bytes:
        announced = headers.get("content-length", "0")
        too_large = GatewayError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body is larger than {self._largest} bytes",
            headers={"connection": "close"},
        )
        if not announced.isdigit():
            raise bad_request("content-length is no number")
        if int(announced) > self._largest:
            raise too_large
        body = b""
        while True:
            message: dict[str, Any] = await receive()
            if message["type"] == "http.disconnect":
                raise _ClientGoneError
            body += bytes(message.get("body", b""))
            if len(body) > self._largest:
                raise too_large
            if not message.get("more_body", False):
                return body


async def _while_listened_to(answer: Coroutine[Any, Any, None], receive: Any) -> None:
    """Answer, unless the client goes away before the end: then the backend can stop too."""
    working = asyncio.ensure_future(answer)
    listening = asyncio.ensure_future(receive())
    try:
        await asyncio.wait({working, listening}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise _ClientGoneError
        await working
    finally:
        for task in (working, listening):
            task.cancel()
        await asyncio.gather(working, listening, return_exceptions=True)


class _ClientGoneError(Exception):
    """Nobody is there to answer."""


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"
