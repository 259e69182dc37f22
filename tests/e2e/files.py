"""A volume on the node that a person fills by hand, as a team's data come from somewhere."""

from __future__ import annotations

import base64
from types import TracebackType
from typing import Self

from e2e import objects
from e2e.platform import Platform
from stanchion_cli import images

_POD = "files"


class Files:
    """A claim in a namespace, mounted at /data by a pod that commands run in, as long as the block.

    The pod has the model server's image.
    """

    def __init__(self, platform: Platform, namespace: str, claim: str) -> None:
        self.platform, self.namespace, self.claim = platform, namespace, claim

    def __enter__(self) -> Self:
        objects.apply(self.platform, self.namespace, self.objects())
        self.kubectl("wait", f"pod/{_POD}", "--for=condition=Ready", "--timeout=180s")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        objects.delete(self.platform, self.namespace, self.objects())

    def objects(self) -> list[objects.Object]:
        """What is there while the block lasts."""
        mounted = {"persistentVolumeClaim": {"claimName": self.claim}}
        return [
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": self.claim},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            },
            objects.pod(
                _POD,
                images.reference("model-server"),
                ["sleep", "7200"],
                volume=mounted,
                at="/data",
            ),
        ]

    def run(self, *command: str) -> str:
        """Run a command where the claim is mounted at /data; what it printed."""
        return self.kubectl("exec", _POD, "--", *command)

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

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the namespace."""
        return self.platform.kubectl("-n", self.namespace, *arguments)
