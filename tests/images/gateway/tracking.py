"""MLflow's own server with logins, as a process on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from mlflow import MlflowClient
from mlflow.entities import Trace
from mlflow.server.auth.client import AuthServiceClient

from benchmarks.processes import free_port

LOGIN = ("admin", "a-long-password-of-the-admin")
OF_GATEWAYS = ("gateway", "a-long-password-of-gateways")
"""A user that the administrator has made, and given no right."""
_START_SECONDS = 300


class TrackingServer:
    """The server over SQLite in a folder; it can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.credentials = folder / "credentials"
        self.credentials.mkdir()
        for name, value in zip(("username", "password"), OF_GATEWAYS, strict=True):
            (self.credentials / name).write_text(value + "\n")
        (folder / "auth.ini").write_text(
            "[mlflow]\ndefault_permission = READ\n"
            f"database_uri = sqlite:///{folder}/auth.db\n"
            f"admin_username = {LOGIN[0]}\nadmin_password = {LOGIN[1]}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """What MLflow's client reads its server and login from."""
        return {
            "MLFLOW_TRACKING_URI": self.url,
            "MLFLOW_TRACKING_USERNAME": LOGIN[0],
            "MLFLOW_TRACKING_PASSWORD": LOGIN[1],
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        }

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.url)

    def start(self) -> None:
        log = (self._folder / "server.log").open("ab")
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth",
                "--backend-store-uri", f"sqlite:///{self._folder}/mlflow.db",
                "--artifacts-destination", str(self._folder / "artifacts"),
                "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1",
            ],
            env={
                # It is no client of itself.
                **{k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_TRACKING")},
                "MLFLOW_AUTH_CONFIG_PATH": str(self._folder / "auth.ini"),
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "of-sessions-and-forms",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        give_up = time.monotonic() + _START_SECONDS
        while True:
            assert self._process.poll() is None, (self._folder / "server.log").read_text()
            assert time.monotonic() < give_up, (self._folder / "server.log").read_text()
            try:
                with urlopen(f"{self.url}/health", timeout=5):
                    return
            except (URLError, ConnectionError, TimeoutError):
                time.sleep(0.2)

    def admit_gateways(self) -> None:
        """Make their user, as the administrator does with a request of MLflow's API."""
        AuthServiceClient(self.url).create_user(*OF_GATEWAYS)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)  # its workers too, and at once
            self._process.wait(30)

    def traces(self, experiment: str, *, count: int, seconds: float = 30) -> list[Trace]:
        """The traces of an experiment, oldest first, once there are as many."""
        give_up = time.monotonic() + seconds
        found: list[Trace] = []
        while time.monotonic() < give_up and len(found) < count:
            known = self.client.get_experiment_by_name(experiment)
            if known is not None:
                found = list(
                    self.client.search_traces(
                        locations=[known.experiment_id], order_by=["timestamp_ms ASC"]
                    )
                )
            time.sleep(0.2)
        return found
