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
STEPS, KILLED_AFTER = 3, 1
HEAD, WORKERS = "127.0.0.2", ("127.0.0.3", "127.0.0.4")
"""Addresses of this machine: Ray tells its nodes apart by them."""
PORTS = (
    *("node-manager", "object-manager", "runtime-env-agent"),
    *("dashboard-agent-grpc", "dashboard-agent-listen", "metrics-export"),
)
TRIES = 5
"""Of a node's start."""


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
    """A node of Ray that is up, in a session of its own so that all of it can be ended.

    Ray gives a node 15 s and 30 s for parts of its start, whatever else the machine does: one that
    had too little is started again, as KubeRay would.
    """
    for at in range(TRIES):
        log = root / f"node-{len(list(root.glob('node-*.log')))}.log"
        starting = _starting(log, *arguments)
        while starting.poll() is None:
            if "Ray runtime started" in log.read_text("utf-8", errors="replace"):
                return starting
            time.sleep(0.1)
        assert at < TRIES - 1, log.read_text("utf-8", errors="replace")
    raise AssertionError


def _starting(log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    ports = [
        f"--{name}-port={port}" for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)
    ]
    with log.open("wb") as said:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block"),
                *("--disable-usage-stats", "--object-store-memory=100000000"),
                *ports,
                *arguments,
            ],
            stdout=said,
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


class Cluster:
    """A head that is given no work, and a worker.

    Args:
        root: Where their logs go.
        files: Where Ray keeps its files.
    """

    def __init__(self, root: Path, files: str) -> None:
        self._root, self._nodes = root, list[subprocess.Popen[bytes]]()
        port, client = free_ports(2)
        self.address = f"{HEAD}:{port}"
        self._nodes.append(
            node(
                root,
                *("--head", "--num-cpus=0", "--include-dashboard=false"),
                *(f"--node-ip-address={HEAD}", f"--port={port}", f"--temp-dir={files}"),
                f"--ray-client-server-port={client}",
                *("--min-worker-port=42000", "--max-worker-port=42500"),
            )
        )

    def add_worker(self, at: str) -> None:
        """Start a worker, which counts as a node of its own by its address."""
        self._nodes.append(worker(self._root, self.address, at))

    def lose_worker(self) -> None:
        """Take the worker that was added last, with all its processes."""
        ended(self._nodes.pop())

    def end(self) -> None:
        """End all of it."""
        for each in reversed(self._nodes):
            ended(each)


@contextmanager
def running(root: Path) -> Iterator[Cluster]:
    # Sockets of Ray are files, whose paths may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as files:
        made = Cluster(root, files)
        try:
            made.add_worker(WORKERS[0])
            yield made
        finally:
            made.end()


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
        [sys.executable, SCRIPT, "--steps", str(STEPS), "--every", "1", *more],
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


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(tmp_path_factory.mktemp("nodes")) as found:
        yield found


@pytest.fixture(scope="module")
def whole(data: Path, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a training says that nobody disturbed."""
    told = said(started(tmp_path_factory.mktemp("whole"), data, cluster.address))
    assert told.pop("resumed_at") == 0
    assert told["accuracy"] > 0.9
    return told


@pytest.mark.timeout(1500)
def test_killed_and_resumed_it_registers_the_same_model(
    data: Path, cluster: Cluster, whole: dict[str, Any], tmp_path: Path
) -> None:
    first = started(tmp_path, data, cluster.address)
    reached(tmp_path, KILLED_AFTER, first)
    first.kill()
    assert first.wait(timeout=60) == -signal.SIGKILL
    resumed = said(started(tmp_path, data, cluster.address))
    assert KILLED_AFTER <= resumed.pop("resumed_at") < STEPS
    assert resumed == whole, "weights and metrics, to the last bit"
    (version,) = versions(tmp_path)
    assert version.tags["stanchion.data.digest"] == artifact_digest(data)
    assert version.tags["stanchion.digest"].startswith("sha256:")
    left = list((tmp_path / "checkpoints").rglob("*.json"))
    assert not left, "what is trained needs no way back"


@pytest.mark.timeout(1500)
def test_a_lost_worker_costs_nothing_but_time(
    data: Path, cluster: Cluster, whole: dict[str, Any], tmp_path: Path
) -> None:
    training = started(tmp_path, data, cluster.address)
    reached(tmp_path, KILLED_AFTER, training)
    cluster.lose_worker()
    cluster.add_worker(WORKERS[1])
    done = said(training)
    assert done.pop("resumed_at") == 0, "the command never knew"
    assert done == whole
