"""The real process on a real socket: start, drain, stop."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import NAMES, Store

BODY = json.dumps({"dataframe_split": {"columns": NAMES, "data": [[1.0, 2.0, 3.0, 4.0]]}})


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def ended(self) -> list[dict[str, Any]]:
        """Wait for the process and return what it logged."""
        self.process.wait(timeout=40)
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def get(self, path: str) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def wait(self, path: str, status: int, seconds: float = 90) -> Any:
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            try:
                seen = self.get(path)
            except OSError:
                seen = (0, None)
            if seen[0] == status:
                return seen[1]
            time.sleep(0.05)
        raise AssertionError(f"{path} never answered {status}; last: {seen}")


def start(store: Store, log: Path, **changes: str) -> Running:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "MODEL_NAME": store.model.name,
        "MODEL_VERSION": store.model.version,
        "MODEL_DIGEST": str(store.model.digest),
        "MLFLOW_TRACKING_URI": store.uri,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        **changes,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "stanchion_model_server"],
        env=environment,
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
    )
    return Running(process, port, log)


@pytest.fixture
def running(store: Store, tmp_path: Path) -> Iterator[Running]:
    made = start(store, tmp_path / "log", DRAIN_SECONDS="4")
    yield made
    made.process.kill()
    made.process.wait()


def half_sent(port: int) -> socket.socket:
    """A connection with a request whose body is not all there yet."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = (
        "POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"content-length: {len(BODY)}\r\n\r\n"
    )
    connection.sendall((head + BODY[:20]).encode())
    return connection


def test_a_drain_under_load_loses_no_request_and_ends_cleanly(running: Running) -> None:
    running.wait("/v2/health/ready", 200)
    elsewhere = threading.Event()
    statuses: list[int] = []
    failures: list[str] = []

    def ask() -> None:
        """A client that keeps its connection until told otherwise, as most do.

        Its next connection goes elsewhere once the cluster knows that the pod is unready.
        """
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        while not (elsewhere.is_set() and connection.sock is None):
            try:
                connection.request(
                    "POST", "/invocations", BODY, {"content-type": "application/json"}
                )
                reply = connection.getresponse()
                reply.read()
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))
                return
            statuses.append(reply.status)
            if reply.getheader("connection") == "close":
                connection.close()

    clients = [threading.Thread(target=ask) for _ in range(8)]
    for client in clients:
        client.start()
    time.sleep(0.5)
    before = len(statuses)
    running.process.send_signal(signal.SIGTERM)
    state = running.wait("/v2/health/ready", 503, seconds=3)
    slow = half_sent(running.port)
    time.sleep(0.3)
    elsewhere.set()
    time.sleep(5)  # the drain's end passes while the slow client is in the middle of its body
    slow.sendall(BODY[20:].encode())
    answer = slow.recv(4096).decode()
    logged = running.ended()
    for client in clients:
        client.join()
    assert state["state"] == "draining"
    assert answer.startswith("HTTP/1.1 200 OK")
    assert failures == []
    assert set(statuses) == {200}
    assert len(statuses) > before > 0
    assert running.process.returncode == 0
    assert sum(line["message"] == "request" for line in logged) == len(statuses) + 1
    assert logged[-1]["message"] == "stopped"


def test_without_its_registry_the_process_lives_and_says_why(store: Store, tmp_path: Path) -> None:
    running = start(
        store, tmp_path / "log", MLFLOW_TRACKING_URI="http://127.0.0.1:9", DRAIN_SECONDS="0"
    )
    try:
        assert running.wait("/v2/health/live", 200) == {"live": True}
        heads = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        for _ in range(2):  # an answer without a body is not held back for one
            heads.request("HEAD", "/v2/health/live")
            reply = heads.getresponse()
            assert (reply.status, reply.read()) == (200, b"")
        heads.close()
        give_up = time.monotonic() + 30
        state: dict[str, str] = {}
        while "Connection" not in state.get("reason", "") and time.monotonic() < give_up:
            state = running.get("/v2/health/ready")[1]
            time.sleep(0.1)
        running.process.send_signal(signal.SIGTERM)
        logged = running.ended()
    finally:
        running.process.kill()
    assert state["state"] == "loading"
    assert "classifier version 1" in state["reason"]
    retries = [line for line in logged if "retry_in_seconds" in line]
    assert [line["attempt"] for line in retries] == list(range(1, len(retries) + 1))
    assert running.process.returncode == 0


def test_a_wrong_environment_ends_with_every_problem_and_status_2() -> None:
    environment = {"PATH": os.environ["PATH"], "PORT": "zero"}
    done = subprocess.run(
        [sys.executable, "-m", "stanchion_model_server"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 5
    assert "Traceback" not in done.stderr
