"""`stanchion-mlflow backup`: both databases, as one file in a store of backups.

A file holds what is in the tables, as text, and not how they are made: that is the migration's.
So one from RDS can be restored on one machine, whatever the release of PostgreSQL on either side.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg2
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from stanchion_mlflow.postgres import connect, execute, one_line
from stanchion_mlflow.settings import (
    BackupError,
    Database,
    Login,
    number,
    read_login,
    required,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("stanchion_mlflow")
MANIFEST: Final = "manifest.json"
_NAME: Final = "tracking-%Y%m%dT%H%M%SZ.tar.gz"


@dataclass(frozen=True)
class Plan:
    """Everything one run needs; it reads as the server does, and needs no administrator."""

    database: Database
    server: Login
    destination: str
    keep_days: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Plan:
        """Read the environment, BACKUP_DESTINATION and BACKUP_DAYS among it, and the secret file.

        Raises:
            SettingsError: Something is missing or malformed.
        """
        database = Database.read(environment)
        return cls(
            database=database,
            server=read_login("database-server", username=database.server_role),
            destination=required(environment, "BACKUP_DESTINATION"),
            keep_days=number(environment, "BACKUP_DAYS", 30),
        )


def backup(plan: Plan) -> str:
    """Write a backup, then delete those that are too old; returns the new one's name.

    Each database is read as it was at one moment. The newest backup stays however old it is.

    Raises:
        BackupError: The database or the store failed; no earlier backup is deleted then.
    """
    name = datetime.now(UTC).strftime(_NAME)
    try:
        with tempfile.TemporaryDirectory(prefix="stanchion-") as scratch:
            path = Path(scratch) / name
            _write(plan, path, Path(scratch))
            store: Any = get_artifact_repository(plan.destination)
            store.log_artifact(str(path))
            log.info("backup %s holds %d bytes", name, path.stat().st_size)
        for old in _outdated(names(store), timedelta(days=plan.keep_days)):
            store.delete_artifacts(old)
            log.info("deleted backup %s", old)
    except psycopg2.Error as error:
        raise BackupError(f"reading the database failed: {one_line(error)}") from error
    # What a store raises depends on whose it is.
    except Exception as error:
        raise BackupError(f"writing to {plan.destination} failed: {one_line(error)}") from error
    return name


def listing(destination: str) -> list[dict[str, Any]]:
    """Name and size in bytes of every backup in a store, oldest first.

    Raises:
        BackupError: The store failed.
    """
    try:
        store: Any = get_artifact_repository(destination)
        sizes = {each.path: each.file_size for each in store.list_artifacts()}
        return [{"name": name, "bytes": sizes[name]} for name in names(store)]
    # What a store raises depends on whose it is.
    except Exception as error:
        raise BackupError(f"reading from {destination} failed: {one_line(error)}") from error


def names(store: Any) -> list[str]:
    """Every backup in a store, oldest first."""
    return sorted(each.path for each in store.list_artifacts() if _moment(each.path))


def _outdated(found: list[str], age: timedelta) -> list[str]:
    limit = datetime.now(UTC) - age
    return [each for each in found[:-1] if (moment := _moment(each)) and moment < limit]


def _moment(name: str) -> datetime | None:
    try:
        return datetime.strptime(name, _NAME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _write(plan: Plan, path: Path, scratch: Path) -> None:
    """The archive: a file for each table, and a manifest that tells what they must hold."""
    manifest: dict[str, Any] = {"mlflow": version("mlflow"), "databases": {}}
    with tarfile.open(path, "w:gz") as archive:
        for part, name in (("tracking", plan.database.tracking), ("auth", plan.database.auth)):
            connection = connect(plan.database, name, plan.server)
            try:
                connection.set_session(
                    isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True, autocommit=False
                )
                manifest["databases"][part] = {
                    table: _dump(connection, table, archive, scratch / f"{part}.{table}")
                    for table in tables(connection)
                }
            finally:
                connection.close()
        text = scratch / MANIFEST
        text.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        archive.add(text, MANIFEST)


def tables(connection: Any) -> dict[str, list[str]]:
    """Every table of a database, with its columns in their order but for computed ones."""
    found: dict[str, list[str]] = {}
    rows = execute(
        connection,
        "SELECT c.table_name, c.column_name FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"
        " AND c.is_generated = 'NEVER'"
        " ORDER BY c.table_name, c.ordinal_position",
    )
    for table, column in rows:
        found.setdefault(table, []).append(column)
    return found


def _dump(connection: Any, table: str, archive: tarfile.TarFile, path: Path) -> dict[str, Any]:
    columns = tables(connection)[table]
    with path.open("wb") as stream, connection.cursor() as cursor:
        cursor.copy_expert(copying(table, columns, "TO STDOUT").as_string(connection), stream)
        rows = cursor.rowcount
    archive.add(path, path.name)
    digest = file_digest(path)
    path.unlink()
    return {"columns": columns, "rows": rows, "sha256": digest}


def copying(table: str, columns: list[str], direction: str) -> sql.Composable:
    """COPY of a table's named columns, as text."""
    listed = sql.SQL(", ").join(sql.Identifier(each) for each in columns)
    return sql.SQL("COPY {} ({}) " + direction).format(sql.Identifier("public", table), listed)


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
