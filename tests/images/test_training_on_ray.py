"""The example on Ray: a head and a worker as processes, a training that is killed and goes on.

It runs only where Ray is installed: 200 MB that nothing else in the workspace needs, so it is in no
group of it. `examples/training/wine-on-ray-image` names the version.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from stanchion_models import artifact_digest

from .test_training import environment

pytest.importorskip("ray", reason="the example on Ray is not tried: Ray is not installed")

SCRIPT = Path(__file__).parents[2] / "examples" / "training" / "wine-on-ray" / "train.py"
STEPS, KILLED_AFTER = 8, 4
HEAD, WORKERS = "127.0.0.2", ("127.0.0.3", "127.0.0.4")
"""Addresses of this machine: Ray tells its nodes apart by them."""
PORTS = ("node-manager", "object-manager", "dashboard-agent-grpc", "dashboard-agent-listen")
MORE_PORTS = ("runtime-env-agent", "metrics-export")


def free_ports(count: int) -> list[int]:
    """Ports that nobody has, all at once."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("", 0))
        return [int(each.getsockname()[1]) for each in held]
    finally:
        for each in held:
            each.close()


def node(root: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A node of Ray, in a session of its own so that all of it can be ended.

    Ports are given: what Ray chooses itself it waits for 15 s, whatever else the machine does.
    """
    names = (*PORTS, *MORE_PORTS)
    ports = [
        f"--{name}-port={port}" for name, port in zip(names, free_ports(len(names)), strict=True)
    ]
    with (root / "nodes.log").open("ab") as log:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block"),
                *("--disable-usage-stats", "--object-store-memory=100000000"),
                *ports,
                *arguments,
            ],
            env=os.environ | {"RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def ended(node: subprocess.Popen[bytes]) -> None:
    """End a node and all that it started, at once."""
    os.killpg(node.pid, signal.SIGKILL)
    node.wait(timeout=60)


def worker(root: Path, address: str, at: str) -> subprocess.Popen[bytes]:
    low = free_ports(1)[0] % 20_000 + 20_000
    return node(
        root,
        f"--address={address}",
        f"--node-ip-address={at}",
        "--num-cpus=2",
        f"--min-worker-port={low}",
        f"--max-worker-port={low + 500}",
    )


@contextmanager
def running(root: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A head that is given no work, and a worker."""
    # Sockets of Ray are files, whose paths may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as files:
        port, client = free_ports(2)
        head = node(
            root,
            *("--head", "--num-cpus=0", "--include-dashboard=false"),
            *(f"--node-ip-address={HEAD}", f"--port={port}", f"--temp-dir={files}"),
            f"--ray-client-server-port={client}",
            *("--min-worker-port=42000", "--max-worker-port=42500"),
        )
        nodes = [head]
        try:
            address = f"{HEAD}:{port}"
            for _ in range(1200):
                with socket.socket() as knocking:
                    if knocking.connect_ex((HEAD, port)) == 0:
                        break
                assert head.poll() is None, (root / "nodes.log").read_text()
                time.sleep(0.1)
            nodes.append(worker(root, address, WORKERS[0]))
            yield address, nodes
        finally:
            for each in nodes:
                ended(each)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wines")
    arguments = ["--write-data", str(folder), "--files", "5", "--rows", "500"]
    subprocess.run([sys.executable, SCRIPT, *arguments], check=True, timeout=200)
    return folder


def started(
    root: Path, data: Path, address: str, *more: str, **changes: str
) -> subprocess.Popen[str]:
    """The example as a process of its own, as Ray runs a command on a head."""
    root.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, SCRIPT, "--steps", str(STEPS), "--every", "2", *more],
        env=os.environ | environment(root, data, SEED="7", RAY_ADDRESS=address, **changes),
        cwd=root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def said(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a training says that ended well."""
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


def reached(root: Path, step: int, process: subprocess.Popen[str]) -> None:
    """Wait until a checkpoint is kept."""
    while not list(root.glob(f"checkpoints/*/step-{step:010d}.json")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def versions(root: Path) -> Sequence[Any]:
    client = MlflowClient(tracking_uri=f"sqlite:///{root}/registry.db")
    return list(client.search_model_versions("name = 'wine'"))


@pytest.mark.timeout(1500)
def test_killed_and_resumed_or_short_of_a_worker_it_registers_the_same_model(
    data: Path, tmp_path: Path
) -> None:
    with running(tmp_path) as (address, nodes):
        whole = said(started(tmp_path / "whole", data, address))
        assert whole.pop("resumed_at") == 0
        assert whole["accuracy"] > 0.9

        root = tmp_path / "cut"
        first = started(root, data, address)
        reached(root, KILLED_AFTER, first)
        first.kill()
        assert first.wait(timeout=60) == -signal.SIGKILL
        resumed = said(started(root, data, address))
        assert KILLED_AFTER <= resumed.pop("resumed_at") < STEPS
        assert resumed == whole, "weights and metrics, to the last bit"
        (version,) = versions(root)
        assert version.tags["stanchion.data.digest"] == artifact_digest(data)
        assert version.tags["stanchion.digest"].startswith("sha256:")
        assert not list((root / "checkpoints").rglob("*.json")), "what is trained needs no way back"

        root = tmp_path / "short"
        third = started(root, data, address)
        reached(root, 2, third)
        ended(nodes.pop(1))
        nodes.append(worker(tmp_path, address, WORKERS[1]))
        done = said(third)
        assert done.pop("resumed_at") == 0, "the command never knew"
        assert done == whole
