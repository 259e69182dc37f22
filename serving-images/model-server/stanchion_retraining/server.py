"""The trigger over HTTP: Alertmanager's notices, health, metrics, and a look every few minutes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from stanchion_serving.server import DrainingServer, configured
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stanchion_retraining.kubernetes import KubernetesError, Training
from stanchion_retraining.logs import log
from stanchion_retraining.metrics import Metrics
from stanchion_retraining.trigger import Trigger

if TYPE_CHECKING:
    from starlette.requests import Request

    from stanchion_retraining.settings import TriggerSettings

_LARGEST: Final = 1 << 20
"""Bytes of a notice; Alertmanager's of a service's few alerts has a few thousand."""
_REQUEST_SECONDS: Final = 30.0


def application(trigger: Trigger, metrics: Metrics) -> Starlette:
    """The pages: `POST /alerts`, `/health/live`, `/health/ready` and `/metrics`.

    A notice is answered with what came of each of its alerts: 200, also where nothing was
    started; 400 for what is no notice; 503 where Kubernetes did not answer, so that Alertmanager
    sends it again.
    """

    async def alerts(request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST:
                return JSONResponse({"error": f"is larger than {_LARGEST} bytes"}, 413)
        try:
            notice: Any = msgspec.json.decode(bytes(body))
            outcomes = await run_in_threadpool(trigger.alerted, notice)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        except KubernetesError as error:
            log.error("could not be judged", extra={"fields": {"error": str(error)}})
            return JSONResponse({"error": "Kubernetes did not answer"}, 503)
        return JSONResponse({"outcomes": outcomes})

    async def exposition(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def health(_: Request) -> Response:
        return JSONResponse({"live": True})

    return Starlette(
        routes=[
            Route("/alerts", alerts, methods=["POST"]),
            Route("/metrics", exposition),
            Route("/health/live", health),
            Route("/health/ready", health),
        ]
    )


def watch(trigger: Trigger, seconds: float, ended: threading.Event) -> None:
    """Look at once and then every so often, whatever failed the last time."""
    while True:
        try:
            trigger.look()
        except (KubernetesError, OSError) as error:
            log.error("could not look", extra={"fields": {"error": str(error)}})
        if ended.wait(seconds):
            return


def serve(settings: TriggerSettings) -> None:
    """Serve until told to stop."""
    metrics = Metrics()
    training = Training(
        settings.kubernetes_url,
        settings.kubernetes_account_dir,
        settings.namespace,
        settings.cron_job,
    )
    trigger = Trigger(settings, training, metrics)
    ended = threading.Event()
    looking = threading.Thread(
        target=watch, args=(trigger, settings.poll_seconds, ended), daemon=True
    )
    looking.start()
    fields = {"port": settings.port, "training": settings.cron_job, "alerts": settings.reasons}
    log.info("listening", extra={"fields": fields})
    config = configured(
        application(trigger, metrics), settings.host, settings.port, _REQUEST_SECONDS
    )
    DrainingServer(config, lambda: None, 0).run()
    ended.set()
    log.info("stopped")
