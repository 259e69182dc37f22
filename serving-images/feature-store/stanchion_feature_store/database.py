"""Connections to PostgreSQL, and the lock under which the store is changed."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg

from stanchion_feature_store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stanchion_feature_store.settings import Database, Login

log = logging.getLogger("stanchion_feature_store")
LOCK: Final = 7_263_542
"""Any number that nothing else in this database uses for an advisory lock."""
_RETRY_SECONDS: Final = 2.0


def connect(database: Database, login: Login, name: str | None = None) -> Any:
    """A connection that commits each statement.

    Args:
        database: The server.
        login: Who logs in.
        name: Another database than the store's own.

    Raises:
        psycopg.OperationalError: The server does not answer, or refuses the login.
    """
    return psycopg.connect(
        host=database.host,
        port=database.port,
        dbname=name or database.name,
        user=login.username,
        password=login.password,
        sslmode=database.sslmode,
        connect_timeout=5,
        autocommit=True,
    )


def wait_for(database: Database, login: Login, seconds: int, name: str | None = None) -> Any:
    """Connect, trying again with one line a try.

    Raises:
        StoreError: Nothing answered for so many seconds.
    """
    give_up = time.monotonic() + seconds
    while True:
        try:
            return connect(database, login, name)
        except psycopg.OperationalError as error:
            if time.monotonic() >= give_up:
                where = f"{database.host}:{database.port}"
                raise StoreError(
                    f"no database at {where} within {seconds} s: {one_line(error)}"
                ) from error
            log.warning("database not available, trying again: %s", one_line(error))
            time.sleep(_RETRY_SECONDS)


@contextmanager
def alone(connection: Any) -> Iterator[None]:
    """Wait until nobody else changes or checks the store; the lock goes with the connection."""
    connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


def one_line(error: BaseException) -> str:
    """An error's message without line breaks."""
    return " ".join(str(error).split())
