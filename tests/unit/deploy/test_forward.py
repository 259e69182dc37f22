"""Reaching a service through `kubectl port-forward`, of which a script stands for kubectl."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from stanchion_cli.deploy.forward import forward
from stanchion_cli.errors import StanchionError

KUBECTL = """\
import socket, sys
there = socket.create_server(("127.0.0.1", 0))
print("Warning: a cluster has said something before", flush=True)
print(f"Forwarding from 127.0.0.1:{there.getsockname()[1]} -> 5000", flush=True)
for _ in range(8000):
    print("Handling connection for 5000", flush=True)
there.accept()[0].sendall(b"served")
"""
REFUSAL = "print('error: services \"mlflow\" not found'); raise SystemExit(1)"


def kubectl(folder: Path, script: str) -> list[str]:
    (folder / "kubectl.py").write_text(script)
    return [sys.executable, str(folder / "kubectl.py")]


def test_a_service_is_reached_however_much_kubectl_says_of_its_connections(tmp_path: Path) -> None:
    with forward(kubectl(tmp_path, KUBECTL), "tracking", "mlflow", 5000) as url:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            assert connection.recv(10) == b"served"


def test_what_kubectl_says_of_a_service_that_is_not_there_is_told(tmp_path: Path) -> None:
    refused = pytest.raises(StanchionError, match='cannot be reached: error: services "mlflow" not')
    with refused, forward(kubectl(tmp_path, REFUSAL), "tracking", "mlflow", 5000):
        pass
