"""Images are built beside whatever else builds and runs containers on the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from stanchion_cli.cluster import packages

_BUILDS = """
from pathlib import Path
from stanchion_cli.images.engine import Engine
engine, folder = Engine(docker=False), Path({folder!r})
engine.build("example.org/one:1", folder, folder)
engine.save("example.org/one:1", folder / "one.tar")
engine.load(folder / "one.tar")
engine.run("from", "scratch", what="starting an empty image")
print(*Path("/etc/cni").iterdir())
"""


def test_a_build_leaves_nothing_where_the_machine_has_its_networks(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("an empty /etc/cni of its own needs root")
    packages.ensure_packages()
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY file /file\n")
    (tmp_path / "file").write_text("some text")
    made = Path("/etc/cni").exists()
    if not made:
        Path("/etc/cni").mkdir()
    try:
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs t /etc/cni && exec "$@"', "sh",
             sys.executable, "-c", _BUILDS.format(folder=str(tmp_path))],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        )  # fmt: skip
    finally:
        if not made:
            Path("/etc/cni").rmdir()
    assert done.stdout.strip() == ""
