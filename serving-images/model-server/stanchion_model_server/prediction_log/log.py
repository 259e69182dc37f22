"""The prediction log of one process: requests leave a copy, a thread of its own does the rest."""

from __future__ import annotations

import random
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from stanchion_model_server.batch.errors import InputRefusedError
from stanchion_model_server.logs import log
from stanchion_model_server.metrics import LogResult
from stanchion_model_server.prediction_log import records
from stanchion_model_server.prediction_log.redaction import LogRefusedError, Redaction
from stanchion_model_server.prediction_log.retention import Retention
from stanchion_model_server.prediction_log.spool import Spool

if TYPE_CHECKING:
    from stanchion_model_server.loading import ServedModel
    from stanchion_model_server.metrics import Metrics
    from stanchion_model_server.prediction_log.records import Taken
    from stanchion_model_server.settings import Settings
    from stanchion_model_server.signature import Batchable, Unmerged

MOST_WAITING_ROWS: Final = 20_000
MOST_WAITING_BYTES: Final = 32 * 1024 * 1024
"""What of requests and answers waits in memory; more is left out and counted."""
_ROWS_AT_ONCE: Final = 5_000
"""Rows at which they are written before their time."""
_IN_MEMORY: Final = 4
"""Bytes in memory for one of JSON."""


