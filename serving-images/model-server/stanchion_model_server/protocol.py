"""Uvicorn's HTTP protocol with one system call a response instead of two.

Uvicorn writes a response's head when it is started and its body when that comes. For answers as
short as predictions, the second call to the kernel costs as much as everything else together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio


class _Joining:
    """A transport that holds a response's head back until its body is written.

    The two come in one step of the event loop; where no body comes, as for HEAD, the next step
    lets the head go.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self._head = data
            self._loop.call_soon(self._release)
            return
        self._transport.write(data)

    def close(self) -> None:
        self._release()
        self._transport.close()

    def _release(self) -> None:
        if self._head:
            self.write(b"")


class JoiningProtocol(HttpToolsProtocol):
    """What `uvicorn.Config(http=...)` takes."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the joining transport between uvicorn and the connection."""
        super().connection_made(_Joining(transport, self.loop))  # type: ignore[arg-type]
