"""A line per request: who asked what, what was found, what it cost. Never as it was typed."""

from __future__ import annotations

import asyncio
import logging
import time
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any, Final

import msgspec
from stanchion_serving.logs import AccessLog, timestamp

from stanchion_llm_gateway.errors import OK
from stanchion_llm_gateway.ledger import DOLLAR

if TYPE_CHECKING:
    from stanchion_llm_gateway.configuration import Audit as Configured
    from stanchion_llm_gateway.exchange import Exchange
    from stanchion_llm_gateway.keeping import Keeping

_DAY: Final = 86_400
_MEGABYTE: Final = 1_000_000


class Audit:
    """Writes the lines to standard output, in batches, and to a file where one is named.

    Args:
        configured: What is kept, and for how long.
        keeping: What is kept of texts.
    """

    def __init__(self, configured: Configured, keeping: Keeping) -> None:
        self._configured, self._keeping = configured, keeping
        self._output = AccessLog()
        self._file: RotatingFileHandler | None = None
        if configured.file is not None:
            configured.file.parent.mkdir(parents=True, exist_ok=True)
            self._file = RotatingFileHandler(
                configured.file,
                maxBytes=configured.file_megabytes * _MEGABYTE,
                backupCount=configured.files,
                encoding="utf-8",
            )
        self.forget()

    def write(self, exchange: Exchange) -> None:
        """One line."""
        entry: dict[str, Any] = {
            "time": timestamp(),
            "level": "info" if exchange.outcome == OK else "warning",
            "message": "request",
            "request_id": exchange.request_id,
            "path": exchange.path,
            "consumer": exchange.consumer,
            "model": exchange.model,
            "backend": exchange.backend,
            "streamed": exchange.streamed,
            "status": exchange.status,
            "outcome": exchange.outcome,
            "duration_ms": round(exchange.seconds * 1000, 3),
            "input_tokens": exchange.spent.input_tokens,
            "output_tokens": exchange.spent.output_tokens,
            "tokens_estimated": not exchange.counted,
            "dollars": exchange.spent.microdollars / DOLLAR,
            "guardrails": [
                {"direction": direction, "kind": hit.kind, "name": hit.name, "action": hit.action}
                for direction, hit in exchange.hits
            ],
        }
        if exchange.named_prompt:
            entry["named_prompt"] = " version ".join(exchange.named_prompt)
        if exchange.trace_id:
            entry["trace_id"] = f"tr-{exchange.trace_id}"
        if exchange.error:
            entry["error"] = exchange.error
        if self._configured.content:
            kept = self._keeping.kept
            entry["prompt"] = kept("\n".join(exchange.prompt), clean=exchange.prompt_is_clean)
            entry["answer"] = kept("".join(exchange.answer), clean=exchange.answer_is_clean)
        self._output.add(asyncio.get_running_loop(), entry)
        if self._file is not None:
            line = msgspec.json.encode(entry).decode()
            self._file.emit(logging.makeLogRecord({"msg": line}))

    def forget(self) -> None:
        """Delete files that were set aside and are too old."""
        if self._configured.file is None:
            return
        oldest = time.time() - self._configured.retention_days * _DAY
        for path in self._configured.file.parent.glob(f"{self._configured.file.name}.*"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Write what waits."""
        self._output.flush()
        if self._file is not None:
            self._file.close()
