"""Building the platform's images, each once per content."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stanchion_cli.images import base, engine
from stanchion_cli.images.context import context, reference
from stanchion_cli.progress import step

if TYPE_CHECKING:
    from collections.abc import Sequence


def build(names: Sequence[str], *, archive_dir: Path | None = None) -> dict[str, Path]:
    """Build images and return their archives, by name.

    An archive of the same content is taken as it is: nothing is built, and no engine is needed.
    An interrupted build leaves no archive behind and is simply done again.

    Args:
        names: Which images, of `stanchion_cli.images.names()`.
        archive_dir: Where the archives go; `~/.cache/stanchion/images` (under XDG_CACHE_HOME
            where that is set) when not given.

    Raises:
        InputError: A name is unknown.
        StanchionError: No engine is here, a base cannot be had, or a build failed.
    """
    folder = archive_dir or engine.cache_directory()
    archives = {name: folder / f"{name}-{context(name).digest}.tar" for name in names}
    missing = [name for name, archive in archives.items() if not archive.is_file()]
    if not missing:
        return archives
    folder.mkdir(parents=True, exist_ok=True)
    builder = engine.find()
    for name in missing:
        for image in context(name).bases:
            base.provide(builder, image)
        with step(f"build image {name}") as running:
            _build(builder, name, archives[name])
            size = archives[name].stat().st_size / 1e6
            running.note(f"{reference(name)}, {size:.0f} MB")
    return archives


def _build(builder: engine.Engine, name: str, archive: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f"stanchion-{name}-") as scratch:
        folder = Path(scratch) / "context"
        folder.mkdir()
        context(name).copy_to(folder)
        builder.build(reference(name), folder, Path(scratch))
    builder.save(reference(name), archive)
    # Earlier contents of the same image are of no use any more.
    for old in archive.parent.glob(f"{name}-????????????.tar"):
        if old != archive:
            old.unlink()
