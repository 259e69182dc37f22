"""Running the gateway: uvicorn, what goes on beside requests, and an end that loses no answer."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import uvicorn
from prometheus_client import start_http_server
from stanchion_serving.server import DrainingServer, configured

from stanchion_llm_gateway import stores
from stanchion_llm_gateway.app import Application
from stanchion_llm_gateway.audit import Audit
from stanchion_llm_gateway.backends import Backends
from stanchion_llm_gateway.gateway import Gateway
from stanchion_llm_gateway.keeping import Keeping
from stanchion_llm_gateway.ledger import Ledger
from stanchion_llm_gateway.logs import log
from stanchion_llm_gateway.metrics import Metrics
from stanchion_llm_gateway.tracing.traces import Traces

if TYPE_CHECKING:
    from stanchion_llm_gateway.configuration import Configuration

_HOUSEKEEPING_SECONDS: Final = 5.0


class Server(DrainingServer):
    """The draining server, with usage exchanged and old files deleted beside it."""

    def __init__(
        self,
        config: uvicorn.Config,
        configuration: Configuration,
        application: Application,
        parts: tuple[Backends, Ledger, Gateway, Audit, Traces],
    ) -> None:
        super().__init__(config, application.drain, configuration.drain_seconds)
        self._sync_seconds = configuration.ledger.sync_seconds
        self._backends, self._ledger, self._gateway, self._audit, self._traces = parts
        self._tasks: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Learn what is used already before the first request is admitted."""
        self._backends.open()
        await self._ledger.exchange()
        await super().startup(sockets)
        self._tasks = [
            asyncio.create_task(self._ledger.run(self._sync_seconds)),
            asyncio.create_task(self._keep_house()),
            asyncio.create_task(self._traces.run()),
        ]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish answers, then write down what they used."""
        await super().shutdown(sockets)
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._traces.close()
        await self._backends.close()
        await self._ledger.close()
        self._audit.close()

    async def _keep_house(self) -> None:
        while True:
            self._gateway.meter.show_budgets()
            self._audit.forget()
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)


def serve(configuration: Configuration, host: str, port: int, metrics_port: int) -> None:
    """Serve until told to stop; returns after the last accepted request is answered.

    Args:
        configuration: What to serve.
        host: Address to listen on.
        port: Of the API and the health pages.
        metrics_port: Of `/metrics`, apart because it names consumers.
    """
    metrics = Metrics(configuration)
    backends = Backends(configuration.backends, metrics, configuration.stream_seconds)
    ledger = Ledger(stores.opened(configuration.ledger), metrics.ledger_failures.inc)
    gateway = Gateway(configuration, backends, ledger, metrics)
    keeping = Keeping(configuration.audit.max_chars, gateway.prompt_guard.redacted)
    audit = Audit(configuration.audit, keeping)
    traces = Traces(configuration.traces, keeping, metrics, content=configuration.audit.content)
    application = Application(configuration, gateway, metrics, (audit, traces))
    config = configured(application, host, port, configuration.stream_seconds)
    start_http_server(metrics_port, addr=host, registry=metrics.registry)
    log.info(
        "listening",
        extra={
            "fields": {
                "port": port,
                "metrics_port": metrics_port,
                "models": [model.name for model in configuration.models],
                "injection_rules": gateway.prompt_guard.rules_date,
            }
        },
    )
    parts = (backends, ledger, gateway, audit, traces)
    Server(config, configuration, application, parts).run()
    log.info("stopped")
