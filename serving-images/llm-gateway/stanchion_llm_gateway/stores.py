"""Databases in which usage is counted."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import psycopg2

from stanchion_llm_gateway.configuration import ConfigurationError
from stanchion_llm_gateway.ledger import Key, Usage, day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from stanchion_llm_gateway.configuration import Ledger as Configured
    from stanchion_llm_gateway.ledger import Store

_KEPT_DAYS: Final = 40
_CONNECT_SECONDS: Final = 5
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS llm_gateway_usage (
    subject TEXT NOT NULL,
    period TEXT NOT NULL,
    requests BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    microdollars BIGINT NOT NULL,
    PRIMARY KEY (subject, period)
)"""
_ADD: Final = """
INSERT INTO llm_gateway_usage VALUES (?, ?, ?, ?, ?)
ON CONFLICT (subject, period) DO UPDATE SET
    requests = llm_gateway_usage.requests + excluded.requests,
    tokens = llm_gateway_usage.tokens + excluded.tokens,
    microdollars = llm_gateway_usage.microdollars + excluded.microdollars"""
_READ: Final = "SELECT * FROM llm_gateway_usage WHERE period IN (?, ?)"
_FORGET: Final = "DELETE FROM llm_gateway_usage WHERE period < ?"
_FORGET_MINUTES: Final = "DELETE FROM llm_gateway_usage WHERE LENGTH(period) > 10 AND period < ?"


def opened(configured: Configured) -> Store | None:
    """The store that is configured, or None.

    Raises:
        ConfigurationError: for a file that cannot be opened.
    """
    if configured.url_file is not None:
        return PostgresStore(configured.url_file)
    if configured.file is not None:
        try:
            return SqliteStore(configured.file)
        except sqlite3.Error as error:
            raise ConfigurationError([f"ledger.file: {configured.file}: {error}"]) from None
    return None


class SqliteStore:
    """A file, for one replica."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        with self._connection:
            self._connection.execute(_TABLE)

    def exchange(self, added: Mapping[Key, Usage], periods: Sequence[str]) -> dict[Key, Usage]:
        """Add what this process has counted, and read the totals of the periods."""
        with self._connection:
            return _exchanged(self._connection.cursor(), added, periods, "?")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class PostgresStore:
    """A database that replicas share. Its address is read for each new connection."""

    def __init__(self, url_file: Path) -> None:
        self._url_file = url_file
        self._connection: Any = None

    def exchange(self, added: Mapping[Key, Usage], periods: Sequence[str]) -> dict[Key, Usage]:
        """Add what this process has counted, and read everyone's totals of the periods."""
        try:
            if self._connection is None:
                self._connection = self._connected()
            with self._connection, self._connection.cursor() as cursor:
                return _exchanged(cursor, added, periods, "%s")
        except psycopg2.Error:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next exchange makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> Any:
        url = self._url_file.read_text(encoding="utf-8").strip()
        connection = psycopg2.connect(
            url, connect_timeout=_CONNECT_SECONDS, options="-c statement_timeout=5000"
        )
        with connection, connection.cursor() as cursor:
            # Replicas that start together would both make it.
            cursor.execute("SELECT pg_advisory_xact_lock(7202611)")
            cursor.execute(_TABLE)
        return connection


def _exchanged(
    cursor: Any, added: Mapping[Key, Usage], periods: Sequence[str], mark: str
) -> dict[Key, Usage]:
    # In one order everywhere, so that replicas do not wait for each other in a circle.
    for key, usage in sorted(added.items()):
        values = (*key, usage.requests, usage.tokens, usage.microdollars)
        cursor.execute(_ADD.replace("?", mark), values)
    if any(key.period not in periods for key in added):  # a minute or a day is over
        oldest = day(datetime.now(UTC) - timedelta(days=_KEPT_DAYS))
        cursor.execute(_FORGET.replace("?", mark), (oldest,))
        cursor.execute(_FORGET_MINUTES.replace("?", mark), (day(),))
    cursor.execute(_READ.replace("?", mark), tuple(periods))
    return {Key(row[0], row[1]): Usage(*row[2:]) for row in cursor.fetchall()}
