"""Uvicorn with a shutdown that loses no accepted request."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING, Any, Final, Literal

import uvicorn

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import FrameType

_KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the idle time of usual clients and proxies: they, not we, close idle connections."""
_GRACE_SECONDS: Final = 5
"""What the last request may take beyond its own time limit before it is cut off."""
_LAST_REQUEST_SECONDS: Final = 0.5


def configured(
    application: Callable[..., Any],
    host: str,
    port: int,
    request_seconds: float,
    *,
    http: type[asyncio.Protocol] | Literal["httptools"] = "httptools",
) -> uvicorn.Config:
    """How uvicorn runs an application here: without its own logs, headers and life cycle.

    Args:
        application: ASGI's.
        host: Address to listen on.
        port: Port to listen on.
        request_seconds: The longest that a request may take; the shutdown waits a little longer.
        http: What reads requests.
    """
    return uvicorn.Config(
        application,
        host=host,
        port=port,
        loop="uvloop",
        http=http,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(request_seconds) + _GRACE_SECONDS,
    )


class DrainingServer(uvicorn.Server):
    """Uvicorn that on SIGTERM first turns unready, and stops accepting only after the drain.

    While it drains, every answer should close its connection, so that clients come back
    elsewhere. A second signal, or SIGINT, ends the wait.

    Args:
        config: Uvicorn's.
        drain: Called at SIGTERM: from then on the application reports itself unready.
        drain_seconds: How long to go on accepting after that.
    """

    def __init__(
        self, config: uvicorn.Config, drain: Callable[[], None], drain_seconds: float
    ) -> None:
        super().__init__(config)
        self._drain, self._drain_seconds = drain, drain_seconds
        self._exit_at: float | None = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting; let connections that were accepted just now ask and be answered."""
        for listener in self.servers:
            listener.close()
        last_moment = time.monotonic() + _LAST_REQUEST_SECONDS
        while self.server_state.connections and time.monotonic() < last_moment:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Begin the drain, or end it."""
        if self._exit_at is not None or sig == signal.SIGINT:
            self.should_exit = True
            return
        self._drain()
        self._exit_at = time.monotonic() + self._drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: is it time to stop accepting?"""
        done = self._exit_at is not None and time.monotonic() >= self._exit_at
        return await super().on_tick(counter) or done
