"""The real Alertmanager on loopback, with routes as Prometheus Operator hands them to it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import yaml

SCOPE = "monitoring/platform/"
"""What the operator puts before the names of an AlertmanagerConfig's receivers."""
_RENAMED = {"sourceMatch": "source_matchers", "targetMatch": "target_matchers"}
_PAIRS = {"details", "headers"}


def configuration(spec: Mapping[str, Any], address: str) -> dict[str, Any]:
    """Alertmanager's configuration from an AlertmanagerConfig, as the operator makes it.

    Args:
        spec: The object's specification.
        address: Where every receiver's messages go instead, each to a path of its own.
    """
    told = [_receiver(receiver, address) for receiver in spec["receivers"]]
    return {
        "global": {"resolve_timeout": "5m"},
        "route": {
            "receiver": "null",
            "group_wait": "0s",
            "routes": [{**_route(spec["route"]), "continue": True}],
        },
        "inhibit_rules": [_plain(rule) for rule in spec["inhibitRules"]],
        "receivers": [{"name": "null"}, *told],
    }


def _route(route: Mapping[str, Any]) -> dict[str, Any]:
    made = {key: value for key, value in route.items() if key != "routes"}
    nested = [_route(each) for each in route.get("routes", [])]
    return {**_plain(made), "receiver": SCOPE + route["receiver"], "routes": nested}


def _receiver(receiver: Mapping[str, Any], address: str) -> dict[str, Any]:
    name = receiver["name"]

    def filled(configs: Sequence[Mapping[str, Any]]) -> list[Any]:
        made = [_plain(config) for config in configs]
        for config in made:
            for key in ("api_url", "url_secret", "url"):
                if key in config:
                    config.pop(key)
                    config["api_url" if key == "api_url" else "url"] = f"{address}/{name}"
            if "routing_key" in config:
                config |= {"routing_key": "test", "url": f"{address}/{name}"}
            if "auth_password" in config:
                config["auth_password"] = "test"
        return made

    return {
        "name": SCOPE + name,
        **{_snake(key): filled(value) for key, value in receiver.items() if key != "name"},
    }


def _plain(value: Any) -> Any:
    """Keys in Alertmanager's own notation, matchers as one text each."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    if "matchType" in value:
        return f"{value['name']}{value['matchType']}{json.dumps(value['value'])}"
    return {
        _RENAMED.get(key, _snake(key)): (
            {pair["key"]: pair["value"] for pair in part} if key in _PAIRS else _plain(part)
        )
        for key, part in value.items()
    }


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z])[A-Z]+", lambda found: f"_{found[0].lower()}", key)


@dataclass
class Told:
    """What receivers were sent: by receiver, the message's body."""

    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def of(self, labels: Mapping[str, str]) -> bool:
        """Whether a webhook was told of the alert with exactly these labels."""
        return any(
            alert["labels"] == labels
            for _, body in self.messages
            for alert in body.get("alerts", [])
        )


@contextmanager
def receivers() -> Iterator[tuple[str, Told]]:
    """A server that takes every message, and its address."""
    told = Told()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.messages.append((self.path.strip("/"), json.loads(body)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "success", "message": "ok", "dedup_key": "a"}')

        def log_message(self, *_: Any) -> None:
            """Nothing: what came is kept."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", told
        finally:
            server.shutdown()


@contextmanager
def alertmanager(program: Path, folder: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """Alertmanager with a configuration; its address, once it answers."""
    file = folder / "alertmanager.yaml"
    file.write_text(yaml.safe_dump(dict(config)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(program),
        f"--config.file={file}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/-/ready", running, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()
            running.wait(10)


def _wait_until_ready(url: str, running: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and running.poll() is None:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"Alertmanager does not come up: {log.read_text()[-2000:]}")
