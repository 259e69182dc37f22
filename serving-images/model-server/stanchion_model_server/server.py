"""Running the application: uvicorn, with a shutdown that loses no accepted request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import uvicorn
from stanchion_serving.server import DrainingServer, configured

from stanchion_model_server.app import Application
from stanchion_model_server.logs import log
from stanchion_model_server.metrics import Metrics
from stanchion_model_server.protocol import JoiningProtocol
from stanchion_model_server.service import Service

if TYPE_CHECKING:
    import socket

    from stanchion_model_server.settings import Settings


class Server(DrainingServer):
    """The draining server that loads the model once it listens."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config, service.drain, service.settings.drain_seconds)
        self._service = service
        self._loading: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen first, load afterwards: liveness and the reason for waiting can be asked."""
        await super().startup(sockets)
        self._loading = asyncio.create_task(self._service.start())


def serve(settings: Settings) -> None:
    """Serve until told to stop; returns after the last accepted request is answered."""
    service = Service(settings, Metrics(settings))
    application = Application(service)
    config = configured(
        application,
        settings.host,
        settings.port,
        settings.request_timeout_seconds,
        http=JoiningProtocol,
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
