"""`stanchion-feature-store prepare`: the database and its three roles, as its administrator.

Safe to run again at any time. It reads no definitions: a team's code never runs with the
administrator's password.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from stanchion_feature_store.database import alone, connect, one_line, wait_for
from stanchion_feature_store.errors import StoreError
from stanchion_feature_store.settings import Database, Login, login, number

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("stanchion_feature_store")
_MAINTENANCE: Final = "postgres"


@dataclass(frozen=True)
class Plan:
    """Everything one run needs."""

    database: Database
    admin: Login
    owner: Login
    writer: Login
    reader: Login
    wait_seconds: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Plan:
        """Read the environment and the secret files.

        Raises:
            SettingsError: Something is missing or malformed.
        """
        database = Database.read(environment)
        return cls(
            database,
            login("database-admin"),
            login("owner", username=database.owner),
            login("writer", username=database.writer),
            login("reader", username=database.reader),
            number(environment, "DB_WAIT_SECONDS", 600),
        )


def prepare(plan: Plan) -> None:
    """Make the database, its roles, their passwords and their rights what they are to be.

    Raises:
        StoreError: The database stayed away, or refused a statement.
    """
    connection = wait_for(plan.database, plan.admin, plan.wait_seconds, _MAINTENANCE)
    try:
        with alone(connection):
            for role in (plan.owner, plan.writer, plan.reader):
                _role(connection, plan, role)
            _database(connection, plan)
            _grant(plan)
    except psycopg.Error as error:
        raise StoreError(one_line(error)) from error
    finally:
        connection.close()
    log.info("the database and its roles are as this image needs them")


def _role(connection: Any, plan: Plan, role: Login) -> None:
    name = sql.Identifier(role.username)
    known = "SELECT 1 FROM pg_roles WHERE rolname = %s"
    if connection.execute(known, (role.username,)).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
    try:
        connect(plan.database, role, _MAINTENANCE).close()
    except psycopg.OperationalError:
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(role.password))
        )
        log.info("set the password of role %s", role.username)


def _database(connection: Any, plan: Plan) -> None:
    owner, name = sql.Identifier(plan.database.owner), sql.Identifier(plan.database.name)
    # Managed databases give no superuser: to create for the owner one must be a member of it.
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner))
    known = "SELECT 1 FROM pg_database WHERE datname = %s"
    if connection.execute(known, (plan.database.name,)).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
        log.info("created database %s", plan.database.name)


def _grant(plan: Plan) -> None:
    names = {
        "database": sql.Identifier(plan.database.name),
        "owner": sql.Identifier(plan.database.owner),
        "writer": sql.Identifier(plan.database.writer),
        "reader": sql.Identifier(plan.database.reader),
    }
    connection = connect(plan.database, plan.admin)
    try:
        for statement in _GRANTS:
            connection.execute(sql.SQL(statement).format(**names))
    finally:
        connection.close()


_GRANTS: Final = (
    "SET ROLE {owner}",
    "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
    "GRANT CONNECT ON DATABASE {database} TO {writer}, {reader}",
    "CREATE SCHEMA IF NOT EXISTS features",
    "CREATE SCHEMA IF NOT EXISTS stanchion",
    "GRANT USAGE ON SCHEMA features, stanchion TO {writer}, {reader}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA features, stanchion GRANT SELECT ON TABLES TO {reader}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA features, stanchion"
    " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {writer}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA features, stanchion TO {reader}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA features, stanchion TO {writer}",
)
