"""A team's own things on the node: a volume with its files, an MLflow user, its Jobs."""

from __future__ import annotations

import base64
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from e2e import objects
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
        objects.apply(self.platform, "demo", _objects(server["image"]))
        self._kubectl("wait", f"pod/{_POD}", "--for=condition=Ready", "--timeout=180s")
        Registry(self.platform).admit(_USER, _PASSWORD)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        objects.delete(self.platform, "demo", _objects(""))

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


def _objects(image: str) -> list[objects.Object]:
    mounted = {"persistentVolumeClaim": {"claimName": CLAIM}}
    return [
        _claim(),
        objects.pod(_POD, image, ["sleep", "7200"], volume=mounted, at="/data"),
        objects.secret(CREDENTIALS, username=_USER, password=_PASSWORD),
    ]
