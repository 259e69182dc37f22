"""Writing a response, whole or as events."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from stanchion_llm_gateway.sse import DONE

if TYPE_CHECKING:
    from collections.abc import Mapping


class Reply:
    """The response to one request.

    Args:
        send: ASGI's.
        headers: Sent with whatever is replied.
    """

    def __init__(self, send: Any, headers: Mapping[str, str]) -> None:
        self._send, self._headers = send, dict(headers)
        self.begun = False
        """Whether the client has seen something of it."""
        self._open = False

    async def whole(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """All of it at once, as JSON."""
        length = str(len(body))
        own = {"content-type": "application/json", "content-length": length, **(headers or {})}
        await self._start(status, own)
        await self._send({"type": "http.response.body", "body": body})

    async def begin_events(self) -> None:
        """The head of a stream; proxies are asked not to hold it back."""
        await self._start(
            HTTPStatus.OK,
            {
                "content-type": "text/event-stream; charset=utf-8",
                "cache-control": "no-cache",
                "x-accel-buffering": "no",
            },
        )
        self._open = True

    async def piece(self, data: bytes) -> None:
        """One event."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end_events(self) -> None:
        """The event that ends a stream, and its end."""
        self._open = False
        await self._send({"type": "http.response.body", "body": b"data: " + DONE + b"\n\n"})

    async def break_off(self, data: bytes) -> None:
        """End a stream that cannot be finished with an event that says why.

        Nothing is added to what has ended.
        """
        if self._open:
            await self.piece(data)
            await self.end_events()

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.begun = True
        encoded = [(k.encode(), v.encode()) for k, v in {**self._headers, **headers}.items()]
        await self._send({"type": "http.response.start", "status": int(status), "headers": encoded})
