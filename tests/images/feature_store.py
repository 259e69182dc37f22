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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .test_database_image import Folder, run

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "serving-images" / "feature-store"
EXAMPLE = ROOT / "examples" / "feature-store"
# The Makefile puts it there where it is not installed.
UV = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
_PATHS = {
    "PYTHONPATH": f"{PROJECT}:{ROOT / 'serving-images' / 'serving'}",
    "PYTHONDONTWRITEBYTECODE": "1",
}
PASSWORDS = {"owner": "the-owners-own", "writer": "the-writers-own", "reader": "the-readers-own"}


def python() -> Path:
    """The interpreter with what the image installs: made by its lock the first time."""
    home = ROOT / ".tools" / "feature-store"
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    command = [UV, "sync", "--frozen", "--quiet", "--compile-bytecode", "--project", str(PROJECT)]
    environment["UV_PROJECT_ENVIRONMENT"] = str(home)
    subprocess.run(command, env=environment, check=True, timeout=600)
    return home / "bin" / "python"


class Host:
    """Starts the image's commands; Feast takes seconds to import, and is imported once."""

    def __init__(self, interpreter: Path) -> None:
        self._process = subprocess.Popen(
            [str(interpreter), str(Path(__file__).with_name("feature_store_host.py"))],
            env={"PATH": "/usr/bin:/bin", **_PATHS},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _told(self, **what: Any) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._number()

    def _number(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def run(self, command: str, environment: dict[str, str], folder: Path) -> Done:
        """Run a command to its end."""
        out, err = folder / "stdout", folder / "stderr"
        self._told(
            command=command, environment=environment, stdout=str(out), stderr=str(err), waits=True
        )
        return Done(self._number(), out.read_text(), err.read_text())

    def start(self, command: str, environment: dict[str, str], log: Path) -> int:
        """Start a command; its process' number."""
        return self._told(
            command=command, environment=environment, stdout=str(log), stderr=str(log), waits=False
        )

    def stop(self) -> None:
        """End it, and whatever it still waits for."""
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of its log, each of which must be JSON."""
        return [json.loads(line) for line in self.stdout.splitlines()]


@dataclass
class Store:
    """A feature store in a folder."""

    host: Host
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
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.root),
            **_PATHS,
            "STANCHION_SECRETS_DIR": str(self.root / "secrets"),
            "DB_HOST": "127.0.0.1",
            "DB_PORT": str(self.server.port),
            "DB_WAIT_SECONDS": "20",
            "FEATURE_SOURCES": self.sources.as_uri(),
            "DEFINITIONS_DIR": str(self.definitions),
            **more,
        }

    def command(self, word: str, **more: str) -> Done:
        """Run one of the image's commands to its end."""
        done = self.host.run(word, self.environment(**more), self.root)
        self.outputs.append(done.stdout + done.stderr)
        return done

    def must(self, word: str, **more: str) -> list[dict[str, Any]]:
        """Run a command that is to succeed; its log."""
        done = self.command(word, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.log

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


@dataclass
class Server:
    """The running server."""

    pid: int
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

    @property
    def lives(self) -> bool:
        status = Path(f"/proc/{self.pid}/status")
        return status.is_file() and "\tZ" not in status.read_text()

    def metrics(self) -> str:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=20
        ) as answer:
            return str(answer.read().decode())

    def metrics_with(self, line: str) -> str:
        """The metrics once they have a line: an answer is counted after it was sent."""
        give_up = time.monotonic() + 30
        while line not in (metrics := self.metrics()):
            assert time.monotonic() < give_up, metrics
            time.sleep(0.05)
        return metrics


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
    log = store.root / "served.log"
    server = Server(store.host.start("serve", told, log), port, metrics_port)
    try:
        _until_ready(server, log)
        yield server
    finally:
        os.kill(server.pid, signal.SIGTERM)
        _until_gone(server, log)
        store.outputs.append(log.read_text())
    assert log.read_text().rstrip().endswith('"message":"stopped"}'), log.read_text()


def _until_ready(server: Server, log: Path) -> None:
    give_up = time.monotonic() + 60
    while True:
        with suppress(OSError):
            if server.ask("/ready")[0] == 200:
                return
        assert server.lives, log.read_text()
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.1)


def _until_gone(server: Server, log: Path) -> None:
    """Its parent does not wait for it: it stays behind as what has ended."""
    give_up = time.monotonic() + 40
    while server.lives:
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.05)
