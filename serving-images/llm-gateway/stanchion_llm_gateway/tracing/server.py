"""The tracking server, as far as traces need it."""

from __future__ import annotations

import asyncio
import base64
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp

if TYPE_CHECKING:
    from stanchion_llm_gateway.tracing.configuration import Traces

_SECONDS: Final = 10
_EXPERIMENTS: Final = "/api/2.0/mlflow/experiments"


class TrackingError(Exception):
    """The tracking server does not take what it is sent. Never holds what that was."""


class TrackingServer:
    """MLflow's HTTP interface; a lost login or experiment is looked up again after a failure."""

    def __init__(self, configured: Traces) -> None:
        self._configured = configured
        self._session: aiohttp.ClientSession | None = None
        self._experiment: str | None = None

    async def send(self, body: bytes) -> None:
        """Take spans in OpenTelemetry's JSON; sent twice, they are there once.

        Raises:
            TrackingError: with the reason.
        """
        try:
            self._experiment = self._experiment or await self._find()
            headers = {"x-mlflow-experiment-id": self._experiment}
            await self._post("/v1/traces", body, headers)
        except TrackingError:
            self._experiment = None
            raise

    async def assess(self, trace_id: str, assessment: dict[str, Any]) -> None:
        """Add an assessment to a trace that is there.

        Raises:
            TrackingError: with the reason.
        """
        path = f"/api/3.0/mlflow/traces/{trace_id}/assessments"
        await self._post(path, {"assessment": assessment})

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _find(self) -> str:
        """The experiment's id, of a new one where there is none."""
        name = {"experiment_name": self._configured.experiment}
        status, found = await self._ask("GET", f"{_EXPERIMENTS}/get-by-name", params=name)
        if status == HTTPStatus.OK:
            return str(found["experiment"]["experiment_id"])
        if status != HTTPStatus.NOT_FOUND:
            raise TrackingError(f"status {status} for the experiment")
        made = await self._post(f"{_EXPERIMENTS}/create", {"name": self._configured.experiment})
        return str(made["experiment_id"])

    async def _post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        own = {"content-type": "application/json", **(headers or {})}
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        status, answer = await self._ask("POST", path, headers=own, **sent)
        if status != HTTPStatus.OK:
            raise TrackingError(f"status {status} for {path}")
        return answer

    async def _ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_SECONDS), cookie_jar=aiohttp.DummyCookieJar()
            )
        headers = {**more.pop("headers", {}), **await asyncio.to_thread(self._login)}
        address = f"{self._configured.url}{path}"
        try:
            async with self._session.request(
                method, address, headers=headers, allow_redirects=False, **more
            ) as reply:
                is_json = reply.content_type == "application/json"
                return reply.status, await reply.json() if is_json else None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise TrackingError(type(error).__name__) from None

    def _login(self) -> dict[str, str]:
        folder = self._configured.credentials_dir
        if folder is None:
            return {}
        try:
            name, password = (
                (folder / file).read_text(encoding="utf-8").strip()
                for file in ("username", "password")
            )
        except OSError as error:
            raise TrackingError(f"its login: {error.strerror}") from None
        both = base64.b64encode(f"{name}:{password}".encode()).decode()
        return {"authorization": f"Basic {both}"}
