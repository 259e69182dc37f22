"""The local database's entrypoint, and what the migration makes in a real PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors
from stanchion_mlflow.migrate import Plan, _create_database, _create_roles, _grant
from stanchion_mlflow.settings import Database, Login

BINARIES = Path("/usr/lib/postgresql/15/bin")
SCRIPT = Path(__file__).parents[2] / "serving-images" / "postgres" / "stanchion-postgres"
pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(
        not (BINARIES / "initdb").is_file(), reason="PostgreSQL 15 is not installed"
    ),
]


def account() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: its own user does then."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@dataclass
class Folder:
    root: Path
    port: int

    @property
    def data(self) -> Path:
        return self.root / "pgdata"

    def start(self) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": f"{BINARIES}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "DATA_DIR": str(self.data),
            "SECRETS_DIR": str(self.root / "secrets"),
            "SOCKET_DIR": str(self.root),
            "PORT": str(self.port),
        }
        with (self.root / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self.root / SCRIPT.name)],
                env=environment,
                cwd=self.root,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **account(),
            )

    def restart(self) -> subprocess.Popen[bytes]:
        """As a kubelet does: again, while the killed server's children still hold its memory."""
        while True:
            process = self.start()
            while process.poll() is None:
                try:
                    self.connect(patience=0).close()
                except psycopg2.OperationalError:
                    time.sleep(0.05)
                else:
                    return process

    def connect(
        self,
        user: str = "boss",
        password: str = "pw",
        database: str = "postgres",
        patience: float = 60,
    ) -> Any:
        give_up = time.monotonic() + patience
        while True:
            try:
                connection = psycopg2.connect(
                    host="127.0.0.1", port=self.port, user=user, password=password, dbname=database
                )
            except psycopg2.OperationalError as error:
                starting = "refused" in str(error) or "starting up" in str(error)
                if not starting or time.monotonic() > give_up:
                    raise
                time.sleep(0.05)
            else:
                connection.autocommit = True
                return connection


def stop(process: subprocess.Popen[bytes], how: int = signal.SIGTERM) -> int:
    if how == signal.SIGKILL:
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)
    return process.wait(timeout=30)


@contextmanager
def temporary() -> Iterator[Folder]:
    """A folder with a password for a server to be."""
    # Not pytest's own: its parents are closed to other users, and a socket's path must be short.
    root = Path(subprocess.check_output(["mktemp", "-d", "/tmp/pg-XXXXXX"], text=True).strip())
    (root / "secrets").mkdir()
    (root / "secrets" / "username").write_text("boss")
    (root / "secrets" / "password").write_text("pw")
    shutil.copy(SCRIPT, root)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "postgres", str(root)], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    yield Folder(root, port)
    shutil.rmtree(root)


@pytest.fixture
def folder() -> Iterator[Folder]:
    with temporary() as found:
        yield found


def run(connection: Any, statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def test_data_and_password_survive_restarts_and_a_kill(folder: Folder) -> None:
    process = folder.start()
    run(folder.connect(), "CREATE TABLE kept AS SELECT 42 AS answer")
    assert stop(process) == 0
    (folder.root / "secrets" / "password").write_text("another")
    process = folder.start()
    assert run(folder.connect(), "SELECT answer FROM kept") == [(42,)]
    stop(process, signal.SIGKILL)
    process = folder.restart()
    assert run(folder.connect(), "SELECT answer FROM kept") == [(42,)]
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        folder.connect(password="another")
    assert stop(process) == 0


def test_a_kill_in_the_middle_of_initialisation_is_recovered_from(folder: Folder) -> None:
    process = folder.start()
    unfinished = folder.data.with_name("pgdata.unfinished")
    while not unfinished.is_dir():
        time.sleep(0.005)
    stop(process, signal.SIGKILL)
    assert not folder.data.exists()
    process = folder.start()
    assert run(folder.connect(), "SELECT 1") == [(1,)]
    assert not unfinished.exists()
    stop(process)


def test_a_stop_does_not_wait_for_clients_and_keeps_what_was_committed(folder: Folder) -> None:
    process = folder.start()
    busy = folder.connect()
    run(busy, "CREATE TABLE kept AS SELECT 1 AS answer")
    busy.autocommit = False
    run(busy, "INSERT INTO kept VALUES (2)")
    assert stop(process) == 0
    process = folder.start()
    assert run(folder.connect(), "SELECT answer FROM kept") == [(1,)]
    stop(process)


def test_a_folder_of_something_else_is_left_alone(folder: Folder) -> None:
    folder.data.mkdir()
    (folder.data / "precious").write_text("1")
    assert folder.start().wait(timeout=30) == 1
    assert [path.name for path in folder.data.iterdir()] == ["precious"]
    assert "nothing was changed" in (folder.root / "log").read_text()


def test_without_a_password_nothing_is_initialised(folder: Folder) -> None:
    (folder.root / "secrets" / "password").write_text("")
    assert folder.start().wait(timeout=30) == 1
    assert not folder.data.exists()


@pytest.mark.parametrize("superuser", [True, False])
def test_the_server_role_reads_and_writes_rows_and_changes_no_schema(
    folder: Folder, *, superuser: bool
) -> None:
    """The administrator of a managed database may create databases and roles, and no more."""
    process = folder.start()
    rights = "SUPERUSER" if superuser else "NOSUPERUSER CREATEDB CREATEROLE"
    run(folder.connect(), f"CREATE ROLE chief LOGIN PASSWORD 'pw' {rights}")
    admin = folder.connect("chief")
    nobody = Login("x", "x")
    plan = Plan(
        database=Database("127.0.0.1", folder.port, "mlflow", "mlflow_auth", "mlflow", "prefer"),
        owner_role="mlflow_owner",
        admin=Login("chief", "pw"),
        server=Login("mlflow", "first"),
        mlflow_admin=nobody,
        reader=nobody,
        wait_seconds=1,
    )
    for again in (plan, plan, replace(plan, server=Login("mlflow", "second"))):
        _create_roles(admin, again)
        _create_database(admin, again, "mlflow")
        _grant(again, "mlflow")
    owner = folder.connect(database="mlflow")
    run(owner, "SET ROLE mlflow_owner")
    run(owner, "CREATE TABLE made_later (id serial PRIMARY KEY, name text)")
    server = folder.connect("mlflow", "second", "mlflow")
    run(server, "INSERT INTO made_later (name) VALUES ('a')")
    run(server, "UPDATE made_later SET name = 'b'")
    assert run(server, "SELECT name FROM made_later") == [("b",)]
    for forbidden in (
        "CREATE TABLE mine (id int)",
        "DROP TABLE made_later",
        "ALTER TABLE made_later ADD COLUMN extra int",
        "TRUNCATE made_later",
        "SET ROLE mlflow_owner",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            run(server, forbidden)
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        folder.connect("mlflow", "first", "mlflow")
    owned = "SELECT rolname FROM pg_database d JOIN pg_roles r ON r.oid = datdba WHERE datname = "
    assert run(admin, f"{owned}'mlflow'") == [("mlflow_owner",)]
    assert stop(process) == 0
