"""Running the activator: uvicorn, with a shutdown that loses no request, waiting ones included."""

from __future__ import annotations

from prometheus_client import start_http_server
from stanchion_serving.server import DrainingServer, configured

from stanchion_activator.app import Application
from stanchion_activator.logs import log
from stanchion_activator.metrics import Metrics
from stanchion_activator.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until told to stop; returns after the last accepted request is answered."""
    metrics = Metrics()
    application = Application(settings, metrics)
    longest = settings.hold_seconds + settings.request_timeout_seconds
    config = configured(application, settings.host, settings.port, longest)
    start_http_server(settings.metrics_port, addr=settings.host, registry=metrics.registry)
    log.info(
        "listening",
        extra={
            "fields": {
                "port": settings.port,
                "metrics_port": settings.metrics_port,
                "replicas": f"{settings.replicas_host}:{settings.replicas_port}",
                "hold_seconds": settings.hold_seconds,
            }
        },
    )
    DrainingServer(config, application.drain, settings.drain_seconds).run()
    application.access_log.flush()
    log.info("stopped")
