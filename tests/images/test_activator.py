"""The activator as a process, between real clients and real replicas on loopback."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from stanchion_activator.replicas import Replicas

PATH = "/v2/models/wine/infer"


@dataclass
class Replica:
    """A replica that answers with what it was asked, after `delay`, and does as its path says."""

    port: int
    delay: float = 0
    asked: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def up(self) -> Iterator[None]:
        server = ThreadingHTTPServer(
            ("127.0.0.1", self.port), type("Handler", (Handler,), {"replica": self})
        )
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    replica: Replica

    def do_GET(self) -> None:
        self.do_POST()

    def do_HEAD(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self._body()
        seen = {"path": self.path, "headers": dict(self.headers.items()), "bytes": len(body)}
        self.replica.asked.append(seen)
        if "die" in self.path:
            self.close_connection = True
            return
        time.sleep(self.replica.delay)
        if "stream" in self.path or "break" in self.path:
            self._stream(breaks="break" in self.path)
            return
        status = int(self.headers.get("x-wanted", "200"))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-from", "replica")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _stream(self, *, breaks: bool) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in (b"one", b"two", b"three"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            if breaks:
                self.close_connection = True
                return
            time.sleep(0.3)
        self.wfile.write(b"0\r\n\r\n")

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def log_message(self, *_: Any) -> None:
        pass


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Activator:
    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    log: Path

    def connect(self, timeout: float = 30) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def connects(self) -> None:
        with closing(self.connect()) as connection:
            connection.connect()

    def ask(
        self, body: Any = b"{}", path: str = PATH, method: str = "POST", **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        with closing(self.connect()) as connection:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            reply = connection.getresponse()
            return reply.status, reply.read(), {k.lower(): v for k, v in reply.getheaders()}

    def metrics(self) -> dict[str, float]:
        address = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(address, timeout=20) as reply:
            lines = reply.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def settled(self) -> dict[str, float]:
        """The metrics once nothing is in flight: an answer is counted after it was sent."""
        self.until("activator_in_flight", 0)
        return self.metrics()

    def until(self, name: str, value: float, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.metrics()[name] == value:
                return
            time.sleep(0.02)
        raise AssertionError(f"{name} never was {value}; last {self.metrics()[name]}")

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def replica() -> Replica:
    return Replica(free_port())


@pytest.fixture
def start(replica: Replica, tmp_path: Path) -> Iterator[Callable[..., Activator]]:
    running: list[Activator] = []

    def begin(**changes: str) -> Activator:
        activator = started(replica.port, tmp_path / f"{len(running)}.log", **changes)
        running.append(activator)
        return activator

    yield begin
    for each in running:
        each.process.kill()
        each.process.wait()


def started(upstream: int, log: Path, **changes: str) -> Activator:
    port, metrics_port = free_port(), free_port()
    environment = {
        **os.environ,
        "REPLICAS_HOST": "127.0.0.1",
        "REPLICAS_PORT": str(upstream),
        "HOLD_SECONDS": "15",
        "DRAIN_SECONDS": "0",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "METRICS_PORT": str(metrics_port),
        **changes,
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "stanchion_activator"], env=environment, stdout=out, stderr=out
        )
    activator = Activator(process, port, metrics_port, log)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            status, _, _ = activator.ask(path="/.well-known/stanchion/activator", method="GET")
        except OSError:
            time.sleep(0.05)
            continue
        assert status == 200
        return activator
    raise AssertionError(f"did not start: {log.read_text()}")


@contextmanager
def asking(many: int, ask: Callable[[], Any]) -> Iterator[list[Any]]:
    """Ask from so many threads beside the block; what they got, once it has ended."""
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(ask())) for _ in range(many)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        for thread in threads:
            thread.join(timeout=40)


def test_requests_wait_for_the_first_replica_and_are_all_answered(
    start: Callable[..., Activator], replica: Replica
) -> None:
    activator = start()
    with asking(20, lambda: activator.ask(b"[1, 2]")) as answers:
        activator.until("activator_waiting", 20)
        assert activator.metrics()["activator_in_flight"] == 20
        with replica.up():
            activator.until("activator_in_flight", 0)
    assert [(status, body) for status, body, _ in answers] == [(200, b"[1, 2]")] * 20
    seen = activator.settled()
    assert seen["activator_waiting"] == 0
    assert seen["activator_wait_seconds_count"] == 20
    assert seen['activator_requests_total{outcome="ok"}'] == 20


def test_with_a_replica_nothing_waits_and_nothing_is_changed(
    start: Callable[..., Activator], replica: Replica
) -> None:
    activator = start()
    with replica.up():
        status, body, headers = activator.ask(
            b"abc", path=PATH + "?a=%2Fb&c", x_wanted="418", te="trailers", x_request_id="r1"
        )
    assert (status, body, headers["x-from"]) == (418, b"abc", "replica")
    (asked,) = replica.asked
    assert asked["path"] == PATH + "?a=%2Fb&c"
    assert asked["headers"]["host"] == f"127.0.0.1:{activator.port}"
    assert asked["headers"]["x-request-id"] == "r1"
    assert "te" not in asked["headers"]
    seen = activator.settled()
    assert seen['activator_requests_total{outcome="client_error"}'] == 1
    assert seen["activator_wait_seconds_count"] == 0


def test_a_connection_that_is_kept_may_ask_again(
    start: Callable[..., Activator], replica: Replica
) -> None:
    activator = start()
    with replica.up(), closing(activator.connect()) as connection:
        for number in range(3):
            connection.request("POST", PATH, b"%d" % number)
            assert connection.getresponse().read() == b"%d" % number
        connection.request("HEAD", PATH)
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (200, b"")
        assert [name.lower() for name, _ in reply.getheaders()].count("date") == 1
    assert activator.settled()['activator_requests_total{outcome="ok"}'] == 4


def test_past_the_budget_a_request_is_refused_and_told_when_to_come_again(
    start: Callable[..., Activator],
) -> None:
    activator = start(HOLD_SECONDS="1")
    began = time.monotonic()
    status, body, headers = activator.ask()
    assert time.monotonic() - began >= 1
    assert (status, headers["retry-after"]) == (503, "1")
    assert json.loads(body) == {"error": "no replica was ready within 1 s"}
    seen = activator.settled()
    assert seen['activator_refused_total{reason="budget"}'] == 1
    assert seen['activator_requests_total{outcome="unavailable"}'] == 1
    assert (seen["activator_waiting"], seen["activator_in_flight"]) == (0, 0)


def test_who_comes_as_the_last_of_those_before_gives_up_still_waits(replica: Replica) -> None:
    async def wait() -> None:
        replicas = Replicas("127.0.0.1", replica.port)
        before = asyncio.create_task(replicas.somebody())
        await asyncio.sleep(0.05)
        before.cancel()
        after = asyncio.create_task(replicas.somebody())
        await asyncio.sleep(0.5)
        assert not after.done()
        with replica.up():
            await asyncio.wait_for(after, 30)

    asyncio.run(wait())


def test_no_more_wait_than_there_is_room_for(
    start: Callable[..., Activator], replica: Replica
) -> None:
    activator = start(MAX_WAITING="2")
    with asking(2, activator.ask) as answers:
        activator.until("activator_waiting", 2)
        status, body, headers = activator.ask()
        assert status == 503
        assert b"2 requests wait already" in body
        assert 1 <= int(headers["retry-after"]) <= 15
        with replica.up():
            activator.until("activator_waiting", 0)
            activator.until("activator_in_flight", 0)
    assert [status for status, _, _ in answers] == [200, 200]
    assert activator.settled()['activator_refused_total{reason="queue_full"}'] == 1


@pytest.mark.parametrize("body", [b"", b"x" * 1000], ids=["no body", "a body"])
def test_a_client_that_gives_up_makes_room_and_its_request_is_not_passed_on(
    body: bytes, start: Callable[..., Activator], replica: Replica
) -> None:
    activator = start()
    with closing(activator.connect()) as connection:
        connection.request("POST", PATH, body)
        activator.until("activator_waiting", 1)
    activator.until("activator_waiting", 0)
    with replica.up():
        assert activator.ask()[0] == 200
    assert len(replica.asked) == 1
    assert activator.settled()['activator_requests_total{outcome="client_error"}'] == 1


def test_half_a_large_body_is_given_up_once_a_replica_would_read_it(
    start: Callable[..., Activator], replica: Replica
) -> None:
    activator = start()
    with closing(socket.create_connection(("127.0.0.1", activator.port))) as client:
        client.sendall(
            f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n\r\n".encode()
        )
        client.settimeout(1)
        with pytest.raises(TimeoutError):
            client.sendall(b"x" * 9_000_000)
        activator.until("activator_waiting", 1)
    with replica.up():
        activator.until("activator_in_flight", 0)
    assert activator.settled()['activator_requests_total{outcome="client_error"}'] == 1


def test_a_replica_that_ends_in_the_middle_is_not_asked_twice(
    start: Callable[..., Activator], replica: Replica
) -> None:
    activator = start()
    with replica.up():
        status, body, _ = activator.ask(path="/die")
        assert status == 502
        assert b"broke off" in body
        assert len(replica.asked) == 1
        with pytest.raises(http.client.IncompleteRead):
            activator.ask(path="/break")
        assert activator.ask()[0] == 200
    seen = activator.settled()
    assert seen['activator_requests_total{outcome="server_error"}'] == 2
    assert seen["activator_in_flight"] == 0


def test_a_replica_that_never_answers_is_given_up(
    start: Callable[..., Activator], replica: Replica
) -> None:
    activator = start(REQUEST_TIMEOUT_SECONDS="0.2")
    replica.delay = 60
    with replica.up():
        began = time.monotonic()
        assert activator.ask()[0] == 504
        assert 5 <= time.monotonic() - began < 40
    assert activator.settled()['activator_requests_total{outcome="timeout"}'] == 1


def test_bodies_are_passed_on_as_they_come(
    start: Callable[..., Activator], replica: Replica
) -> None:
    activator = start()
    large = b"y" * 5_000_000
    with replica.up():
        assert activator.ask(large)[1] == large
        assert activator.ask(iter([b"a" * 100_000, b"b", b"c" * 70_000]))[1] == (
            b"a" * 100_000 + b"b" + b"c" * 70_000
        )
        assert "content-length" not in {n.lower() for n in replica.asked[1]["headers"]}
        with closing(activator.connect()) as connection:
            connection.request("POST", "/stream", b"")
            reply = connection.getresponse()
            first = reply.read1(100)
            rest_after = time.monotonic()
            assert (first, reply.read()) == (b"one", b"twothree")
            assert time.monotonic() - rest_after > 0.4, "the first piece came with the last"


def test_memory_stays_bounded_while_large_bodies_wait(start: Callable[..., Activator]) -> None:
    activator = start()
    before = activator.metrics()["process_resident_memory_bytes"]
    held = []
    for _ in range(10):
        client = socket.create_connection(("127.0.0.1", activator.port))
        client.setblocking(False)
        held.append(client)
        client.send(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 50000000\r\n\r\n".encode())
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        for client in held:
            try:
                client.send(b"z" * 100_000)
            except BlockingIOError:
                time.sleep(0.001)
    activator.until("activator_waiting", 10)
    grown = activator.metrics()["process_resident_memory_bytes"] - before
    for client in held:
        client.close()
    assert grown < 20_000_000


def test_told_to_stop_it_still_answers_those_who_wait(
    start: Callable[..., Activator], replica: Replica
) -> None:
    activator = start(DRAIN_SECONDS="0.5")
    with asking(5, activator.ask) as answers:
        activator.until("activator_waiting", 5)
        activator.process.send_signal(signal.SIGTERM)
        with pytest.raises(OSError, match="refused"):
            for _ in range(300):
                activator.connects()
                time.sleep(0.1)
        with replica.up():
            activator.process.wait(timeout=40)
    assert [status for status, _, _ in answers] == [200] * 5
    assert activator.process.returncode == 0
    assert activator.logged()[-1]["message"] == "stopped"


def test_quick_requests_count_as_demand_until_somebody_has_asked_for_it(
    start: Callable[..., Activator], replica: Replica
) -> None:
    activator = start()
    assert activator.metrics()["activator_active"] == 0
    with replica.up():
        activator.ask()
    seen = activator.settled()
    assert (seen["activator_in_flight"], seen["activator_active"]) == (0, 1)
    activator.until("activator_active", 0, seconds=25)


def test_replicas_may_go_and_come_again(start: Callable[..., Activator], replica: Replica) -> None:
    activator = start()
    for _ in range(3):
        with asking(1, activator.ask) as answers:
            activator.until("activator_waiting", 1)
            with replica.up():
                activator.until("activator_in_flight", 0)
        assert answers[0][0] == 200


def test_a_request_that_no_replica_answered_is_logged_and_others_are_not(
    start: Callable[..., Activator], replica: Replica
) -> None:
    activator = start(HOLD_SECONDS="1")
    activator.ask(b"secret")
    with replica.up():
        activator.ask()
    give_up = time.monotonic() + 30
    while not (told := [each for each in activator.logged() if "status" in each]):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    (line,) = told
    assert (line["status"], line["path"], line["method"]) == (503, PATH, "POST")
    assert "secret" not in activator.log.read_text()


def test_wrong_settings_are_told_all_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stanchion_activator"],
        env={**os.environ, "PORT": "0", "REPLICAS_HOST": "x"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert sorted(line.split(":")[0] for line in done.stderr.splitlines()) == [
        "HOLD_SECONDS",
        "PORT",
    ]
