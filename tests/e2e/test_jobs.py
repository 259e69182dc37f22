"""A tenant's training and batch scoring as Jobs on the node: killed, gone on with, made again."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from e2e.platform import Platform, eventually
from e2e.registry import Registry

pytestmark = [pytest.mark.xdist_group("story"), pytest.mark.usefixtures("unbroken")]

CLAIM = "wines"
TRAINED = "wine-classifier"
STEPS = 1000
ROWS, SHARDS = 100_000, 6
NUMBER = re.compile(r"/(?:step|part)-(\d+)")
WRITE_BOTTLES = f"""
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from sklearn.datasets import load_wine
frame = load_wine(as_frame=True).data.rename(columns=lambda name: name.replace("/", "_"))
frame = frame.sample({ROWS}, replace=True, random_state=0).assign(bottle=np.arange({ROWS}))
pq.write_table(
    pa.Table.from_pandas(frame, preserve_index=False),
    "/data/bottles/wines.parquet", row_group_size={ROWS // SHARDS // 2},
)
"""
READ_SCORES = """
import json, sys, pyarrow.parquet as pq
table = pq.ParquetDataset(sys.argv[1]).read()
bottles = table["bottle"].to_pylist()
counts = table["prediction"].value_counts().to_pylist()
print(json.dumps({"rows": len(bottles), "distinct": len(set(bottles)), "last": max(bottles),
    "answers": {each["values"]: each["counts"] for each in counts}}))
"""


class Files:
    """A claim of the tenant, seen through a pod that mounts it."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def run(self, *command: str) -> str:
        """Run a command where the claim is mounted at /data; what it printed."""
        return self._platform.kubectl("-n", "demo", "exec", "files", "--", *command)

    def python(self, code: str, *arguments: str) -> str:
        """Run code with the packages of the model server's image."""
        return self.run("/opt/venv/bin/python", "-c", code, *arguments)

    def write(self, path: str, content: bytes) -> None:
        """Write a file below /data."""
        text = base64.b64encode(content).decode()
        self.run("sh", "-c", f"mkdir -p $(dirname {path}) && echo {text} | base64 -d > {path}")

    def digests(self, folder: str) -> str:
        """SHA-256 of every file below a folder, by its path in it."""
        return self.run("sh", "-c", f"cd {folder} && find . -type f | sort | xargs sha256sum")


@pytest.fixture(scope="module")
def files(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    """The claim, and the pod that shows it."""
    labels = {"app.kubernetes.io/name": "files"}
    image = platform.get("deployment", "wine", "-n", "demo")["spec"]["template"]["spec"][
        "containers"
    ][0]["image"]
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM, "namespace": "demo"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    security = {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "files", "namespace": "demo", "labels": labels},
        "spec": {
            "securityContext": {**security, "seccompProfile": {"type": "RuntimeDefault"}},
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "files",
                    "image": image,
                    "command": ["sleep", "7200"],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "resources": {
                        "requests": {"cpu": "20m"},
                        "limits": {"cpu": "1", "memory": "512Mi"},
                    },
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": CLAIM}}],
        },
    }
    path = tmp_path_factory.mktemp("jobs") / "files.yaml"
    path.write_text(yaml.safe_dump_all([claim, pod]))
    platform.kubectl("apply", "-f", str(path))
    platform.kubectl("-n", "demo", "wait", "pod/files", "--for=condition=Ready", "--timeout=180s")
    yield Files(platform)
    platform.kubectl("delete", "-f", str(path), "--wait=false")


def test_a_training_killed_at_half_ends_as_one_that_was_not(
    platform: Platform, files: Files
) -> None:
    _declare_code(platform)
    files.run("mkdir", "-p", "/data/training", "/data/checkpoints")
    training = platform.root / "stacks" / "services" / "wine-training"
    files.write("/data/train.py", (training / "train.py").read_bytes())
    files.python(
        "import sys; sys.path.insert(0, '/data'); import train; from pathlib import Path; "
        "train.write_data(Path('/data/training'))"
    )
    registry = Registry(platform)
    registry.ask("POST", "users/create", username="demo", password="trains-wines-2026")
    platform.kubectl(
        "-n", "demo", "create", "secret", "generic", "mlflow-demo",
        "--from-literal=username=demo", "--from-literal=password=trains-wines-2026",
    )  # fmt: skip
    _declare(platform, "wine-training", _training())
    platform.stanchion("up", "local")
    _kill_at_half(platform, files, "wine-training", "/data/checkpoints/*/step-*.json", STEPS // 2)
    _finished(platform, "wine-training")
    told = _told(platform, "wine-training")
    assert told["resumed_at"] >= STEPS // 2
    assert files.run("find", "/data/checkpoints", "-type", "f") == ""

    _declare(platform, "wine-training", None)
    _declare(platform, "wine-training-again", _training())
    platform.stanchion("up", "local")
    _finished(platform, "wine-training-again")
    again = _told(platform, "wine-training-again")
    assert again["resumed_at"] == 0
    same = ("weights", "accuracy", "log_loss")
    assert {key: told[key] for key in same} == {key: again[key] for key in same}
    print(f"resumed at {told['resumed_at']} of {STEPS}: { ({key: told[key] for key in same}) }")
    _declare(platform, "wine-training-again", None)


def test_the_versions_name_the_data_and_the_code_they_are_of(platform: Platform) -> None:
    answer = Registry(platform).ask("GET", f"model-versions/search?filter=name%3D%27{TRAINED}%27")
    found = [
        {tag["key"]: tag["value"] for tag in version["tags"]}
        for version in answer["model_versions"]
    ]
    assert len(found) == 2
    for key in ("stanchion.data.digest", "stanchion.code.version", "stanchion.digest"):
        assert all(tags[key] for tags in found), key
    assert found[0]["stanchion.data.digest"] == found[1]["stanchion.data.digest"]
    assert found[0]["stanchion.code.version"] == found[1]["stanchion.code.version"]


def test_scoring_killed_in_the_middle_loses_and_doubles_no_row(
    platform: Platform, files: Files
) -> None:
    files.run("mkdir", "-p", "/data/bottles")
    files.python(WRITE_BOTTLES)
    _declare(platform, "scores", _scoring("scores"))
    platform.stanchion("up", "local")
    _finished(platform, "scores")
    first = files.digests("/data/scores")
    counted = json.loads(files.python(READ_SCORES, "/data/scores"))
    assert (counted["rows"], counted["distinct"], counted["last"]) == (ROWS, ROWS, ROWS - 1)
    assert len(counted["answers"]) == 3

    _declare(platform, "scores", None)
    _declare(platform, "scores-killed", _scoring("scores-killed"))
    platform.stanchion("up", "local")
    manifests = "/data/scores-killed/_manifests/part-*.json"
    _kill_at_half(platform, files, "scores-killed", manifests, SHARDS // 2)
    assert "_complete.json" not in files.digests("/data/scores-killed")
    _finished(platform, "scores-killed")
    assert files.digests("/data/scores-killed") == first
    _declare(platform, "scores-killed", None)
    platform.stanchion("up", "local")
    assert _jobs(platform, "scores-killed") == []


def _declare_code(platform: Platform) -> None:
    source = platform.root / "examples" / "training" / "wine-training"
    shutil.copytree(source, platform.root / "stacks" / "services" / "wine-training")


def _declare(platform: Platform, name: str, content: dict[str, Any] | None) -> None:
    """Write a service file, or take it away."""
    path: Path = platform.root / "stacks" / "services" / f"{name}.yaml"
    if content is None:
        path.unlink()
        return
    common = {"name": name, "tenant": "demo", "owner": "demo-team", "costCenter": "demo"}
    path.write_text(yaml.safe_dump({**common, **content, "claim": CLAIM}))


def _training() -> dict[str, Any]:
    return {
        "kind": "TrainingJob",
        "model": TRAINED,
        "code": "wine-training",
        "command": ["python", "train.py", "--steps", str(STEPS), "--every", "50"],
        "data": {"location": "file:///data/training", "version": "2026-11"},
        "checkpoints": "file:///data/checkpoints",
        "credentials": "mlflow-demo",
        "seed": 1,
        "deadlineMinutes": 20,
        "resources": {"cpu": "200m", "cpuLimit": "1", "memory": "1Gi"},
    }


def _scoring(output: str) -> dict[str, Any]:
    return {
        "kind": "BatchInference",
        "model": "wine-cultivar",
        "input": "file:///data/bottles",
        "output": f"file:///data/{output}",
        "shards": SHARDS,
        "keepColumns": ["bottle"],
        "deadlineMinutes": 20,
        "resources": {"cpu": "200m", "cpuLimit": "1", "memory": "1Gi"},
    }


def _jobs(platform: Platform, name: str) -> list[dict[str, Any]]:
    found = platform.get("jobs", "-n", "demo", "-l", f"app.kubernetes.io/instance={name}")
    items: list[dict[str, Any]] = found["items"]
    return items


def _pods(platform: Platform, name: str) -> list[dict[str, Any]]:
    found = platform.get("pods", "-n", "demo", "-l", f"app.kubernetes.io/instance={name}")
    items: list[dict[str, Any]] = found["items"]
    return items


def _kill_at_half(platform: Platform, files: Files, job: str, written: str, half: int) -> None:
    """Kill the running pods of a job once it has written a file of at least that number."""

    def number() -> int:
        names = files.run("sh", "-c", f"ls {written} 2>/dev/null || true").split()
        return max((int(NUMBER.findall(name)[0]) for name in names), default=-1)

    eventually(lambda: number() >= half, seconds=300, what=f"{half} of {job}")
    names = [
        pod["metadata"]["name"]
        for pod in _pods(platform, job)
        if pod["status"]["phase"] in {"Pending", "Running"}
    ]
    assert names, f"{job} has no pod left to kill"
    platform.kubectl("-n", "demo", "delete", "pod", *names, "--grace-period=0", "--force")


def _finished(platform: Platform, name: str) -> None:
    def conditions() -> set[str]:
        return {
            condition["type"]
            for job in _jobs(platform, name)
            for condition in job["status"].get("conditions", [])
            if condition["status"] == "True"
        }

    eventually(lambda: bool(conditions() & {"Complete", "Failed"}), seconds=420, what=name)
    if "Failed" in conditions():
        logs = platform.kubectl(
            "-n", "demo", "logs", "-l", f"app.kubernetes.io/instance={name}", "--tail=50"
        )
        raise AssertionError(f"{name} failed:\n{logs}")


def _told(platform: Platform, name: str) -> dict[str, Any]:
    """What the example prints at its end."""
    pods = [pod for pod in _pods(platform, name) if pod["status"]["phase"] == "Succeeded"]
    assert len(pods) == 1
    logs = platform.kubectl("-n", "demo", "logs", pods[0]["metadata"]["name"])
    lines = [line for line in logs.splitlines() if line.startswith('{"version"')]
    told: dict[str, Any] = json.loads(lines[-1])
    return told
