"""Feast's online features in PostgreSQL, over connections that come back.

Feast's own class keeps one connection for ever, or never returns one to its pool after an error:
either way a restart of the database ends its service. Here every use borrows one that is known to
work and gives it back.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

from feast.infra.online_stores.postgres_online_store.postgres import (
    PostgreSQLOnlineStore,
    PostgreSQLOnlineStoreConfig,
)
from feast.infra.utils.postgres.connection_utils import _get_conn_kwargs, _get_conninfo
from psycopg_pool import ConnectionPool

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME: Final = "stanchion_feature_store.online.PooledOnlineStore"
_WAIT_SECONDS = 5.0


class PooledOnlineStoreConfig(PostgreSQLOnlineStoreConfig):  # type: ignore[misc]
    """Feast's settings of PostgreSQL."""

    type: Literal["stanchion_feature_store.online.PooledOnlineStore"] = NAME


class PooledOnlineStore(PostgreSQLOnlineStore):  # type: ignore[misc]
    """Online features, read and written over checked connections."""

    _conn_pool: ConnectionPool | None

    @contextmanager
    def _get_conn(self, config: Any, autocommit: bool = False) -> Iterator[Any]:
        with self._pool(config.online_store).connection() as connection:
            connection.set_autocommit(autocommit)
            try:
                yield connection
            finally:
                if not connection.closed:
                    connection.rollback()
                    connection.set_autocommit(False)

    def _pool(self, settings: Any) -> ConnectionPool:
        if self._conn_pool is None:
            self._conn_pool = ConnectionPool(
                conninfo=_get_conninfo(settings),
                min_size=settings.min_conn,
                max_size=settings.max_conn,
                timeout=_WAIT_SECONDS,
                check=ConnectionPool.check_connection,
                kwargs={**_get_conn_kwargs(settings), "connect_timeout": int(_WAIT_SECONDS)},
                open=True,
            )
        return self._conn_pool
