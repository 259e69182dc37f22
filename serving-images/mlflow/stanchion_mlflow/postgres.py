"""Connections to PostgreSQL, as every command makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

if TYPE_CHECKING:
    from psycopg2 import sql

    from stanchion_mlflow.settings import Database, Login


def connect(database: Database, name: str, login: Login) -> Any:
    """A connection to the database `name` that commits each statement.

    Raises:
        psycopg2.OperationalError: The server does not answer, or refuses the login.
    """
    connection = psycopg2.connect(
        host=database.host,
        port=database.port,
        dbname=name,
        user=login.username,
        password=login.password,
        sslmode=database.sslmode,
        connect_timeout=5,
    )
    connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    return connection


def execute(connection: Any, statement: sql.Composable | str, *values: object) -> list[Any]:
    """Run one statement and return its rows, if it has any."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall()) if cursor.description else []


def one_line(error: Exception) -> str:
    """An error's message without line breaks."""
    return " ".join(str(error).split())
