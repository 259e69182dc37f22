"""The newest report over HTTP: health and metrics, read again every so often."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from stanchion_model_server.batch.storage import Folder
from stanchion_serving.server import DrainingServer, configured
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stanchion_drift_monitor.logs import log
from stanchion_drift_monitor.metrics import Metrics
from stanchion_drift_monitor.run import FORMAT, LATEST

if TYPE_CHECKING:
    from starlette.requests import Request

    from stanchion_drift_monitor.settings import ExporterSettings

_REQUEST_SECONDS = 30.0


def application(registry: CollectorRegistry) -> Starlette:
    """The pages: `/metrics`, `/health/live` and `/health/ready`."""

    async def exposition(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def health(_: Request) -> Response:
        return JSONResponse({"live": True})

    return Starlette(
        routes=[
            Route("/metrics", exposition),
            Route("/health/live", health),
            Route("/health/ready", health),
        ]
    )


def look(settings: ExporterSettings, metrics: Metrics) -> None:
    """Show the newest report; one of a later format is left alone.

    Raises:
        OSError: The store does not answer.
    """
    report = Folder(f"{settings.report_uri.rstrip('/')}/service={settings.service}").read(LATEST)
    if isinstance(report, dict) and report.get("format") == FORMAT:
        metrics.show(report)


def watch(settings: ExporterSettings, metrics: Metrics, ended: threading.Event) -> None:
    """Look at once and then every so often, whatever failed the last time."""
    while True:
        try:
            look(settings, metrics)
        except OSError as error:
            log.error("could not look", extra={"fields": {"error": str(error)}})
        if ended.wait(settings.poll_seconds):
            return


def serve(settings: ExporterSettings) -> None:
    """Serve until told to stop."""
    metrics, registry = Metrics(), CollectorRegistry()
    registry.register(metrics)
    ended = threading.Event()
    looking = threading.Thread(target=watch, args=(settings, metrics, ended), daemon=True)
    looking.start()
    fields = {"port": settings.port, "service": settings.service}
    log.info("listening", extra={"fields": fields})
    config = configured(application(registry), settings.host, settings.port, _REQUEST_SECONDS)
    DrainingServer(config, lambda: None, 0).run()
    ended.set()
    log.info("stopped")
