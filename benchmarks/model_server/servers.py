"""How each server is started, asked and measured."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stanchion_cli.errors import StanchionError

from benchmarks.model_server.environments import KSERVE, LITSERVE, MLFLOW, ROOT, STANCHION
from benchmarks.model_server.model import NAME, Trained
from benchmarks.processes import free_port

_PEERS: Final = Path(__file__).parent / "peers"
_START_SECONDS: Final = 180.0


@dataclass(frozen=True)
class Spec:
    """One server: its command, and how a client speaks to it."""

    name: str
    command: list[str]
    path: str
    body: Callable[[Any], Any]
    predictions: Callable[[Any], list[int]]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Running:
    """A started server."""

    spec: Spec
    port: int
    process: subprocess.Popen[bytes]
    start_seconds: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.spec.path}"

    def ask(self, rows: Any) -> list[int]:
        """Predict once, in the way the load generators do."""
        request = urllib.request.Request(
            self.url,
            json.dumps(self.spec.body(rows)).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            return self.spec.predictions(json.load(reply))

    def memory_mb(self) -> float:
        """Proportional memory of the server's processes, in MiB: shared pages count once."""
        total = 0
        for process in _tree(self.process.pid):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024

    def stop(self) -> None:
        """End the server and whatever it started."""
        for process in reversed(_tree(self.process.pid)):
            try:
                os.kill(process, signal.SIGTERM)
            except ProcessLookupError:
                continue
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            for process in _tree(self.process.pid):
                os.kill(process, signal.SIGKILL)
            self.process.wait()


def specs(
    pythons: dict[str, Path], trained: Trained, registry: str, ports: dict[str, int]
) -> list[Spec]:
    """All servers, ours first, each with one worker."""
    sources = [ROOT / "serving-images" / part for part in ("shared", "model-server")]

    def v2(rows: Any) -> Any:
        shape = [len(rows), len(trained.columns)]
        flat = [value for row in rows for value in row]
        return {"inputs": [{"name": "x", "shape": shape, "datatype": "FP64", "data": flat}]}

    def outputs(answer: Any) -> list[int]:
        return list(answer["outputs"][0]["data"])

    def listed(answer: Any) -> list[int]:
        return list(answer["predictions"])

    return [
        Spec(
            STANCHION,
            [str(pythons[STANCHION]), "-m", "stanchion_model_server"],
            f"/v2/models/{NAME}/infer",
            v2,
            outputs,
            {
                "PYTHONPATH": os.pathsep.join(map(str, sources)),
                "MODEL_NAME": NAME,
                "MODEL_VERSION": "1",
                "MODEL_DIGEST": trained.digest,
                "MLFLOW_TRACKING_URI": registry,
                "HOST": "127.0.0.1",
                "PORT": str(ports[STANCHION]),
                "DRAIN_SECONDS": "0",
            },
        ),
        Spec(
            KSERVE,
            [str(pythons[KSERVE]), str(_PEERS / "kserve_server.py"),
             "--model", str(trained.joblib), "--port", str(ports[KSERVE])],
            f"/v2/models/{NAME}/infer",
            v2,
            outputs,
        ),
        Spec(
            LITSERVE,
            [str(pythons[LITSERVE]), str(_PEERS / "litserve_server.py"),
             "--model", str(trained.joblib), "--port", str(ports[LITSERVE])],
            "/predict",
            lambda rows: {"rows": rows},
            listed,
        ),
        Spec(
            MLFLOW,
            [str(pythons[MLFLOW]), "-m", "mlflow", "models", "serve", "--model-uri",
             str(trained.mlflow), "--env-manager", "local", "--workers", "1",
             "--host", "127.0.0.1", "--port", str(ports[MLFLOW])],
            "/invocations",
            lambda rows: {"dataframe_split": {"columns": trained.columns, "data": rows}},
            listed,
            # It starts uvicorn by name.
            {"PATH": f"{pythons[MLFLOW].parent}{os.pathsep}{os.environ['PATH']}"},
        ),
    ]  # fmt: skip


def start(spec: Spec, port: int, log: Path, rows: Any) -> Running:
    """Start a server; its start-up time ends with its first prediction.

    Raises:
        StanchionError: It ended, or gave no prediction in time; with the end of its log.
    """
    return _start(spec, port, log, lambda server: server.ask(rows))


def start_registry(python: Path, folder: Path) -> Running:
    """Start an MLflow server over files in `folder`, for our server to load the model from.

    Raises:
        StanchionError: It does not come up; with the end of its log.
    """
    port = free_port()
    command = [str(python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'registry.db'}", "--workers", "1"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    spec = Spec("registry", command, "", lambda _rows: None, lambda _answer: [], settings)

    def healthy(server: Running) -> None:
        with urllib.request.urlopen(f"{server.url}/health", timeout=5):
            pass

    return _start(spec, port, folder / "registry.log", healthy)


def _start(spec: Spec, port: int, log: Path, answers: Callable[[Running], object]) -> Running:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **spec.environment,
    }
    started = time.monotonic()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            spec.command, env=environment, stdout=stream, stderr=subprocess.STDOUT, cwd=log.parent
        )
    running = Running(spec, port, process)
    while process.poll() is None and time.monotonic() - started < _START_SECONDS:
        try:
            answers(running)
        except OSError:
            time.sleep(0.05)
            continue
        running.start_seconds = time.monotonic() - started
        return running
    running.stop()
    tail = " | ".join(log.read_text("utf-8", "replace").splitlines()[-8:])
    raise StanchionError(f"{spec.name} did not answer: {tail}")


def _tree(root: int) -> list[int]:
    """A process and its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [root] if Path(f"/proc/{root}").exists() else []
    while queue:
        process = queue.pop(0)
        found.append(process)
        queue += children.get(process, [])
    return found
