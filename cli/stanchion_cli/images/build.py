"""Building the platform's images, each once per content."""

from __future__ import annotations

import fcntl
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stanchion_cli.images import base, engine
from stanchion_cli.images.context import context, names, reference
from stanchion_cli.progress import step

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEPT_SECONDS: Final = 7 * 24 * 3600


def build(images: Sequence[str], *, archive_dir: Path | None = None) -> dict[str, Path]:
    """Build images and return their archives, by name.

    An archive of the same content is taken as it is: nothing is built, and no engine is needed.
    An interrupted build leaves no archive behind and is simply done again.

    Args:
        images: Which ones, by name, of `stanchion_cli.images.names()`.
        archive_dir: Where the archives go; `~/.cache/stanchion/images` (under XDG_CACHE_HOME
            where that is set) when not given.

    Raises:
        InputError: A name is unknown.
        StanchionError: No engine is here, a base cannot be had, or a build failed.
    """
    folder = archive_dir or engine.cache_directory()
    archives = {name: _archive(name, folder) for name in images}
    for archive in archives.values():
        if archive.is_file():
            archive.touch()
    if all(archive.is_file() for archive in archives.values()):
        return archives
    folder.mkdir(parents=True, exist_ok=True)
    builder = engine.find()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second run waits, and then finds them built
        for name in images:
            _ensure(builder, name, folder)
    return archives


def _archive(name: str, folder: Path) -> Path:
    return folder / f"{name}-{context(name).digest}.tar"


def _ensure(builder: engine.Engine, name: str, folder: Path) -> Path:
    """Build one image unless its archive is there, what it starts from first."""
    archive = _archive(name, folder)
    if archive.is_file():
        return archive
    for image in context(name).bases:
        own = [other for other in names() if reference(other) == image]
        if not own:
            base.provide(builder, image)
        elif not builder.has(image):
            builder.load(_ensure(builder, own[0], folder))
    with step(f"build image {name}") as running:
        _build(builder, name, archive)
        running.note(f"{reference(name)}, {archive.stat().st_size / 1e6:.0f} MB")
    return archive


def _build(builder: engine.Engine, name: str, archive: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f"stanchion-{name}-") as scratch:
        folder = Path(scratch) / "context"
        folder.mkdir()
        context(name).copy_to(folder)
        builder.build(reference(name), folder, Path(scratch))
    builder.save(reference(name), archive)
    _forget(archive)


def _forget(newest: Path) -> None:
    """Delete archives of the image that no checkout has asked for in a week."""
    long_ago = time.time() - _KEPT_SECONDS
    for old in newest.parent.glob(f"{newest.name.rpartition('-')[0]}-????????????.tar"):
        if old.stat().st_mtime < long_ago:
            old.unlink()
