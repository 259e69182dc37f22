"""One request passed on over a connection of its own, and its answer passed back, as they come."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import h11

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from stanchion_activator.replicas import Connection

Headers = list[tuple[bytes, bytes]]
_PIECE_BYTES: Final = 64 * 1024
_AHEAD_BYTES: Final = 64 * 1024
_HEAD_BYTES: Final = 64 * 1024
_OF_A_CONNECTION: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        # Answered by whoever reads the body, which the activator does.
        b"expect",
    }
)


class BrokenError(Exception):
    """The replica went away before its answer was whole, or answered with what is no HTTP."""


class Body:
    """A request's body, read no further ahead than a piece or two, and whether its client is there.

    That a client has gone shows once what it sent was read: not while the rest of a large body
    waits with it.

    Args:
        receive: ASGI's.
    """

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._held = 0
        self._room = asyncio.Event()
        self._room.set()

    async def pump(self) -> None:
        """Read on as the pieces are taken; returns when the client has gone."""
        while True:
            await self._room.wait()
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return
            if piece := message.get("body", b""):
                self._pieces.put_nowait(piece)
                self._count(len(piece))
            if not message.get("more_body", False):
                self._pieces.put_nowait(None)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body."""
        while (piece := await self._pieces.get()) is not None:
            self._count(-len(piece))
            yield piece

    def _count(self, more: int) -> None:
        self._held += more
        if self._held < _AHEAD_BYTES:
            self._room.set()
        else:
            self._room.clear()


class Answer:
    """What the client gets.

    Args:
        send: ASGI's.
        closes: Whether the client's connection ends with it.

    Attributes:
        status: Its status; 0 before it has begun.
        ended: Whether all of it was sent.
    """

    def __init__(self, send: Any, *, closes: bool) -> None:
        self._send, self._closes = send, closes
        self.status, self.ended = 0, False

    async def begin(self, status: int, headers: Headers) -> None:
        """Send its head."""
        self.status = status
        if self._closes:
            headers = [*headers, (b"connection", b"close")]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def piece(self, data: bytes, *, last: bool = False) -> None:
        """Send a part of its body."""
        self.ended = last
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})


async def exchange(
    connection: Connection, scope: dict[str, Any], body: Body, answer: Answer
) -> None:
    """Pass a request on and its answer back; the connection is closed in any case.

    Raises:
        BrokenError: when the answer does not come, or not to its end.
        h11.LocalProtocolError: when the request is none that may be passed on.
    """
    reader, writer = connection
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    try:
        writer.write(protocol.send(_head(scope)) or b"")
        asking = asyncio.create_task(_ask(protocol, writer, body))
        try:
            await _pass_back(protocol, reader, answer)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
    except (OSError, h11.RemoteProtocolError) as error:
        raise BrokenError(str(error) or type(error).__name__) from None
    finally:
        writer.close()


def _head(scope: dict[str, Any]) -> h11.Request:
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    headers = [*_end_to_end(scope["headers"]), (b"connection", b"close")]
    names = {name for name, _ in headers}
    if b"host" not in names:
        headers.append((b"host", b"replica"))
    if b"content-length" not in names and _is_chunked(scope["headers"]):
        headers.append((b"transfer-encoding", b"chunked"))
    return h11.Request(method=scope["method"], target=target, headers=headers)


def _end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers without those that are about one connection."""
    known = list(headers)
    named = {
        word.strip().lower()
        for name, value in known
        if name.lower() == b"connection"
        for word in value.split(b",")
    }
    return [(n, v) for n, v in known if n.lower() not in _OF_A_CONNECTION | named]


def _is_chunked(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"transfer-encoding" for name, _ in headers)


async def _ask(protocol: h11.Connection, writer: asyncio.StreamWriter, body: Body) -> None:
    # A replica may answer before it has read everything, and close: the answer tells, not this.
    async for piece in body.pieces():
        writer.write(protocol.send(h11.Data(data=piece)) or b"")
        await writer.drain()
    writer.write(protocol.send(h11.EndOfMessage()) or b"")
    await writer.drain()


async def _pass_back(
    protocol: h11.Connection, reader: asyncio.StreamReader, answer: Answer
) -> None:
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            protocol.receive_data(await reader.read(_PIECE_BYTES))
        elif isinstance(event, h11.Response):
            known = _end_to_end(event.headers.raw_items())
            # The server under the application writes a date itself.
            headers = [(name, value) for name, value in known if name.lower() != b"date"]
            await answer.begin(event.status_code, headers)
        elif isinstance(event, h11.Data):
            await answer.piece(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            await answer.piece(b"", last=True)
            return
        elif not isinstance(event, h11.InformationalResponse):
            raise BrokenError("the connection ended")
