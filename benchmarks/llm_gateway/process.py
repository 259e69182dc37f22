"""The gateway as a process on loopback."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from stanchion_cli.errors import StanchionError

from benchmarks.processes import free_port

START_SECONDS = 90
SETTLE_SECONDS = 30


@dataclass
class Running:
    """A gateway that listens."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    log: Path

    def ask(
        self,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        method: str | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json", **(headers or {})}
        try:
            connection.request(method or ("GET" if data is None else "POST"), path, data, sent)
            reply = connection.getresponse()
            got = {key.lower(): value for key, value in reply.getheaders()}
            return reply.status, got, reply.read()
        finally:
            connection.close()

    def metrics(self) -> str:
        """What Prometheus would scrape."""
        with urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as reply:
            return str(reply.read().decode())

    def settled(self) -> str:
        """The metrics once no request is in flight: an answer is counted after it was sent.

        Raises:
            StanchionError: when one still is after 30 s.
        """
        give_up = time.monotonic() + SETTLE_SECONDS
        while "\nllm_gateway_in_flight 0.0\n" not in (metrics := self.metrics()):
            if time.monotonic() > give_up:
                raise StanchionError(f"a request is in flight for {SETTLE_SECONDS} s")
            time.sleep(0.05)
        return metrics

    def logged(self) -> list[dict[str, Any]]:
        """Every line so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line]

    def stop(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(20)


def start(configuration: dict[str, Any], folder: Path) -> Running:
    """Start a gateway and wait until it is ready.

    Raises:
        StanchionError: with what it wrote, when it does not come up.
    """
    file, log = folder / "gateway.json", folder / "gateway.log"
    file.write_text(json.dumps(configuration))
    port, metrics_port = free_port(), free_port()
    environment = {
        **os.environ,
        "CONFIGURATION": str(file),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "METRICS_PORT": str(metrics_port),
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "stanchion_llm_gateway"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    running = Running(process, port, metrics_port, log)
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        try:
            if running.ask("/health/ready")[0] == 200:
                return running
        except OSError:
            time.sleep(0.1)
    running.stop()
    raise StanchionError(f"the gateway did not start: {log.read_text()}")
