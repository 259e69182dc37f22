"""Running the application: uvicorn, with a shutdown that loses no accepted request."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

import uvicorn

from stanchion_model_server.app import Application
from stanchion_model_server.logs import log
from stanchion_model_server.metrics import Metrics
from stanchion_model_server.protocol import JoiningProtocol
from stanchion_model_server.service import Service

if TYPE_CHECKING:
    import socket
    from types import FrameType

    from stanchion_model_server.settings import Settings

# Longer than the idle time of usual clients and proxies: they, not we, close idle connections.
_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 5
_LAST_REQUEST_SECONDS = 0.5


class Server(uvicorn.Server):
    """Uvicorn that on SIGTERM first turns unready, and stops accepting only after the drain.

    While it drains, every answer closes its connection, so that clients come back elsewhere.
    A second signal, or SIGINT, ends the wait.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._exit_at: float | None = None
        self._loading: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen first, load afterwards: liveness and the reason for waiting can be asked."""
        await super().startup(sockets)
        self._loading = asyncio.create_task(self._service.start())

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
        self._service.drain()
        self._exit_at = time.monotonic() + self._service.settings.drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: is it time to stop accepting?"""
        done = self._exit_at is not None and time.monotonic() >= self._exit_at
        return await super().on_tick(counter) or done


def serve(settings: Settings) -> None:
    """Serve until told to stop; returns after the last accepted request is answered."""
    service = Service(settings, Metrics(settings))
    application = Application(service)
    config = uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=JoiningProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.request_timeout_seconds) + _GRACE_SECONDS,
    )
    log.info(
        "listening",
        extra={
            "fields": {
                "port": settings.port,
                "service": settings.name,
                "model": settings.model_name,
                "version": settings.model_version,
                "digest": settings.model_digest,
            }
        },
    )
    try:
        Server(config, service).run()
    finally:
        service.close()
        application.access_log.flush()
    log.info("stopped")
