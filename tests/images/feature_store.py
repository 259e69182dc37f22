"""The feature store's image as processes: its own environment, a real PostgreSQL, files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .test_database_image import Folder, run

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "serving-images" / "feature-store"
EXAMPLE = ROOT / "examples" / "feature-store"
PASSWORDS = {"owner": "the-owners-own", "writer": "the-writers-own", "reader": "the-readers-own"}


def python() -> Path:
    """The interpreter with what the image installs: made by its lock the first time."""
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    command = [uv, "sync", "--frozen", "--quiet", "--compile-bytecode", "--project", str(PROJECT)]
    subprocess.run(command, env=environment, check=True, timeout=600)
    return PROJECT / ".venv" / "bin" / "python"


@dataclass
class Store:
    """A feature store in a folder."""

    interpreter: Path
    server: Folder
    root: Path
    outputs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        logins = {
            "database-admin": {"username": "boss", "password": "pw"},
            **{role: {"password": word} for role, word in PASSWORDS.items()},
        }
        for folder, files in logins.items():
            (self.root / "secrets" / folder).mkdir(parents=True)
            for name, content in files.items():
                (self.root / "secrets" / folder / name).write_text(content)
        self.sources.mkdir()
        self.definitions.mkdir()

    @property
    def sources(self) -> Path:
        return self.root / "sources"

    @property
    def definitions(self) -> Path:
        return self.root / "definitions"

    def environment(self, **more: str) -> dict[str, str]:
        images = ROOT / "serving-images"
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.root),
            "PYTHONPATH": f"{images / 'feature-store'}:{images / 'serving'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "STANCHION_SECRETS_DIR": str(self.root / "secrets"),
            "DB_HOST": "127.0.0.1",
            "DB_PORT": str(self.server.port),
            "DB_WAIT_SECONDS": "20",
            "FEATURE_SOURCES": self.sources.as_uri(),
            "DEFINITIONS_DIR": str(self.definitions),
            **more,
        }

    def command(self, word: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run one of the image's commands to its end."""
        done = subprocess.run(
            [str(self.interpreter), "-m", "stanchion_feature_store", word],
            env=self.environment(**more),
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        self.outputs.append(done.stdout + done.stderr)
        return done

    def must(self, word: str, **more: str) -> list[dict[str, Any]]:
        """Run a command that is to succeed; its log."""
        done = self.command(word, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return logged(done)

    def rows(self, table: str) -> list[Any]:
        """Every row of a table, in order."""
        connection = self.server.connect(database="feature_store")
        found = run(connection, f"SELECT t::text FROM {table} t ORDER BY 1")
        connection.close()
        return found

    def execute(self, statement: str, user: str = "boss", password: str = "pw") -> list[Any]:
        connection = self.server.connect(user, password, "feature_store")
        found = run(connection, statement)
        connection.close()
        return found


def logged(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The lines of a log, each of which must be JSON."""
    return [json.loads(line) for line in done.stdout.splitlines()]


@dataclass
class Server:
    """The running server."""

    process: subprocess.Popen[str]
    port: int
    metrics_port: int

    def ask(self, path: str, body: Any = None, method: str | None = None) -> tuple[int, Any]:
        """Status and decoded answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def features(self, customers: list[int], *names: str) -> dict[str, list[Any]]:
        """Values by feature, in the order of the customers."""
        status, answer = self.ask(
            "/get-online-features",
            {
                "features": [f"customer_orders:{name}" for name in names],
                "entities": {"customer_id": customers},
            },
        )
        assert status == 200, answer
        found = answer["metadata"]["feature_names"]
        return {
            name: result["values"] for name, result in zip(found, answer["results"], strict=True)
        }

    def metrics(self) -> str:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=20
        ) as answer:
            return str(answer.read().decode())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(store: Store) -> Iterator[Server]:
    """The server, ready, until the end."""
    port, metrics_port = _free_port(), _free_port()
    told = store.environment(
        HOST="127.0.0.1", PORT=str(port), METRICS_PORT=str(metrics_port), DRAIN_SECONDS="1"
    )
    with (store.root / "served.log").open("w+") as log:
        process = subprocess.Popen(
            [str(store.interpreter), "-m", "stanchion_feature_store", "serve"],
            env=told,
            cwd=store.root,
            stdout=log,
            stderr=log,
            text=True,
        )
        try:
            server = Server(process, port, metrics_port)
            _until_ready(server, store.root / "served.log")
            yield server
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0, (store.root / "served.log").read_text()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            store.outputs.append((store.root / "served.log").read_text())


def _until_ready(server: Server, log: Path) -> None:
    give_up = time.monotonic() + 60
    while True:
        assert server.process.poll() is None, log.read_text()
        try:
            if server.ask("/ready")[0] == 200:
                return
        except OSError:
            pass
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.2)
