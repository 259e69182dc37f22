"""`stanchion-mlflow migrate`: databases, roles, both schemas and the two users, before a rollout.

Safe to run again at any time, and beside itself: a lock in the database lets one run at a time.
"""

from __future__ import annotations

import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg2
from alembic.util import CommandError
from mlflow.exceptions import MlflowException
from psycopg2 import sql
from sqlalchemy.exc import SQLAlchemyError

from stanchion_mlflow.postgres import connect, execute, one_line
from stanchion_mlflow.settings import (
    Database,
    Login,
    MigrationError,
    identifier,
    number,
    read_login,
    write_passfile,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = logging.getLogger("stanchion_mlflow")
_MAINTENANCE_DATABASE: Final = "postgres"
_LOCK: Final = 7_263_541
"""Any number that nothing else in this database uses for an advisory lock."""
_RETRY_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Plan:
    """Everything one run needs."""

    database: Database
    owner_role: str
    admin: Login
    server: Login
    mlflow_admin: Login
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
            database=database,
            owner_role=identifier(environment, "OWNER_ROLE", "mlflow_owner"),
            admin=read_login("database-admin"),
            server=read_login("database-server", username=database.server_role),
            mlflow_admin=read_login("mlflow-admin"),
            reader=read_login("registry-reader"),
            wait_seconds=number(environment, "DB_WAIT_SECONDS", 600),
        )


def migrate(plan: Plan) -> None:
    """Bring databases, roles, schemas and users to what this image needs.

    Raises:
        MigrationError: The database stayed away too long, or a migration failed. PostgreSQL
            changes schemas in transactions, so that a failed step leaves the schema as it was.
    """
    with tempfile.TemporaryDirectory(prefix="stanchion-") as scratch:
        passfile = Path(scratch) / "pgpass"
        write_passfile(passfile, plan.database, plan.admin)
        connection = _wait_for_database(plan)
        try:
            execute(connection, "SELECT pg_advisory_lock(%s)", _LOCK)
            _create_roles(connection, plan)
            for name in (plan.database.tracking, plan.database.auth):
                _create_database(connection, plan, name)
                _grant(plan, name)
            store = _upgrade_schemas(plan, passfile)
            for name in (plan.database.tracking, plan.database.auth):
                _grant(plan, name)
            _create_users(plan, store)
        except psycopg2.Error as error:
            raise MigrationError(one_line(error)) from error
        finally:
            connection.close()
    log.info("databases, roles, schemas and users are as this image needs them")


def _wait_for_database(plan: Plan) -> Any:
    """Connect, trying again with one line a try."""
    give_up = time.monotonic() + plan.wait_seconds
    while True:
        try:
            return connect(plan.database, _MAINTENANCE_DATABASE, plan.admin)
        except psycopg2.OperationalError as error:
            if time.monotonic() >= give_up:
                raise MigrationError(
                    f"no database at {plan.database.host}:{plan.database.port} within"
                    f" {plan.wait_seconds} s: {one_line(error)}"
                ) from error
            log.warning("database not available, trying again: %s", one_line(error))
            time.sleep(_RETRY_SECONDS)


def _create_roles(connection: Any, plan: Plan) -> None:
    """An owner that nobody logs in as, and the server's login, which owns nothing."""
    owner, server = sql.Identifier(plan.owner_role), sql.Identifier(plan.server.username)
    if not _has_role(connection, plan.owner_role):
        execute(connection, sql.SQL("CREATE ROLE {} NOLOGIN").format(owner))
    # Managed databases give no superuser: to create for the owner one must be a member of it.
    execute(connection, sql.SQL("GRANT {} TO CURRENT_USER").format(owner))
    if not _has_role(connection, plan.server.username):
        execute(connection, sql.SQL("CREATE ROLE {} LOGIN").format(server))
    if not _logs_in(plan):
        execute(
            connection,
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                server, sql.Literal(plan.server.password)
            ),
        )
        log.info("set the password of role %s", plan.server.username)


def _has_role(connection: Any, name: str) -> bool:
    return bool(execute(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", name))


def _logs_in(plan: Plan) -> bool:
    """Whether the server's password is the one it was given."""
    try:
        connect(plan.database, _MAINTENANCE_DATABASE, plan.server).close()
    except psycopg2.OperationalError:
        return False
    return True


def _create_database(connection: Any, plan: Plan, name: str) -> None:
    if not execute(connection, "SELECT 1 FROM pg_database WHERE datname = %s", name):
        execute(
            connection,
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(name), sql.Identifier(plan.owner_role)
            ),
        )
        log.info("created database %s", name)


def _grant(plan: Plan, database: str) -> None:
    """The server may read and write rows, in tables of today and of later migrations, no more."""
    names = {
        "database": sql.Identifier(database),
        "owner": sql.Identifier(plan.owner_role),
        "server": sql.Identifier(plan.server.username),
    }
    connection = connect(plan.database, database, plan.admin)
    try:
        for statement in _GRANTS:
            execute(connection, sql.SQL(statement).format(**names))
    finally:
        connection.close()


_GRANTS: Final = (
    "SET ROLE {owner}",
    "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
    "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {server}",
    "GRANT USAGE ON SCHEMA public TO {server}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {server}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {server}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public"
    " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {server}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {server}",
)


def _uris(plan: Plan, passfile: Path) -> Iterator[str]:
    for name in (plan.database.tracking, plan.database.auth):
        yield plan.database.uri(name, plan.admin.username, passfile, role=plan.owner_role)


def _upgrade_schemas(plan: Plan, passfile: Path) -> Any:
    """MLflow's own migrations, acting as the owner; returns the store of users."""
    # Seconds to import, and needed only once there is a database to migrate.
    from mlflow.db import upgrade  # noqa: PLC0415
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415

    tracking, auth = _uris(plan, passfile)
    store = SqlAlchemyStore()
    try:
        assert upgrade.callback is not None  # noqa: S101 - it is a click command
        upgrade.callback(tracking)
        log.info("the tracking schema is up to date")
        store.init_db(auth)  # type: ignore[no-untyped-call]  # migrates its schema first
        log.info("the users' schema is up to date")
    except (MlflowException, CommandError, SQLAlchemyError) as error:
        raise MigrationError(f"migrating the schemas failed: {one_line(error)}") from error
    return store


def _create_users(plan: Plan, store: Any) -> None:
    """MLflow's administrator, and the user that serving and jobs read the registry as."""
    for login, is_admin in ((plan.mlflow_admin, True), (plan.reader, False)):
        if not store.has_user(login.username):
            store.create_user(login.username, login.password, is_admin=is_admin)
            log.info("created user %s", login.username)
            continue
        if not store.authenticate_user(login.username, login.password):
            store.update_user(login.username, password=login.password)
            log.info("set the password of user %s", login.username)
        if store.get_user(login.username).is_admin != is_admin:
            store.update_user(login.username, is_admin=is_admin)
            log.info("set the rights of user %s", login.username)
