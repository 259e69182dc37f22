"""MLflow's own application with authentication, and around it metrics and what it lacks.

MLflow's exporter belongs to gunicorn and its host check to uvicorn; this wrapper gives both under
uvicorn. Each worker counts into files that `stanchion_mlflow.serve` exposes on a port of its own,
away from MLflow's.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
import re
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg2
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy.engine import make_url

from stanchion_mlflow import logging_setup
from stanchion_mlflow.settings import ARTIFACT_ROOT_VARIABLE, BACKEND_STORE_VARIABLE

_LABELS: Final = ("method", "handler", "status")
_REQUESTS = Counter("mlflow_http_requests", "Requests answered by MLflow.", _LABELS)
_SECONDS = Histogram(
    "mlflow_http_request_duration_seconds",
    "Time from a request's headers to the end of its response.",
    ("method", "handler"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
_IN_FLIGHT = Gauge(
    "mlflow_http_requests_in_flight",
    "Requests accepted and not yet answered.",
    multiprocess_mode="livesum",
)
_API: Final = re.compile(
    r"^/(?:ajax-)?api/\d+\.\d+/(mlflow(?:-artifacts)?(?:/[a-z]+(?:-[a-z]+)*(?=/|$)){1,2})"
)
_PAGES: Final = ("/health", "/version", "/graphql", "/static-files", "/v1", "/get-artifact")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def handler(path: str) -> str:
    """A request's path without its parameters: few values, so that series stay few.

    `/api/2.0/mlflow/registered-models/get` becomes `mlflow/registered-models/get`; an artifact's
    path is cut off; what is no known route is `other`, however many paths a scanner tries.
    """
    if found := _API.match(path):
        known = found.group(1)
        return "mlflow-artifacts" if known.startswith("mlflow-artifacts") else known
    for page in _PAGES:
        if path == page or path.startswith(f"{page}/"):
            return page
    return "/" if path == "/" else "other"


class Measured:
    """ASGI middleware that counts and times requests, those refused further in too."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass one request on and observe what comes back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def observing(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        _IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, observing)
        finally:
            _IN_FLIGHT.dec()
            method = scope["method"] if scope["method"] in _METHODS else "other"
            known = handler(scope["path"]) if status != 404 else "other"
            _REQUESTS.labels(method, known, str(status)).inc()
            _SECONDS.labels(method, known).observe(time.perf_counter() - started)


class Guarded:
    """ASGI middleware for what MLflow has no setting for: users who only read, and readiness.

    Every MLflow user may create experiments and models, and owns what they create. Users named
    here may not: whatever could write is refused before MLflow sees it.

    `/ready` answers 200 while the database does, and 503 while it does not; MLflow's own
    `/health` says only that the process lives. Like it, `/ready` is asked by address and so is
    exempt from the host check and from authentication, and tells nothing else.
    """

    def __init__(self, app: Any, readers: frozenset[str], database_answers: Probe) -> None:
        self._app, self._readers, self._database_answers = app, readers, database_answers

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer, refuse or pass on one request."""
        if scope["type"] == "http":
            if scope["path"] == "/ready":
                ready = await asyncio.to_thread(self._database_answers)
                text = b"OK" if ready else b"the database does not answer"
                await _answer(send, 200 if ready else 503, b"text/plain", text)
                return
            user = _user(scope["headers"])
            if user in self._readers and not reads(scope["method"], scope["path"]):
                await _answer(send, 403, b"application/json", _READ_ONLY)
                return
        await self._app(scope, receive, send)


Probe = Callable[[], bool]
_READ_ONLY: Final = json.dumps(
    {"error_code": "PERMISSION_DENIED", "message": "this user may only read"}
).encode()
# What MLflow asks with POST though it only reads.
_QUERIES: Final = re.compile(
    r"/(?:[a-z-]*search(?:-[a-z-]+)?|get-latest-versions|get-history-bulk[a-z-]*|graphql)$"
)


def reads(method: str, path: str) -> bool:
    """Whether a request can only read. An unknown POST counts as writing."""
    return method in ("GET", "HEAD", "OPTIONS") or (
        method == "POST" and _QUERIES.search(path) is not None
    )


def _user(headers: list[tuple[bytes, bytes]]) -> str | None:
    """The name that a request claims; MLflow checks the password."""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, encoded = value.partition(b" ")
            if scheme.lower() == b"basic":
                try:
                    text = base64.b64decode(encoded.strip()).decode("utf-8", "replace")
                except binascii.Error:
                    return None
                return text.partition(":")[0]
    return None


async def _answer(send: Any, status: int, media_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _database_answers() -> bool:
    """Ask the tracking database, with a connection of its own, for at most two seconds."""
    url = make_url(os.environ[BACKEND_STORE_VARIABLE])
    try:
        connection = psycopg2.connect(
            host=url.host, port=url.port, dbname=url.database, user=url.username,
            connect_timeout=2, **{key: str(value) for key, value in url.query.items()},
        )  # fmt: skip
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        finally:
            connection.close()
    except psycopg2.Error:
        return False
    return True


def create_app() -> Measured:
    """The application that each worker runs; `stanchion_mlflow.serve` prepares its environment.

    Raises:
        mlflow.exceptions.MlflowException: The schema is not the one this image needs: migrate.
    """
    logging_setup.configure()
    # Heavy, and they connect to the database: only when a server asks for them.
    from mlflow.server.auth import create_app as create_authenticated_app  # noqa: PLC0415
    from mlflow.server.handlers import initialize_backend_stores  # noqa: PLC0415

    logging_setup.configure()  # again: importing MLflow put its own handlers back
    uri = os.environ[BACKEND_STORE_VARIABLE]
    initialize_backend_stores(uri, uri, os.environ[ARTIFACT_ROOT_VARIABLE])
    readers = frozenset(filter(None, os.environ.get("READ_ONLY_USERS", "").split(",")))
    return Measured(Guarded(create_authenticated_app(), readers, _database_answers))
