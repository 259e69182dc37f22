"""A team's own things on the node: a volume with its files, an MLflow user, its Jobs."""

from __future__ import annotations

import base64
import tempfile
import urllib.error
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from e2e.platform import Platform, eventually
from e2e.registry import Registry

CLAIM = "wines"
CREDENTIALS = "mlflow-demo"
_USER, _PASSWORD = "demo", "trains-wines-2026"
_POD = "files"


class Team:
    """The tenant `demo` at work.

    While the block lasts there is a claim, mounted at /data by a pod that commands run in, and the
    Secret with the credentials of an MLflow user.
    """

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def __enter__(self) -> Self:
        deployment = self.platform.get("deployment", "wine", "-n", "demo")
        (server,) = deployment["spec"]["template"]["spec"]["containers"]
        self._objects([_claim(), _pod(server["image"]), _secret()], "apply")
        self._kubectl("wait", f"pod/{_POD}", "--for=condition=Ready", "--timeout=180s")
        try:
            Registry(self.platform).ask("POST", "users/create", username=_USER, password=_PASSWORD)
        except urllib.error.HTTPError as error:
            assert b"ALREADY_EXISTS" in error.read()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._objects([_claim(), _pod(""), _secret()], "delete", "--wait=false")

    def run(self, *command: str) -> str:
        """Run a command where the claim is mounted at /data; what it printed."""
        return self._kubectl("exec", _POD, "--", *command)

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

    def declare(self, name: str, content: dict[str, Any] | None) -> None:
        """Write the service file of a Job, or take it away; `up` makes it so."""
        path: Path = self.platform.root / "stacks" / "services" / f"{name}.yaml"
        if content is None:
            path.unlink()
            return
        common = {
            "name": name,
            "tenant": "demo",
            "owner": "demo-team",
            "costCenter": "demo",
            "claim": CLAIM,
            "deadlineMinutes": 20,
            "resources": {"cpu": "200m", "cpuLimit": "1", "memory": "1Gi"},
        }
        path.write_text(yaml.safe_dump({**common, **content}))

    def jobs(self, name: str) -> list[dict[str, Any]]:
        """The Jobs of what a service file declares."""
        return self._of(name, "jobs")

    def pods(self, name: str, *phases: str) -> list[str]:
        """Names of its pods in one of these phases."""
        return [
            pod["metadata"]["name"]
            for pod in self._of(name, "pods")
            if pod["status"]["phase"] in phases
        ]

    def kill(self, name: str) -> None:
        """Take its pods away without a word to them."""
        found = self.pods(name, "Pending", "Running")
        assert found, f"{name} has no pod left to kill"
        self._kubectl("delete", "pod", *found, "--grace-period=0", "--force")

    def finished(self, name: str) -> None:
        """Wait until its Job is complete."""

        def conditions() -> set[str]:
            return {
                condition["type"]
                for job in self.jobs(name)
                for condition in job["status"].get("conditions", [])
                if condition["status"] == "True"
            }

        eventually(lambda: bool(conditions() & {"Complete", "Failed"}), seconds=420, what=name)
        assert "Failed" not in conditions(), self._kubectl("logs", *_selected(name), "--tail=50")

    def printed(self, name: str) -> str:
        """What its one pod that succeeded printed."""
        (pod,) = self.pods(name, "Succeeded")
        return self._kubectl("logs", pod)

    def _of(self, name: str, kind: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.platform.get(kind, "-n", "demo", *_selected(name))[
            "items"
        ]
        return items

    def _objects(self, objects: list[dict[str, Any]], *command: str) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump_all(objects, file)
            file.flush()
            self._kubectl(*command, "-f", file.name)

    def _kubectl(self, *arguments: str) -> str:
        return self.platform.kubectl("-n", "demo", *arguments)


def _selected(name: str) -> tuple[str, str]:
    return "-l", f"app.kubernetes.io/instance={name}"


def _claim() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def _secret() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": CREDENTIALS},
        "stringData": {"username": _USER, "password": _PASSWORD},
    }


def _pod(image: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _POD},
        "spec": {
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "fsGroup": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
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
