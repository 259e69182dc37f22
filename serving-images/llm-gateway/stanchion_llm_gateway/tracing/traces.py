"""Which requests become traces, and the worker that sends them: never in a request's way."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from stanchion_llm_gateway.logs import log
from stanchion_llm_gateway.metrics import RESULTS
from stanchion_llm_gateway.tracing import grounding, otlp
from stanchion_llm_gateway.tracing.server import TrackingError, TrackingServer

if TYPE_CHECKING:
    from stanchion_llm_gateway.exchange import Exchange
    from stanchion_llm_gateway.keeping import Keeping
    from stanchion_llm_gateway.metrics import Metrics
    from stanchion_llm_gateway.tracing.configuration import Traces as Configured

SENT, DROPPED, FAILED = RESULTS
_BATCH: Final = 32
_EVERY_SECONDS: Final = 1.0
_ATTEMPTS: Final = 3
_MOST_TEXTS: Final = 20
"""Of a conversation its last messages."""


class Traces:
    """Takes sampled requests, and sends what may be kept of them to the tracking server.

    Args:
        configured: Where to; None: no request becomes a trace.
        keeping: What is kept of texts.
        content: Whether traces hold texts at all.
        metrics: Counts what became of each trace.
    """

    def __init__(
        self, configured: Configured | None, keeping: Keeping, metrics: Metrics, *, content: bool
    ) -> None:
        self._share = configured.sample_percent / 100 if configured else 0.0
        self._most = configured.queue if configured else 0
        self._server = TrackingServer(configured) if configured else None
        self._grounding = configured.groundedness if configured else None
        self._keeping, self._content, self._metrics = keeping, content, metrics
        self._waiting: deque[Exchange] = deque()

    def sample(self, exchange: Exchange) -> None:
        """Decide, at its end, whether a request becomes a trace."""
        if self._server is None or random.random() >= self._share:  # noqa: S311 - a sample
            return
        if len(self._waiting) >= self._most:
            self._metrics.traces.labels(DROPPED).inc()
            return
        exchange.trace_id, exchange.ended = secrets.token_hex(16), time.time_ns()
        if self._grounding is not None:
            exchange.context = grounding.context_of(exchange, self._grounding)
        # What is not kept must not wait either: a full queue stays small.
        beginning = self._keeping.beginning
        said = [(role, beginning(text)) for role, text in exchange.said[-_MOST_TEXTS:]]
        answer = exchange.answer if exchange.context else [beginning("".join(exchange.answer))]
        waiting = replace(exchange, prompt=[], variables={}, said=said, answer=answer)
        self._waiting.append(waiting)

    async def run(self) -> None:
        """Send what waits, for ever."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            await self._send_all()

    async def close(self, seconds: float = 5.0) -> None:
        """Send what still waits, for so long at most."""
        if self._server is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._send_all()
        self._metrics.traces.labels(FAILED).inc(len(self._waiting))
        await self._server.close()

    async def _send_all(self) -> None:
        while self._waiting and self._server is not None:
            batch = [self._waiting[at] for at in range(min(_BATCH, len(self._waiting)))]
            # Looking for personal data takes time, and nobody waits for this.
            body = await asyncio.to_thread(self._body, batch)
            sent = await self._sent(self._server, body)
            for _ in batch:
                self._waiting.popleft()
            self._metrics.traces.labels(SENT if sent else FAILED).inc(len(batch))
            if sent and self._grounding is not None:
                await self._score(self._server, batch)

    async def _score(self, server: TrackingServer, batch: list[Exchange]) -> None:
        """Score answers; a score that MLflow does not take is in the metric all the same."""
        for exchange in batch:
            found = await asyncio.to_thread(grounding.score, exchange)
            if found is None:
                continue
            self._metrics.groundedness.labels(exchange.model).observe(found.score)
            words = ", ".join(found.missing) if self._content else ""
            missing = self._keeping.kept(words, clean=exchange.answer_is_clean)
            try:
                feedback = grounding.assessment(exchange, found, missing)
                await server.assess(feedback["trace_id"], feedback)
            except TrackingError as error:
                log.warning("score not taken", extra={"fields": {"reason": str(error)}})

    @staticmethod
    async def _sent(server: TrackingServer, body: bytes) -> bool:
        for attempt in range(_ATTEMPTS):
            try:
                await server.send(body)
            except TrackingError as error:
                fields = {"reason": str(error), "attempt": attempt + 1}
                log.warning("traces not taken", extra={"fields": fields})
                await asyncio.sleep(_EVERY_SECONDS * 2**attempt)
            else:
                return True
        return False

    def _body(self, batch: list[Exchange]) -> bytes:
        return otlp.request(span for exchange in batch for span in self._trace(exchange))

    def _trace(self, exchange: Exchange) -> list[dict[str, Any]]:
        if not self._content:
            return otlp.trace(exchange, None, None)
        kept = self._keeping.kept
        prompt = [
            {"role": role, "content": kept(text, clean=exchange.prompt_is_clean)}
            for role, text in exchange.said
        ]
        answer = kept("".join(exchange.answer), clean=exchange.answer_is_clean)
        return otlp.trace(exchange, prompt, answer)