class PredictionLog:
    """Writes a sample of requests and answers to Parquet files, without what is personal.

    Nothing that a request waits for happens here but a copy of its rows: what does not fit into
    memory, or onto the disk while the store does not answer, is left out and counted. A model
    that the log is not told rightly about is served all the same, and not logged; what was logged
    before is deleted in time by whichever replica runs.
    """

    def __init__(
        self, settings: Settings, served: ServedModel, metrics: Metrics, waiting: Path | None = None
    ) -> None:
        """Begin to log.

        Args:
            settings: The server's; it has the log's folder.
            served: The model.
            metrics: Where rows are counted.
            waiting: Folder for files that are not in the log yet. Default: one of the process.
        """
        assert settings.prediction_log_uri is not None  # noqa: S101 - whoever makes a log has seen one
        self._settings, self._metrics = settings, metrics
        signature = served.model.metadata.signature
        self._names = served.signature.names or tuple(map(str, range(served.signature.width)))
        named = signature is not None and signature.outputs and signature.outputs.has_input_names()
        self._outputs = tuple(signature.outputs.input_names()) if named else ()
        self._redaction = self._compiled(served)
        self._spool = Spool(
            waiting or Path(tempfile.gettempdir()) / "prediction-log",
            settings.prediction_log_uri,
            settings.name,
            settings.model_version,
        )
        self._retention = Retention(self._spool, settings.prediction_log_retention_days)
        self._about = {
            "service": settings.name,
            "model": settings.model_name,
            "version": settings.model_version,
            "digest": served.digest,
            "sample_rate": str(settings.prediction_log_sample_rate),
            # What whoever compares the log with training must not look for.
            **(self._redaction.about if self._redaction is not None else {}),
        }
        self._random = random.Random()  # noqa: S311 - which requests are logged is no secret
        self._changed = threading.Condition()
        self._waiting: list[tuple[Taken, Any]] = []
        self._rows = self._bytes = 0
        self._stopping = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def _compiled(self, served: ServedModel) -> Redaction | None:
        settings = self._settings
        key = settings.prediction_log_key_file
        try:
            redaction = Redaction(
                served.model.metadata.signature,
                settings.prediction_log_redact,
                key.read_bytes().strip() if key is not None else b"",
            )
        except (LogRefusedError, OSError) as error:
            log.error("predictions are not logged", extra={"fields": {"reason": str(error)}})
            return None
        log.info(
            "predictions are logged",
            extra={
                "fields": {
                    "to": settings.prediction_log_uri,
                    "sample_rate": settings.prediction_log_sample_rate,
                    "retention_days": settings.prediction_log_retention_days,
                    "left_out_as_text": redaction.left_out,
                }
            },
        )
        return redaction

    def take(self, item: Batchable | Unmerged, request_id: str) -> Taken | None:
        """A copy of a request's rows, if it is one of the sample.

        Args:
            item: The request; nothing is done to it.
            request_id: Its id.
        """
        if self._random.random() >= self._settings.prediction_log_sample_rate:
            return None
        if self._redaction is None:
            self._count(LogResult.REFUSED, item.count)
            return None
        try:
            taken = records.take(item, request_id, self._names, [*self._redaction.inputs])
        except Exception:  # noqa: BLE001 - whatever the request is, it is answered
            taken = None
        if taken is None:
            self._count(LogResult.UNREADABLE, item.count)
        return taken

    def add(self, taken: Taken, result: Any, size: int) -> None:
        """Put an answered request among those that wait to be written.

        Args:
            taken: What was taken of it.
            result: What the model answered.
            size: Bytes of its body and of the answer's.
        """
        size = size * _IN_MEMORY // taken.every
        with self._changed:
            full = (
                self._rows + taken.rows > MOST_WAITING_ROWS
                or self._bytes + size > MOST_WAITING_BYTES
            )
        if full:
            self._count(LogResult.FULL, taken.rows)
            return
        try:
            answers = records.kept(result, taken)
        except Exception:  # noqa: BLE001 - whatever the model says, it was answered
            self._count(LogResult.UNREADABLE, taken.rows)
            return
        with self._changed:
            self._waiting.append((taken, answers))
            self._rows += taken.rows
            self._bytes += size
            if self._due():
                self._changed.notify()

    def _due(self) -> bool:
        """Whether so much waits that it is written before its time."""
        return self._rows >= _ROWS_AT_ONCE or self._bytes >= MOST_WAITING_BYTES // 2

    def close(self, seconds: float = 5.0) -> None:
        """Write what waits, for so many seconds at most; nothing may be added any more."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            with self._changed:
                if not self._stopping and not self._due():
                    self._changed.wait(self._settings.prediction_log_seconds)
                waiting, self._waiting = self._waiting, []
                self._rows = self._bytes = 0
                stopping = self._stopping
            try:
                if self._redaction is not None:
                    self._write(waiting, self._redaction)
                    self._upload()
            except Exception as error:  # noqa: BLE001 - the thread goes on, whatever happens
                self._tell(error)
            # A store that takes no file may let some go all the same.
            if not self._stopping:
                self._retention.look()

    def _write(self, waiting: list[tuple[Taken, Any]], redaction: Redaction) -> None:
        """Rows that wait become files on the disk, one for each day and form."""
        tables: dict[Any, list[pa.Table]] = {}
        for taken, answers in waiting:
            try:
                made = records.table(taken, answers, self._outputs, redaction)
            except (ValueError, TypeError, InputRefusedError):
                self._count(LogResult.UNREADABLE, taken.rows)
                continue
            form = (taken.time.date(), made.schema.to_string())
            tables.setdefault(form, []).append(made)
        for pieces in tables.values():
            whole = pa.concat_tables(pieces).replace_schema_metadata(self._about)
            at = pieces[0]["time"][0].as_py()
            try:
                self._count(LogResult.LOST, self._spool.add(whole, at))
            except OSError as error:
                self._count(LogResult.LOST, whole.num_rows)
                self._tell(error)

    def _upload(self) -> None:
        for rows in self._spool.upload():
            self._count(LogResult.WRITTEN, rows)
        if self._failing:
            self._failing = False
            log.info("predictions are written again")

    def _tell(self, error: Exception) -> None:
        """Say once that the store does not take files, until it does again."""
        if not self._failing:
            log.warning("predictions cannot be written", extra={"fields": {"reason": str(error)}})
        self._failing = True

    def _count(self, result: LogResult, rows: int) -> None:
        if rows:
            self._metrics.prediction_log_rows[result].inc(rows)
