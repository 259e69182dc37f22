"""What of Feast's server is open: one question, and whether it can be asked."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from stanchion_feature_store.metrics import Metrics

QUESTION: Final = "/get-online-features"
_MOST_BYTES: Final = 1_048_576


class Application:
    """An ASGI application around Feast's, which also writes, chats and materialises.

    `POST /get-online-features` is Feast's; `/health` says that the process lives, `/ready` that it
    takes requests and the database answers. All else is 404 or 405 and never reaches Feast; the
    role of the database could write nothing either.

    Args:
        inner: Feast's application.
        metrics: Where requests are counted.
        answers: Whether the database does, in a thread of its own.
    """

    def __init__(self, inner: Any, metrics: Metrics, answers: Callable[[], bool]) -> None:
        self._inner, self._metrics, self._answers = inner, metrics, answers
        self._draining = False

    def drain(self) -> None:
        """Be unready from now on."""
        self._draining = True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request, or the server's own start and end, which are Feast's."""
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
        elif scope["path"] == QUESTION:
            await self._asked(scope, receive, send)
        elif scope["path"] == "/health":
            await _answer(send, 200, {"status": "alive"})
        elif scope["path"] == "/ready":
            ready = not self._draining and await asyncio.to_thread(self._answers)
            await _answer(send, 200 if ready else 503, {"ready": ready})
        else:
            await _answer(send, 404, {"detail": f"there is {QUESTION} alone"})

    async def _asked(self, scope: Any, receive: Any, send: Any) -> None:
        began, status = time.perf_counter(), 500

        async def noted(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._draining:
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        try:
            if scope["method"] != "POST":
                await _answer(noted, 405, {"detail": "ask by POST"})
            elif _length(scope) > _MOST_BYTES:
                await _answer(noted, 413, {"detail": f"more than {_MOST_BYTES} bytes"})
            else:
                await self._inner(scope, receive, noted)
        finally:
            outcome = "answered" if status < 400 else "refused" if status < 500 else "failed"
            self._metrics.requests.labels(outcome).inc()
            self._metrics.duration.labels(outcome).observe(time.perf_counter() - began)


def _length(scope: Any) -> int:
    """Of the body; what comes without its length is taken for too long."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return _MOST_BYTES + 1


async def _answer(send: Any, status: int, content: dict[str, Any]) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
