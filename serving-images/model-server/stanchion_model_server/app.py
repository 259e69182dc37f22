"""The ASGI application: routes, limits, and one outcome for every prediction request.

Plain ASGI, with the few routes in dictionaries: a framework's routing, validation and response
classes would cost more than the prediction.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from mlflow import __version__ as mlflow_version
from mlflow.exceptions import MlflowException
from prometheus_client import CONTENT_TYPE_LATEST
from stanchion_serving import outcomes

from stanchion_model_server import invocations, logs, v2
from stanchion_model_server.errors import RequestError
from stanchion_model_server.logs import log
from stanchion_model_server.service import Phase, Service

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stanchion_model_server.signature import Batchable, Unmerged

Scope = dict[str, Any]
Receive = "Callable[[], Awaitable[dict[str, Any]]]"
Send = "Callable[[dict[str, Any]], Awaitable[None]]"
Answer = tuple[int, bytes]

_JSON_TYPE: Final = (b"content-type", b"application/json")
_CLOSE: Final = (b"connection", b"close")
_EXTENSIONS: Final[list[str]] = []
# Beyond this, reading a body takes long enough for other requests to notice.
_LARGE_BODY: Final = 64 * 1024
# Unique among processes by its first part, within one by its second.
_ID_PREFIX: Final = secrets.token_hex(8).encode()
_ids: Final = itertools.count(1)
_OUTCOMES: Final = {
    HTTPStatus.SERVICE_UNAVAILABLE: outcomes.UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT: outcomes.TIMEOUT,
}


class Application:
    """The server's ASGI callable."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self._service, self._metrics = service, service.metrics
        self._limit, self._seconds = settings.max_body_bytes, settings.request_timeout_seconds
        self.access_log = logs.AccessLog()
        self._head = v2.response_head(settings.name, settings.model_version)
        self._output_name = "output-0"
        model = f"/v2/models/{settings.name}"
        pinned = f"{model}/versions/{settings.model_version}"
        self._predictions: dict[str, Callable[[bytes, str, str], Awaitable[bytes]]] = {
            f"{model}/infer": self._infer,
            f"{pinned}/infer": self._infer,
            "/invocations": self._invoke,
        }
        self._pages: dict[str, Callable[[], Answer]] = {
            "/v2": self._server_metadata,
            "/v2/health/live": lambda: (HTTPStatus.OK, b'{"live":true}'),
            "/v2/health/ready": self._ready,
            model: self._model_metadata,
            pinned: self._model_metadata,
            f"{model}/ready": self._ready,
            f"{pinned}/ready": self._ready,
            "/ping": self._ready,
            "/health": self._ready,
            "/version": lambda: (HTTPStatus.OK, mlflow_version.encode()),
        }

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one HTTP request; other protocols are not spoken."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        predict = self._predictions.get(path)
        if predict is not None and method == "POST":
            await self._measured(predict, scope, receive, send)
            return
        if path == "/metrics" and method == "GET":
            headers = [(b"content-type", CONTENT_TYPE_LATEST.encode())]
            await self._respond(send, HTTPStatus.OK, self._metrics.exposition(), headers)
            return
        page = self._pages.get(path)
        if page is not None and method in ("GET", "HEAD"):
            status, body = page()
        elif page is not None or predict is not None or path == "/metrics":
            allowed = "POST" if predict is not None else "GET"
            status, body = _failure(
                RequestError(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} takes {allowed}, not {method}")
            )
        else:
            status, body = _failure(RequestError(HTTPStatus.NOT_FOUND, self._unknown(path)))
        await self._respond(send, status, body, [_JSON_TYPE])

    async def _measured(
        self,
        predict: Callable[[bytes, str, str], Awaitable[bytes]],
        scope: Scope,
        receive: Any,
        send: Any,
    ) -> None:
        """One prediction request: limits, metrics, request id and a line in the access log."""
        started = time.perf_counter()
        self._metrics.in_flight.inc()
        request_id, media_type, length = _read_headers(scope["headers"])
        headers = [_JSON_TYPE, (b"x-request-id", request_id)]
        outcome, error = outcomes.OK, ""
        status: int = HTTPStatus.OK
        try:
            async with asyncio.timeout(self._seconds):
                self._admit(length)
                asked = await self._body(receive)
                body = await predict(asked, media_type, request_id.decode("latin-1"))
        except RequestError as refusal:
            status, body = _failure(refusal)
            error = refusal.logged
            outcome = _OUTCOMES.get(refusal.status, outcomes.CLIENT_ERROR)
            if refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                headers.append(_CLOSE)  # the rest of the body is not worth reading
        except TimeoutError:
            error = f"not answered within {self._seconds:g} s"
            status, body = _failure(RequestError(HTTPStatus.GATEWAY_TIMEOUT, error))
            outcome = outcomes.TIMEOUT
            headers.append(_CLOSE)
        except _ClientGoneError:
            outcome, error, status = outcomes.CLIENT_ERROR, "the client went away", 499
            body = b""
        except Exception as failure:  # noqa: BLE001 - the model's own code may raise anything
            log.exception(
                "prediction failed", extra={"fields": {"request_id": request_id.decode("latin-1")}}
            )
            error = f"the model failed: {type(failure).__name__}"
            status, body = _failure(RequestError(HTTPStatus.INTERNAL_SERVER_ERROR, error))
            outcome = outcomes.SERVER_ERROR
        finally:
            self._metrics.in_flight.dec()
        took = time.perf_counter() - started
        self._metrics.observe(outcome, took)
        await self._respond(send, status, body, headers)
        entry = {
            "time": logs.timestamp(),
            "level": "info" if outcome == outcomes.OK else "warning",
            "message": "request",
            "request_id": request_id.decode("latin-1"),
            "path": scope["path"],
            "status": status,
            "outcome": outcome,
            "duration_ms": round(took * 1000, 3),
        }
        if error:
            entry["error"] = error
        self.access_log.add(asyncio.get_running_loop(), entry)

    def _admit(self, length: int) -> None:
        """Refuse what needs no reading: 503 while there is no model, 413 by the announced size."""
        if self._service.served is None:
            raise RequestError(HTTPStatus.SERVICE_UNAVAILABLE, self._service.reason)
        if length > self._limit:
            raise self._too_large()

    async def _body(self, receive: Any) -> bytes:
        """The request's whole body.

        Raises:
            RequestError: 413 as soon as it is larger than the limit.
        """
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGoneError
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False) and len(body) <= self._limit:
            return body
        parts, size = [body], len(body)
        while message.get("more_body", False) and size <= self._limit:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _ClientGoneError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        if size > self._limit:
            raise self._too_large()
        return b"".join(parts)

    def _too_large(self) -> RequestError:
        return RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {self._limit} bytes"
        )

    async def _infer(self, body: bytes, media_type: str, request_id: str) -> bytes:
        if media_type not in ("", invocations.JSON):
            raise _unsupported(media_type, invocations.JSON)
        served = self._service.served
        assert served is not None  # noqa: S101 - `_measured` saw one
        parsed = (
            v2.read(body, served.signature)
            if len(body) < _LARGE_BODY
            else await asyncio.to_thread(v2.read, body, served.signature)
        )
        return await self._answered(
            parsed.rows,
            lambda result: v2.write(result, parsed.id, self._head, self._output_name),
            parsed.id or request_id,
            len(body),
        )

    async def _invoke(self, body: bytes, media_type: str, request_id: str) -> bytes:
        if media_type not in (invocations.JSON, invocations.CSV):
            raise _unsupported(media_type, f"{invocations.JSON} or {invocations.CSV}")
        served = self._service.served
        assert served is not None  # noqa: S101 - `_measured` saw one
        reader = served.reader
        item: Batchable | Unmerged | None = None
        if media_type == invocations.JSON:
            item = (
                reader.read_fast(body)
                if len(body) < _LARGE_BODY
                else await asyncio.to_thread(reader.read_fast, body)
            )
        if item is None:
            item = await asyncio.to_thread(reader.read, body, media_type)
        return await self._answered(item, invocations.write, request_id, len(body))

    async def _answered(
        self,
        item: Batchable | Unmerged,
        write: Callable[[Any], bytes],
        request_id: str,
        size: int,
    ) -> bytes:
        """The answer to checked rows, which are counted, and logged where they are to be."""
        held = self._metrics.fields.hold(item)
        log_to = self._service.prediction_log
        taken = log_to.take(item, request_id) if log_to is not None else None
        result = await self._predict(item)
        answer = write(result)
        self._metrics.outputs.observe(result)
        self._metrics.fields.observe(held)
        if log_to is not None and taken is not None:
            log_to.add(taken, result, size + len(answer))
        return answer

    async def _predict(self, item: Batchable | Unmerged) -> Any:
        """The model's answer, with what it refuses told apart from what breaks it."""
        try:
            return await self._service.predict(item)
        except MlflowException as error:
            raise invocations.from_mlflow(error) from None
        except (ValueError, TypeError) as error:
            raise invocations.refused_by_model(error) from error

    def _ready(self) -> Answer:
        if self._service.ready:
            return HTTPStatus.OK, b'{"ready":true}'
        state = {"ready": False, "state": self._service.phase, "reason": self._service.reason}
        return HTTPStatus.SERVICE_UNAVAILABLE, msgspec.json.encode(state)

    def _server_metadata(self) -> Answer:
        described = {
            "name": "stanchion-model-server",
            "version": mlflow_version,
            "extensions": _EXTENSIONS,
        }
        return HTTPStatus.OK, msgspec.json.encode(described)

    def _model_metadata(self) -> Answer:
        service = self._service
        if service.served is None:
            return _failure(RequestError(HTTPStatus.SERVICE_UNAVAILABLE, service.reason))
        settings = service.settings
        signature = service.served.model.metadata.signature
        described = v2.metadata(settings.name, settings.model_version, signature)
        described["parameters"] = {
            "registered_model": settings.model_name,
            "digest": service.served.digest,
        }
        return HTTPStatus.OK, msgspec.json.encode(described)

    def _unknown(self, path: str) -> str:
        settings = self._service.settings
        if path.startswith("/v2/models/"):
            return (
                f"{path}: this server has model {settings.name}, version {settings.model_version}"
            )
        return f"{path}: no such path"

    async def _respond(
        self, send: Any, status: int, body: bytes, headers: list[tuple[bytes, bytes]]
    ) -> None:
        headers.append((b"content-length", b"%d" % len(body)))
        if self._service.phase is Phase.DRAINING:
            headers.append(_CLOSE)  # the client's next request goes to another pod
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _ClientGoneError(Exception):
    """Nobody is there to answer."""


def _failure(error: RequestError) -> Answer:
    return error.status, msgspec.json.encode(error.body())


def _unsupported(media_type: str, wanted: str) -> RequestError:
    shown = media_type or "none"
    return RequestError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"content type {shown} is not read; send {wanted}"
    )


def _read_headers(headers: list[tuple[bytes, bytes]]) -> tuple[bytes, str, int]:
    """The request's id (given or new), media type and announced length."""
    request_id, media_type, length = b"", "", 0
    for name, value in headers:
        if name == b"content-type":
            media_type = value.decode("latin-1").partition(";")[0].strip().lower()
        elif name == b"content-length":
            length = int(value)
        elif name == b"x-request-id":
            request_id = value[:200]
    return request_id or b"%s-%x" % (_ID_PREFIX, next(_ids)), media_type, length
