"""What MLflow only marks as deleted goes for good: a real server, database and store."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from stanchion_mlflow.postgres import connect, execute
from stanchion_mlflow.settings import Login

from .test_database_image import BINARIES, stop, temporary
from .test_mlflow_backup import LOGINS, Platform, database

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(
        not (BINARIES / "initdb").is_file(), reason="PostgreSQL 15 is not installed"
    ),
]
DAY = 24 * 60 * 60 * 1000


@dataclass
class Tracking:
    """A server of the image's own, and what its garbage collection is told."""

    folder: Path
    postgres: int
    port: int

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(f"http://127.0.0.1:{self.port}")

    @property
    def told(self) -> dict[str, str]:
        """The environment of either command."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            "STANCHION_SECRETS_DIR": str(self.folder / "secrets"),
            "DB_HOST": "127.0.0.1",
            "DB_PORT": str(self.postgres),
            "ALLOWED_HOSTS": f"127.0.0.1:{self.port}",
            "ARTIFACTS_DESTINATION": (self.folder / "artifacts").as_uri(),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "METRICS_PORT": str(_free_port()),
            "TRACKING_URI": f"http://127.0.0.1:{self.port}",
            "DELETED_DAYS": "30",
        }

    def run(self, experiment: str, *, deleted_days: int | None = None) -> str:
        """A run with an artifact, deleted as long ago as said."""
        made: str = self.client.create_run(experiment).info.run_id
        self.client.log_text(made, "kept for now", "notes/note.txt")
        if deleted_days is not None:
            self.client.delete_run(made)
            self.age("runs", "deleted_time", "run_uuid", made, deleted_days)
        return made

    def experiment(self, name: str) -> str:
        made: str = self.client.create_experiment(name)
        return made

    def delete_experiment(self, experiment: str, days: int) -> None:
        self.client.delete_experiment(experiment)
        self.age("experiments", "last_update_time", "experiment_id", experiment, days)
        self.age("runs", "deleted_time", "experiment_id", experiment, days)

    def age(self, table: str, column: str, key: str, value: str, days: int) -> None:
        """Deleted as many days ago: nobody waits for them."""
        moment = int(time.time() * 1000) - days * DAY
        self.change(f"UPDATE {table} SET {column} = %s WHERE {key} = %s", moment, value)

    def change(self, statement: str, *values: object) -> None:
        connection = connect(database(self.postgres, "mlflow"), "mlflow", Login("boss", "pw"))
        execute(connection, statement, *values)
        connection.close()

    def files(self, part: str) -> list[str]:
        """Files whose path holds `part`, a run's or a model's ID."""
        root = self.folder / "artifacts"
        return sorted(
            str(path.relative_to(root))
            for path in root.rglob("*")
            if path.is_file() and part in path.parts
        )

    def gc(self, **told: str) -> subprocess.CompletedProcess[str]:
        """The image's command."""
        return subprocess.run(
            [sys.executable, "-m", "stanchion_mlflow", "gc"],
            env={**self.told, **told},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def is_there(self, run: str) -> bool:
        try:
            self.client.get_run(run)
        except MlflowException as error:
            assert error.error_code == "RESOURCE_DOES_NOT_EXIST", error
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


@contextmanager
def _serving(tracking: Tracking) -> Iterator[None]:
    with (tracking.folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "stanchion_mlflow", "serve"],
            env=tracking.told, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            _wait_until_ready(tracking, server)
            yield
        finally:
            stop(server)


def _wait_until_ready(tracking: Tracking, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 120
    while True:
        assert server.poll() is None, (tracking.folder / "log").read_text()
        assert time.monotonic() < give_up, (tracking.folder / "log").read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{tracking.port}/ready"):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracking]:
    home = tmp_path_factory.mktemp("tracking")
    secrets = {
        "database-server": {"password": LOGINS["server"].password},
        "mlflow-admin": vars(LOGINS["mlflow_admin"]),
        "session": {"key": "the-sessions-own"},
    }
    for folder, keys in secrets.items():
        (home / "secrets" / folder).mkdir(parents=True)
        for key, value in keys.items():
            (home / "secrets" / folder / key).write_text(value)
    with temporary() as data, pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_TRACKING_USERNAME", LOGINS["mlflow_admin"].username)
        environment.setenv("MLFLOW_TRACKING_PASSWORD", LOGINS["mlflow_admin"].password)
        postgres = data.start()
        data.connect().close()
        Platform(data.port, data.root).migrated("mlflow")
        made = Tracking(home, data.port, _free_port())
        with _serving(made):
            yield made
        stop(postgres)


def test_a_run_goes_with_its_artifacts_once_it_is_deleted_for_long_enough(
    tracking: Tracking,
) -> None:
    experiment = tracking.experiment("runs")
    alive = tracking.run(experiment)
    young = tracking.run(experiment, deleted_days=29)
    old = tracking.run(experiment, deleted_days=31)
    done = tracking.gc()
    assert done.returncode == 0, done.stderr
    assert [tracking.is_there(run) for run in (alive, young, old)] == [True, True, False]
    assert tracking.files(old) == []
    for run in (alive, young):
        assert tracking.files(run) == [f"{experiment}/{run}/artifacts/notes/note.txt"]


def test_what_the_registry_serves_stays_although_its_run_was_deleted(tracking: Tracking) -> None:
    client, experiment = tracking.client, tracking.experiment("served")
    served = tracking.run(experiment)
    client.create_registered_model("wine")
    source = f"{client.get_run(served).info.artifact_uri}/notes"
    version = client.create_model_version("wine", source, run_id=served)
    client.delete_run(served)
    tracking.age("runs", "deleted_time", "run_uuid", served, 31)
    assert tracking.gc().returncode == 0
    assert tracking.files(served)

    # Versions that older releases of MLflow registered name it by their source alone.
    tracking.change("UPDATE model_versions SET run_id = NULL WHERE name = 'wine'")
    assert tracking.gc().returncode == 0
    assert tracking.is_there(served)
    assert tracking.files(served)

    client.delete_model_version("wine", version.version)
    assert tracking.gc().returncode == 0
    assert not tracking.is_there(served)
    assert tracking.files(served) == []


def _logged_model(tracking: Tracking, experiment: str) -> str:
    """A model of an experiment, with a file."""
    client = tracking.client
    made: Any = client.create_logged_model(experiment)
    source = tracking.folder / "MLmodel"
    source.write_text("flavors: {}\n")
    client.log_model_artifact(made.model_id, str(source))
    client.finalize_logged_model(made.model_id, "READY")
    return str(made.model_id)


def test_an_experiment_goes_with_its_runs_and_the_files_of_its_models(tracking: Tracking) -> None:
    experiment = tracking.experiment("whole")
    run, model = tracking.run(experiment), _logged_model(tracking, experiment)
    assert tracking.files(model)
    tracking.delete_experiment(experiment, days=31)
    assert tracking.gc().returncode == 0
    assert tracking.files(experiment) == []
    assert not tracking.is_there(run)
    with pytest.raises(MlflowException, match="No Experiment with id"):
        tracking.client.get_experiment(experiment)


def test_an_experiment_with_a_model_that_is_served_stays_whole(tracking: Tracking) -> None:
    experiment = tracking.experiment("half")
    model = _logged_model(tracking, experiment)
    tracking.client.create_registered_model("half")
    tracking.client.create_model_version("half", f"models:/{model}", model_id=model)
    tracking.delete_experiment(experiment, days=31)
    assert tracking.gc().returncode == 0
    assert tracking.files(model)
    assert tracking.client.get_experiment(experiment).lifecycle_stage == "deleted"


def test_a_deleted_model_goes_with_its_files(tracking: Tracking) -> None:
    experiment = tracking.experiment("models")
    young, old = (_logged_model(tracking, experiment) for _ in range(2))
    for model, days in ((young, 29), (old, 31)):
        tracking.client.delete_logged_model(model)
        tracking.age("logged_models", "last_updated_timestamp_ms", "model_id", model, days)
    assert tracking.gc().returncode == 0
    assert (bool(tracking.files(young)), tracking.files(old)) == (True, [])


def test_what_cannot_be_deleted_is_told_and_the_rest_goes(tracking: Tracking) -> None:
    elsewhere = tracking.client.create_experiment("elsewhere", artifact_location="nowhere://x")
    stuck: str = tracking.client.create_run(elsewhere).info.run_id
    tracking.client.delete_run(stuck)
    tracking.age("runs", "deleted_time", "run_uuid", stuck, 31)
    other = tracking.run(tracking.experiment("beside it"), deleted_days=31)
    done = tracking.gc()
    assert done.returncode == 1
    assert f"1 could not be deleted, first run {stuck}: " in done.stderr
    assert (tracking.is_there(stuck), tracking.is_there(other)) == (True, False)
    tracking.client.restore_run(stuck)


def test_nothing_goes_while_the_registry_does_not_answer(tracking: Tracking) -> None:
    old = tracking.run(tracking.experiment("unanswered"), deleted_days=31)
    done = tracking.gc(TRACKING_URI=f"http://127.0.0.1:{_free_port()}")
    assert done.returncode == 1
    assert done.stderr.startswith("asking what was deleted failed: ")
    assert tracking.is_there(old)
    assert tracking.files(old)


def test_the_password_is_in_no_line(tracking: Tracking) -> None:
    done = tracking.gc(TRACKING_URI=f"http://127.0.0.1:{_free_port()}")
    for login in LOGINS.values():
        assert login.password not in done.stdout + done.stderr
    assert all(json.loads(line)["message"] for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"DELETED_DAYS": "0"}, "DELETED_DAYS: '0' is not a whole number above zero"),
        ({"TRACKING_URI": ""}, "TRACKING_URI is not set"),
    ],
)
def test_a_wrong_setting_is_named(tracking: Tracking, told: dict[str, str], says: str) -> None:
    done = tracking.gc(**told)
    assert (done.returncode, done.stderr.strip()) == (2, says)
