"""Images that hold one static program and nothing else, written without a builder.

The same program gives the same bytes, so that an image's identity says what is in it.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""The machines that the node runs on, and what container images call them."""
_USER = 65532
"""Numeric, so that Kubernetes can see that it is not root."""


@dataclass(frozen=True)
class ScratchImage:
    """One program as an image.

    Attributes:
        reference: The full name and tag that it is known by in the node.
        program: The static binary on this machine.
        path: Where the image has it.
        arguments: What it is started with where a pod says nothing.
        links: Other paths in the image, each with the target that it links to.
        user: Numeric id that it runs as.
    """

    reference: str
    program: Path
    path: str
    arguments: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    user: int = _USER

    def layer(self) -> bytes:
        """The one layer, an uncompressed archive."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            entry = tarfile.TarInfo(self.path.lstrip("/"))
            entry.size, entry.mode = self.program.stat().st_size, 0o755
            with self.program.open("rb") as file:
                archive.addfile(entry, file)
            for path, target in sorted(self.links.items()):
                link = tarfile.TarInfo(path.lstrip("/"))
                link.type, link.linkname = tarfile.SYMTYPE, target
                archive.addfile(link)
        return buffer.getvalue()

    def configuration(self, layer_digest: str) -> bytes:
        """The image configuration, whose digest is the image's identity."""
        return json.dumps(
            {
                "architecture": ARCHITECTURES[platform.machine()],
                "os": "linux",
                "config": {
                    "User": str(self.user),
                    "Entrypoint": [self.path, *self.arguments],
                    "WorkingDir": "/",
                },
                "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
            },
            sort_keys=True,
        ).encode()

    def write(self, archive: Path) -> str:
        """Write it as an archive in the form of `docker save` and return its identity."""
        layer = self.layer()
        layer_digest = "sha256:" + hashlib.sha256(layer).hexdigest()
        configuration = self.configuration(layer_digest)
        identity = hashlib.sha256(configuration).hexdigest()
        manifest = [
            {
                "Config": f"{identity}.json",
                "RepoTags": [self.reference],
                "Layers": [f"{layer_digest.removeprefix('sha256:')}/layer.tar"],
            }
        ]
        with tarfile.open(archive, mode="w", format=tarfile.USTAR_FORMAT) as outer:
            for name, content in (
                (manifest[0]["Config"], configuration),
                (manifest[0]["Layers"][0], layer),
                ("manifest.json", json.dumps(manifest).encode()),
            ):
                entry = tarfile.TarInfo(str(name))
                entry.size, entry.mode = len(content), 0o644
                outer.addfile(entry, io.BytesIO(content))
        return f"sha256:{identity}"
