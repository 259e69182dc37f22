"""The program that builds images here: Docker where its engine answers, else buildah."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stanchion_cli.errors import StanchionError

_PIP_INDEX: Final = {"index-url": "PIP_INDEX_URL", "extra-index-url": "PIP_EXTRA_INDEX_URL"}
_CA_BUNDLE: Final = Path("/etc/ssl/certs/ca-certificates.crt")


def cache_directory() -> Path:
    """Where archives, the base and buildah's storage are kept: deleting it costs time only."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "stanchion" / "images"


@dataclass(frozen=True)
class Engine:
    """One way to build; `find` chooses it."""

    docker: bool

    def command(self, *arguments: str) -> list[str]:
        """The command line of an engine call.

        Buildah keeps its images in our own cache, apart from the machine's, and does not read the
        machine's `containers.conf`.
        """
        if self.docker:
            return ["docker", *arguments]
        cache = cache_directory()
        storage = ["--root", str(cache / "storage"), "--runroot", str(cache / "run")]
        return ["buildah", *storage, *arguments]

    def run(self, *arguments: str, what: str) -> str:
        """Run an engine call and return what it printed.

        Raises:
            StanchionError: It failed; the last lines that it printed are the reason.
        """
        done = self._call(*arguments)
        if done.returncode:
            tail = " | ".join((done.stdout + done.stderr).strip().splitlines()[-8:])
            raise StanchionError(f"{what} failed: {tail}", where=self.command(*arguments)[0])
        return done.stdout

    def has(self, image: str) -> bool:
        """Whether the engine holds an image of this name."""
        look = ("image", "inspect", image) if self.docker else ("inspect", "--type=image", image)
        return self._call(*look).returncode == 0

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        settings = {} if self.docker else {"CONTAINERS_CONF": str(_configuration())}
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | settings,
        )

    def build(self, image: str, folder: Path, scratch: Path) -> None:
        """Build the Dockerfile in `folder` and tag it `image`; bases must be there already."""
        if self.docker:
            self.run("build", "--network=host", "-t", image, str(folder), what=f"building {image}")
            return
        self.run(
            "bud",
            "--isolation=chroot",
            "--network=host",
            "--layers",
            "--pull-never",
            "--ulimit=nofile=1024:1024",  # some package scripts close every possible descriptor
            "--format=docker",
            *_host_trust(scratch),
            "-t",
            image,
            str(folder),
            what=f"building {image}",
        )

    def save(self, image: str, archive: Path) -> None:
        """Write the image as a docker archive that carries its reference."""
        partial = archive.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        if self.docker:
            self.run("save", "-o", str(partial), image, what=f"saving {image}")
        else:
            target = f"docker-archive:{partial}:{image}"
            self.run("push", "--quiet", image, target, what=f"saving {image}")
        partial.replace(archive)

    def load(self, archive: Path) -> None:
        """Take an image that `save` wrote, under its reference."""
        if self.docker:
            self.run("load", "-i", str(archive), what=f"loading {archive.name}")
        else:
            self.run("pull", "--quiet", f"docker-archive:{archive}", what=f"loading {archive.name}")


def find() -> Engine:
    """Docker if its engine answers, buildah if it is installed.

    Raises:
        StanchionError: There is neither.
    """
    if shutil.which("docker") is not None:
        asked = ["docker", "version", "--format", "{{.Server.Version}}"]
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return Engine(docker=True)
    if shutil.which("buildah") is not None:
        return Engine(docker=False)
    raise StanchionError(
        "no program here can build container images",
        fix="start Docker, or install buildah and debootstrap (Debian: apt-get install buildah"
        " debootstrap)",
    )


def _configuration() -> Path:
    """Buildah's settings: left to itself it makes /etc/cni, of no use on the host's own network.

    A file, as its `pull` and `from` have no flag for that.
    """
    path = cache_directory() / "containers.conf"
    text = f"[network]\nnetwork_config_dir = {json.dumps(str(cache_directory() / 'cni'))}\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path


def _host_trust(scratch: Path) -> list[str]:
    """Mounts that let pip trust and find what this machine does, during the build only."""
    if not _CA_BUNDLE.is_file():
        return []
    index = {key: os.environ.get(variable) for key, variable in _PIP_INDEX.items()}
    lines = ["[global]", f"cert = {_CA_BUNDLE}"]
    lines += [f"{key} = {value}" for key, value in index.items() if value]
    configuration = scratch / "pip.conf"
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [f"-v={_CA_BUNDLE}:{_CA_BUNDLE}:ro", f"-v={configuration}:/etc/pip.conf:ro"]
