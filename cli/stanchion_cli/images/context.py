"""What goes into an image, and the tag that follows from it.

A tag is a hash of the Dockerfile and of every file that it copies: computed by reading files
alone, it is the same on every machine, changes with the content, and is known to a preview
before anything is built.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stanchion_cli.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY: Final = "localhost/stanchion"
# An own image without a tag: the one of this checkout, whose content then counts for the tag.
_OWN_BASE: Final = re.compile(rf"^(FROM\s+){REPOSITORY}/([a-z0-9-]+)$", re.MULTILINE)
_SOURCES: Final = Path(__file__).resolve().parents[3] / "serving-images"
_IGNORED: Final = frozenset(
    {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".DS_Store", ".venv"}
)


@dataclass(frozen=True)
class Context:
    """An image's build context, as its Dockerfile declares it."""

    name: str
    root: Path
    dockerfile: str
    """Its text, with own images in FROM given their tags."""
    bases: tuple[str, ...]
    """The images named in FROM."""
    files: tuple[str, ...]
    """Every file that COPY names, relative to `root`, sorted."""

    @property
    def digest(self) -> str:
        """The first 12 hexadecimal digits of the content's hash; names and contents count."""
        total = hashlib.sha256()
        for part in (self.dockerfile.encode(), *self._contents()):
            total.update(len(part).to_bytes(8, "big") + part)
        return total.hexdigest()[:12]

    def _contents(self) -> Iterator[bytes]:
        for relative in self.files:
            path = self.root / relative
            yield relative.encode()
            yield b"x" if path.stat().st_mode & 0o100 else b"-"
            yield path.read_bytes()

    def copy_to(self, folder: Path) -> None:
        """Lay out exactly these files in `folder`, so that nothing else can reach the image."""
        (folder / "Dockerfile").write_text(self.dockerfile, encoding="utf-8")
        for relative in self.files:
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.root / relative, target)
            target.chmod(0o755 if (self.root / relative).stat().st_mode & 0o100 else 0o644)


def names() -> list[str]:
    """Every image this checkout builds: the folders of `serving-images` with a Dockerfile."""
    return sorted(path.parent.name for path in _SOURCES.glob("*/Dockerfile"))


@cache
def reference(name: str) -> str:
    """The reference under which the image is built, loaded and deployed.

    Needs no engine and no network: `localhost/stanchion/<name>:<12 hexadecimal digits>`.

    Raises:
        InputError: There is no such image.
    """
    return f"{REPOSITORY}/{name}:{context(name).digest}"


def context(name: str) -> Context:
    """Read an image's Dockerfile and find what it copies.

    Raises:
        InputError: There is no such image, or it copies what is not there.
    """
    path = _SOURCES / name / "Dockerfile"
    if not path.is_file():
        raise InputError(
            f"no image is called {name!r}",
            where=str(path),
            fix=f"choose one of {', '.join(names())}",
        )
    text = _OWN_BASE.sub(
        lambda found: f"{found[1]}{reference(found[2])}", path.read_text(encoding="utf-8")
    )
    bases: list[str] = []
    files: set[str] = set()
    for line in _instructions(text):
        words = shlex.split(line)
        if words[0].upper() == "FROM":
            bases.append(next(word for word in words[1:] if not word.startswith("--")))
        elif words[0].upper() in ("COPY", "ADD"):
            if any(word.startswith("--from=") for word in words):
                continue
            sources = [word for word in words[1:-1] if not word.startswith("--")]
            for source in sources:
                files.update(_files(source, path))
    return Context(name, _SOURCES, text, tuple(bases), tuple(sorted(files)))


def _instructions(text: str) -> Iterator[str]:
    joined = text.replace("\\\n", " ")
    for line in joined.splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield stripped


def _files(source: str, dockerfile: Path) -> Iterator[str]:
    path = _SOURCES / source
    if path.is_file():
        yield Path(source).as_posix()
        return
    if not path.is_dir():
        raise InputError(
            f"COPY {source}: no such file or folder in {_SOURCES.name}/", where=str(dockerfile)
        )
    for found in path.rglob("*"):
        relative = found.relative_to(_SOURCES)
        if found.is_file() and not _IGNORED.intersection(relative.parts):
            yield relative.as_posix()
