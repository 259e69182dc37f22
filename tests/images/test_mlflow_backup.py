"""Backups of MLflow's databases, written from and restored into a real PostgreSQL."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Metric, ViewType
from mlflow.server.auth import sqlalchemy_store as auth
from mlflow.store.model_registry import sqlalchemy_store as registry
from mlflow.store.tracking import sqlalchemy_store as tracking
from stanchion_mlflow import backup, migrate, restore
from stanchion_mlflow.postgres import connect, execute
from stanchion_mlflow.settings import BackupError, Database, Login

from .buckets import bucket
from .test_database_image import BINARIES, run, stop, temporary
from .test_mlflow_buckets import URIS, environment

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(
        not (BINARIES / "initdb").is_file(), reason="PostgreSQL 15 is not installed"
    ),
]
# MLflow's stores have no types.
Runs: Any = tracking.SqlAlchemyStore
Models: Any = registry.SqlAlchemyStore
Users: Any = auth.SqlAlchemyStore
LOGINS = {
    "server": Login("mlflow", "the-servers-own"),
    "mlflow_admin": Login("admin", "the-administrators-own"),
    "reader": Login("registry-reader", "the-readers-own"),
}


def database(port: int, prefix: str) -> Database:
    return Database("127.0.0.1", port, prefix, f"{prefix}_auth", "mlflow", "prefer")


class Platform:
    """MLflow's databases, by prefix, and a store of backups."""

    def __init__(self, port: int, store: Path) -> None:
        self.port, self.store = port, store

    def fresh(self, prefix: str) -> None:
        """Databases as a migration leaves them; copied, for a migration takes seconds."""
        connection = connect(database(self.port, "postgres"), "postgres", Login("boss", "pw"))
        for part in ("", "_auth"):
            run(connection, f"DROP DATABASE IF EXISTS {prefix}{part} WITH (FORCE)")
            run(
                connection,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = 'template{part}'",
            )
            run(
                connection,
                f"CREATE DATABASE {prefix}{part} TEMPLATE template{part} OWNER mlflow_owner",
            )
        connection.close()

    def migrated(self, prefix: str) -> migrate.Plan:
        plan = migrate.Plan(
            database=database(self.port, prefix),
            owner_role="mlflow_owner",
            admin=Login("boss", "pw"),
            wait_seconds=10,
            **LOGINS,
        )
        migrate.migrate(plan)
        return plan

    def backup(self, prefix: str = "mlflow", keep_days: int = 30) -> str:
        plan = backup.Plan(
            database(self.port, prefix), LOGINS["server"], self.store.as_uri(), keep_days
        )
        return backup.backup(plan)

    def restore(self, prefix: str, name: str = "latest", *, overwrite: bool = False) -> str:
        plan = restore.Plan(
            database=database(self.port, prefix),
            owner_role="mlflow_owner",
            admin=Login("boss", "pw"),
            source=self.store.as_uri(),
            name=name,
            overwrite=overwrite,
        )
        return restore.restore(plan)

    def uri(self, name: str) -> str:
        return f"postgresql+psycopg2://boss:pw@127.0.0.1:{self.port}/{name}"

    def content(self, name: str) -> dict[str, Any]:
        """Every row of every table."""
        connection = connect(database(self.port, name), name, Login("boss", "pw"))
        found = {
            table: sorted(execute(connection, f'SELECT t::text FROM "{table}" t'))
            for table in backup.tables(connection)
        }
        connection.close()
        return found


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a server with databases to copy."""
    with temporary() as folder:
        process = folder.start()
        folder.connect().close()
        Platform(folder.port, folder.root).migrated("template")
        yield folder.port
        stop(process)


@pytest.fixture
def platform(port: int, tmp_path: Path) -> Platform:
    (tmp_path / "backups").mkdir()
    found = Platform(port, tmp_path / "backups")
    found.fresh("mlflow")
    return found


def use(platform: Platform) -> None:
    """A run with metrics, a model, a user: names that a text format could trip over."""
    runs = Runs(platform.uri("mlflow"), "mlflow-artifacts:/")
    experiment = runs.create_experiment("tab\there\nand \\N or 'quote'")
    made = runs.create_run(experiment, "x", 1, [], "näme")
    for step in range(3):
        runs.log_metric(made.info.run_id, Metric("loss", float("nan") if step else 0.5, 1, step))
    models = Models(platform.uri("mlflow"))
    models.create_registered_model("wine")
    models.create_model_version("wine", "mlflow-artifacts:/1", made.info.run_id)
    models.set_registered_model_alias("wine", "champion", 1)
    users = Users()
    users.init_db(platform.uri("mlflow_auth"))
    users.create_user("someone", "a-long-password")


def test_a_restored_database_holds_what_was_backed_up(platform: Platform) -> None:
    use(platform)
    name = platform.backup()
    platform.fresh("other")
    assert platform.restore("other") == name
    for part in ("", "_auth"):
        assert platform.content(f"other{part}") == platform.content(f"mlflow{part}")
    assert len(platform.content("other")["metrics"]) == 3


def test_a_restored_database_goes_on_where_the_other_stopped(platform: Platform) -> None:
    use(platform)
    platform.backup()
    platform.fresh("other")
    platform.restore("other")
    platform.migrated("other")
    runs = Runs(platform.uri("other"), "mlflow-artifacts:/")
    before = {each.experiment_id for each in runs.search_experiments(ViewType.ALL)}
    assert runs.create_experiment("another") not in before
    users = Users()
    users.init_db(platform.uri("other_auth"))
    assert users.authenticate_user("someone", "a-long-password")
    users.create_user("another", "a-long-password")


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_the_images_commands_use_a_bucket(cloud: str, platform: Platform, tmp_path: Path) -> None:
    use(platform)
    platform.fresh("other")
    for key, value in {
        "database-server/password": LOGINS["server"].password,
        "database-admin/username": "boss",
        "database-admin/password": "pw",
    }.items():
        (tmp_path / "secrets" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "secrets" / key).write_text(value)
    with bucket(cloud) as store:
        told = {
            **environment(cloud, store, tmp_path),
            "STANCHION_SECRETS_DIR": str(tmp_path / "secrets"),
            "DB_HOST": "127.0.0.1",
            "DB_PORT": str(platform.port),
            "BACKUP_DESTINATION": f"{URIS[cloud]}/tracking",
        }
        command(told, "backup")
        (name,) = store.objects
        assert name.startswith("1/tracking/tracking-")
        command({**told, "TRACKING_DATABASE": "other", "AUTH_DATABASE": "other_auth"}, "restore")
        refused = command(told, "restore", expected=1)
        assert refused == "the database holds runs; OVERWRITE=true lets go of them"
        command({**told, "BACKUP_DESTINATION": ""}, "backup", expected=2)
    assert platform.content("other") == platform.content("mlflow")


def command(told: dict[str, str], word: str, expected: int = 0) -> str:
    """Run one of the image's commands; its last line."""
    done = subprocess.run(
        [sys.executable, "-m", "stanchion_mlflow", word],
        env=told,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == expected, done.stderr[-3000:]
    return (done.stderr.splitlines() or [""])[-1]


def test_the_backup_needs_no_right_to_change_anything(platform: Platform) -> None:
    connection = connect(database(platform.port, "mlflow"), "mlflow", Login("boss", "pw"))
    for right in ("INSERT", "UPDATE", "DELETE"):
        run(connection, f"REVOKE {right} ON ALL TABLES IN SCHEMA public FROM mlflow")
    connection.close()
    assert platform.backup().startswith("tracking-")


def test_what_a_database_holds_is_not_overwritten_unasked(platform: Platform) -> None:
    use(platform)
    platform.backup()
    before = platform.content("mlflow")
    with pytest.raises(BackupError, match="the database holds runs; OVERWRITE=true"):
        platform.restore("mlflow")
    assert platform.content("mlflow") == before
    run_of = Runs(platform.uri("mlflow"), "mlflow-artifacts:/")
    run_of.create_experiment("made after the backup")
    platform.restore("mlflow", overwrite=True)
    assert platform.content("mlflow") == before


def test_a_damaged_backup_changes_nothing(platform: Platform, tmp_path: Path) -> None:
    use(platform)
    name = platform.backup()
    before = platform.content("mlflow")
    _rewrite(platform.store / name, "tracking.runs", lambda old: old + b"more\n")
    with pytest.raises(BackupError, match=r"is damaged: tracking\.runs is not what was written"):
        platform.restore("mlflow", overwrite=True)
    (platform.store / name).write_bytes((platform.store / name).read_bytes()[:-200])
    with pytest.raises(BackupError, match="reading from"):
        platform.restore("mlflow", overwrite=True)
    assert platform.content("mlflow") == before


@pytest.mark.parametrize(("member", "kind"), [("../escaped", tarfile.REGTYPE), ("l", b"2")])
def test_a_backup_writes_nothing_but_files_into_its_own_folder(
    platform: Platform, member: str, kind: bytes
) -> None:
    name = platform.backup()
    about = tarfile.TarInfo(member)
    about.type, about.linkname = kind, "/etc/hostname"
    with tarfile.open(platform.store / name, "w:gz") as archive:
        archive.addfile(about)
    with pytest.raises(BackupError, match=f"{name} is damaged: {member} is no file that a backup"):
        platform.restore("mlflow", overwrite=True)


def test_a_backup_of_another_schema_is_refused_with_its_version(platform: Platform) -> None:
    name = platform.backup()
    connection = connect(database(platform.port, "mlflow"), "mlflow", Login("boss", "pw"))
    run(connection, "UPDATE alembic_version SET version_num = 'newer'")
    connection.close()
    with pytest.raises(BackupError, match=r"is of MLflow 3\.17\.\d+, whose tables are others"):
        platform.restore("mlflow", name)


def test_an_unknown_backup_is_told_with_the_newest(platform: Platform) -> None:
    with pytest.raises(BackupError, match="holds no backup latest; the newest are: none"):
        platform.restore("mlflow")
    name = platform.backup()
    with pytest.raises(BackupError, match=f"holds no backup x; the newest are: {name}"):
        platform.restore("mlflow", "x")


def test_backups_are_listed_with_their_sizes_oldest_first(platform: Platform) -> None:
    name = platform.backup()
    (platform.store / "tracking-20200101T000000Z.tar.gz").write_text("old")
    (platform.store / "notes.txt").write_text("")
    env = {"BACKUP_DESTINATION": platform.store.as_uri(), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "stanchion_mlflow", "backups"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "backups": [
            {"name": "tracking-20200101T000000Z.tar.gz", "bytes": 3},
            {"name": name, "bytes": (platform.store / name).stat().st_size},
        ]
    }


def test_old_backups_go_and_nothing_else_does(platform: Platform) -> None:
    def called(days: int) -> str:
        at = datetime.now(UTC) - timedelta(days=days)
        return at.strftime("tracking-%Y%m%dT%H%M%SZ.tar.gz")

    kept, gone = called(29), [called(31), called(400)]
    for each in (kept, *gone, "tracking-notes.txt"):
        (platform.store / each).write_text("")
    name = platform.backup(keep_days=30)
    left = {each.name for each in platform.store.iterdir()}
    assert left == {name, kept, "tracking-notes.txt"}


def test_without_a_new_backup_no_old_one_goes(platform: Platform) -> None:
    old = platform.store / "tracking-20200101T000000Z.tar.gz"
    old.write_text("")
    plan = backup.Plan(
        replace(database(platform.port, "mlflow"), auth="nowhere"),
        LOGINS["server"],
        platform.store.as_uri(),
        1,
    )
    with pytest.raises(BackupError, match="reading the database failed"):
        backup.backup(plan)
    assert [each.name for each in platform.store.iterdir()] == [old.name]


def test_a_backup_tells_what_it_holds(platform: Platform) -> None:
    use(platform)
    with tarfile.open(platform.store / platform.backup()) as archive:
        stream = archive.extractfile(backup.MANIFEST)
        assert stream is not None
        manifest = json.load(stream)
    assert manifest["mlflow"].startswith("3.17.")
    assert manifest["databases"]["tracking"]["runs"]["rows"] == 1
    assert manifest["databases"]["auth"]["users"]["rows"] == 3


def _rewrite(path: Path, member: str, change: Any) -> None:
    """The archive again, with one file in it changed."""
    with tarfile.open(path) as archive:
        files = {
            each.name: archive.extractfile(each).read()  # type: ignore[union-attr]
            for each in archive.getmembers()
        }
    files[member] = change(files[member])
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
