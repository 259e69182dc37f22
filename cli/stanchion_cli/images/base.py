"""The images that Dockerfiles start from, and where to get them without an image registry.

Dockerfiles name public images. Where their registry answers, the engine pulls them. Where it
does not, one file system made from Debian packages stands in for all of them, tagged with the
names that the Dockerfiles use; so the same Dockerfile builds in both places.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stanchion_cli.errors import StanchionError
from stanchion_cli.images.engine import cache_directory
from stanchion_cli.progress import step

if TYPE_CHECKING:
    from stanchion_cli.images.engine import Engine

_SUITE: Final = "bookworm"
_MIRROR: Final = "http://deb.debian.org/debian"
_PACKAGES: Final = "python3,python3-venv,ca-certificates"
_RECIPE: Final = "1"
"""Raise it when what `_make_root` does changes: the cached file system is then made anew."""
_STANDS_IN_FOR: Final = frozenset(
    {"docker.io/library/python:3.11-slim-bookworm", "docker.io/library/debian:bookworm-slim"}
)
_DROPPED: Final = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt/archives",
    "var/cache/debconf",
    "var/lib/apt/lists",
    "var/log",
)
_REGISTRY_SECONDS: Final = 3.0


def provide(engine: Engine, image: str) -> None:
    """See to it that the engine holds `image`.

    Raises:
        StanchionError: It can neither be pulled nor be made here.
    """
    if engine.docker or engine.has(image):
        return  # Docker pulls by itself
    if _registry_answers(image):
        with step(f"pull {image}"):
            engine.run("pull", "--quiet", image, what=f"pulling {image}")
        return
    if image not in _STANDS_IN_FOR:
        raise StanchionError(
            f"{image} cannot be pulled, and nothing here can stand in for it",
            fix="build where its registry can be reached, or start the Dockerfile from one of "
            + ", ".join(sorted(_STANDS_IN_FOR)),
        )
    archive = _root_archive()
    with step(f"import the Debian base as {image}"):
        container = engine.run("from", "scratch", what="starting an empty image").strip()
        try:
            engine.run("add", "--quiet", container, str(archive), "/", what="filling the base")
            engine.run("config", "--cmd", "/bin/sh", container, what="configuring the base")
            engine.run("commit", "--quiet", "--format=docker", container, image, what="the base")
        finally:
            engine.run("rm", container, what="clearing up")


def _registry_answers(image: str) -> bool:
    """Whether the image's registry speaks its protocol to us, within a moment."""
    host = image.partition("/")[0].replace("docker.io", "registry-1.docker.io")
    try:
        with urllib.request.urlopen(f"https://{host}/v2/", timeout=_REGISTRY_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        return error.code == 401 and "docker-distribution-api-version" in {
            key.lower() for key in error.headers
        }
    except OSError:
        return False


def _root_archive() -> Path:
    """The base's file system as an archive, made once."""
    archive = cache_directory() / f"base-{_SUITE}-{_RECIPE}.tar"
    if archive.is_file():
        return archive
    if shutil.which("debootstrap") is None:
        raise StanchionError(
            "the base image cannot be pulled, and debootstrap is not here to make one",
            fix="apt-get install debootstrap",
        )
    archive.parent.mkdir(parents=True, exist_ok=True)
    with (
        step(f"make a {_SUITE} base from Debian packages"),
        tempfile.TemporaryDirectory(dir=archive.parent, prefix="base-") as scratch,
    ):
        root, partial = Path(scratch) / "root", Path(scratch) / "base.tar"
        _make_root(root)
        _checked(["tar", "--numeric-owner", "-C", str(root), "-cf", str(partial), "."])
        partial.replace(archive)
    return archive


def _make_root(root: Path) -> None:
    _checked(
        ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(root), _MIRROR]
    )
    _drop_unneeded(root)
    # What debootstrap takes from the machine it runs on has no place in an image.
    for name in ("etc/resolv.conf", "etc/hostname"):
        (root / name).unlink(missing_ok=True)


def _drop_unneeded(root: Path) -> None:
    for folder in _DROPPED:
        for entry in (root / folder).iterdir() if (root / folder).is_dir() else ():
            # Documentation is full of links to folders, which go as links.
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def _checked(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = " | ".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise StanchionError(f"{command[0]} failed: {tail}", fix="see the lines above, then again")
