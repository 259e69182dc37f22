"""`stanchion-mlflow restore`: a backup into databases that `migrate` has made.

The server must not run meanwhile. Artifacts are not part of a backup: their store keeps versions.
"""

from __future__ import annotations

import json
import logging
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from psycopg2 import sql

from stanchion_mlflow.backup import MANIFEST, copying, file_digest, names, tables
from stanchion_mlflow.postgres import connect, execute, one_line
from stanchion_mlflow.settings import (
    BackupError,
    Database,
    Login,
    identifier,
    read_login,
    required,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("stanchion_mlflow")


@dataclass(frozen=True)
class Plan:
    """Everything one run needs; it acts as the owner of the tables, as a migration does."""

    database: Database
    owner_role: str
    admin: Login
    source: str
    name: str
    overwrite: bool

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Plan:
        """Read the environment and the secret files.

        BACKUP_DESTINATION is the store of backups, BACKUP_NAME one of them or `latest`, and
        OVERWRITE=true lets go of what the databases hold.

        Raises:
            SettingsError: Something is missing or malformed.
        """
        return cls(
            database=Database.read(environment),
            owner_role=identifier(environment, "OWNER_ROLE", "mlflow_owner"),
            admin=read_login("database-admin"),
            source=required(environment, "BACKUP_DESTINATION"),
            name=environment.get("BACKUP_NAME") or "latest",
            overwrite=environment.get("OVERWRITE") == "true",
        )


def restore(plan: Plan) -> str:
    """Put a backup in the place of what both databases hold; returns its name.

    Everything is checked before anything is changed, and either database is changed as a whole.
    Run `migrate` again after it: names and passwords are then those of the Secrets once more.

    Raises:
        BackupError: There is no such backup, it is damaged, it is of another schema, the
            databases hold runs or models that would go, or the database refused.
    """
    with tempfile.TemporaryDirectory(prefix="stanchion-") as scratch:
        folder = Path(scratch)
        name, manifest = _fetch(plan, folder)
        connections = []
        try:
            for part, database in (
                ("tracking", plan.database.tracking),
                ("auth", plan.database.auth),
            ):
                connection = connect(plan.database, database, plan.admin)
                connections.append(connection)
                connection.set_session(autocommit=False)
                execute(connection, sql.SQL("SET ROLE {}").format(sql.Identifier(plan.owner_role)))
                _check(connection, manifest["databases"][part], manifest["mlflow"], folder, part)
            if not plan.overwrite:
                _refuse_to_overwrite(connections[0])
            for part, connection in zip(("tracking", "auth"), connections, strict=True):
                _fill(connection, manifest["databases"][part], folder, part)
            for connection in connections:
                connection.commit()
        except psycopg2.Error as error:
            raise BackupError(f"restoring {name} failed: {one_line(error)}") from error
        finally:
            for connection in connections:
                connection.close()
    log.info("restored %s", name)
    return name


def _fetch(plan: Plan, folder: Path) -> tuple[str, Any]:
    """The backup's files and its manifest, as they were written."""
    try:
        store: Any = get_artifact_repository(plan.source)
        name = _choose(plan, names(store))
        with tarfile.open(store.download_artifacts(name, str(folder))) as archive:
            _unpack(archive, folder, name)
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except BackupError:
        raise
    # What a store or a damaged archive raises depends on whose it is.
    except Exception as error:
        raise BackupError(f"reading from {plan.source} failed: {one_line(error)}") from error
    for part, described in manifest["databases"].items():
        for table, about in described.items():
            path = folder / f"{part}.{table}"
            if not path.is_file() or file_digest(path) != about["sha256"]:
                raise BackupError(f"{name} is damaged: {path.name} is not what was written")
    return name, manifest


def _unpack(archive: tarfile.TarFile, folder: Path, name: str) -> None:
    """Files by plain names, and nothing else; Debian's Python 3.11 knows no extraction filters."""
    for member in archive:
        stream = archive.extractfile(member) if member.isfile() else None
        if stream is None or Path(member.name).name != member.name:
            raise BackupError(f"{name} is damaged: {member.name} is no file that a backup holds")
        with (folder / member.name).open("wb") as file:
            shutil.copyfileobj(stream, file)


def _choose(plan: Plan, found: list[str]) -> str:
    name = found[-1] if plan.name == "latest" and found else plan.name
    if name not in found:
        known = ", ".join(found[-5:]) or "none"
        raise BackupError(f"{plan.source} holds no backup {name}; the newest are: {known}")
    return name


def _check(connection: Any, described: Any, mlflow: str, folder: Path, part: str) -> None:
    """The tables are those of the backup, by name, column and revision."""
    same = tables(connection) == {each: about["columns"] for each, about in described.items()}
    for table in described:
        if same and table.startswith("alembic_version"):
            (revision,) = execute(
                connection,
                sql.SQL("SELECT version_num FROM {}").format(sql.Identifier("public", table)),
            )
            same = (folder / f"{part}.{table}").read_text(encoding="utf-8").split() == [*revision]
    if not same:
        raise BackupError(
            f"the backup is of MLflow {mlflow}, whose tables are others: migrate and restore with"
            " an image of that version, then migrate with this one"
        )


def _refuse_to_overwrite(tracking: Any) -> None:
    for table in ("runs", "registered_models"):
        rows = execute(
            tracking, sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier("public", table))
        )
        if rows:
            raise BackupError(f"the database holds {table}; OVERWRITE=true lets go of them")


def _fill(connection: Any, described: Any, folder: Path, part: str) -> None:
    """Empty every table, fill each after those that it refers to, and set the sequences."""
    everything = sql.SQL(", ").join(sql.Identifier("public", each) for each in described)
    execute(connection, sql.SQL("TRUNCATE {}").format(everything))
    for table in _in_order(connection, set(described)):
        about = described[table]
        statement = copying(table, about["columns"], "FROM STDIN").as_string(connection)
        with (folder / f"{part}.{table}").open("rb") as stream, connection.cursor() as cursor:
            cursor.copy_expert(statement, stream)
        _set_sequences(connection, table, about["columns"])


def _in_order(connection: Any, known: set[str]) -> list[str]:
    references = execute(
        connection,
        "SELECT source.relname, target.relname FROM pg_constraint"
        " JOIN pg_class source ON source.oid = conrelid"
        " JOIN pg_class target ON target.oid = confrelid"
        " WHERE contype = 'f' AND conrelid <> confrelid"
        " AND connamespace = 'public'::regnamespace",
    )
    graph: dict[str, set[str]] = {table: set() for table in sorted(known)}
    for source, target in references:
        graph[source].add(target)
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise BackupError(f"tables refer to each other in a circle: {error.args[1]}") from error


def _set_sequences(connection: Any, table: str, columns: list[str]) -> None:
    """The next number that a table gives comes after all that it has."""
    name = sql.Identifier("public", table).as_string(connection)
    for column in columns:
        ((sequence,),) = execute(connection, "SELECT pg_get_serial_sequence(%s, %s)", name, column)
        if sequence:
            execute(
                connection,
                sql.SQL("SELECT setval(%s, coalesce(max({}), 0) + 1, false) FROM {}").format(
                    sql.Identifier(column), sql.Identifier("public", table)
                ),
                sequence,
            )
