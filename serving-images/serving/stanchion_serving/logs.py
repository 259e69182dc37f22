"""Structured logs: one JSON object a line on standard output."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

_FLUSH_SECONDS: Final = 0.2
_FLUSH_LINES: Final = 2000
_encode = msgspec.json.Encoder(enc_hook=str).encode


class JsonFormatter(logging.Formatter):
    """Renders a record; what is passed as `extra={"fields": {...}}` becomes keys of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, with the exception folded into it."""
        line: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line).decode()


def timestamp(seconds: float | None = None) -> str:
    """A moment, now by default, as every line of the logs gives it: UTC, to the millisecond."""
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds")


def configure(
    log: logging.Logger, *, silenced: Iterable[str] = (), to_stderr: bool = False
) -> None:
    """Send every logger of this process out as JSON, libraries from warning up.

    Args:
        log: The program's own, from info up.
        silenced: Libraries whose warnings say nothing new: from error up.
        to_stderr: Leave standard output to a command's own result.
    """
    handler = logging.StreamHandler(sys.stderr if to_stderr else sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    log.setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "mlflow"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
    for name in silenced:
        logging.getLogger(name).setLevel(logging.ERROR)


class AccessLog:
    """One line per request, written in batches off the hot path.

    Lines wait at most 0.2 s, and the server flushes them when it stops; a process that is killed
    outright loses the last of them. Health probes and scrapes are not logged.
    """

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, loop: asyncio.AbstractEventLoop, entry: dict[str, Any]) -> None:
        """Queue a line; it is on its way within 0.2 s."""
        self._lines.append(_encode(entry))
        if len(self._lines) >= _FLUSH_LINES:
            self.flush()
        elif self._timer is None:
            self._timer = loop.call_later(_FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            lines, self._lines = self._lines, []
            sys.stdout.write(b"\n".join(lines).decode() + "\n")
            sys.stdout.flush()
