"""A team's own things on the node: a volume with its files, an MLflow user, its Jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import yaml
from e2e import objects
from e2e.files import Files
from e2e.platform import Platform, eventually
from e2e.registry import Registry

CLAIM = "wines"
CREDENTIALS = "mlflow-demo"
_USER, _PASSWORD = "demo", "trains-wines-2026"


class Team(Files):
    """The tenant `demo` at work, with its files.

    While the block lasts there is also the Secret with the credentials of an MLflow user.
    """

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform, "demo", CLAIM)

    def __enter__(self) -> Self:
        super().__enter__()
        Registry(self.platform).admit(_USER, _PASSWORD)
        return self

    def objects(self) -> list[objects.Object]:
        credentials = objects.secret(CREDENTIALS, username=_USER, password=_PASSWORD)
        return [*super().objects(), credentials]

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
        self.kubectl("delete", "pod", *found, "--grace-period=0", "--force")

    def finished(self, name: str) -> None:
        """Wait until its Job is complete."""

        def conditions() -> set[str]:
            return {each for job in self.jobs(name) for each in objects.conditions(job)}

        eventually(lambda: bool(conditions() & {"Complete", "Failed"}), seconds=420, what=name)
        assert "Failed" not in conditions(), self.kubectl("logs", *_selected(name), "--tail=50")

    def printed(self, name: str) -> str:
        """What its one pod that succeeded printed."""
        (pod,) = self.pods(name, "Succeeded")
        return self.kubectl("logs", pod)

    def _of(self, name: str, kind: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.platform.get(kind, "-n", "demo", *_selected(name))[
            "items"
        ]
        return items


def _selected(name: str) -> tuple[str, str]:
    return "-l", f"app.kubernetes.io/instance={name}"
