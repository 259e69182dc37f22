"""One number for a model's artifacts: what registration records and every reader verifies."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

DIGEST_TAG = "stanchion.digest"
"""Tag of a model version under which registration records its digest."""

_CHUNK = 1 << 20
# MLflow's own download by `models:/` URI drops this file beside the artifacts; it is no part of
# what was logged.
_NOT_AN_ARTIFACT = b"registered_model_meta"


class DigestError(ValueError):
    """The folder holds something no digest can vouch for: a link, a device, or nothing at all."""


class Readable(Protocol):
    """A file, from its beginning to its end."""

    def read(self, size: int, /) -> bytes: ...  # noqa: D102


def artifact_digest(root: Path) -> str:
    """Digest every file below `root`: `sha256:` and 64 hexadecimal digits.

    Paths are sorted and relative, and each is hashed with its length and its content's length, so
    that no two different trees give the same input. Modes, times and empty folders do not count.

    Args:
        root: The folder a model was downloaded to.

    Raises:
        DigestError: A symbolic link or a special file is in the folder, a name is not UTF-8, or
            there is no file at all. Links are refused because what they point to can change after
            the digest was taken.
        OSError: A file cannot be read.
    """
    found = ((name, path.stat().st_size, path) for name, path in sorted(_files(root)))
    try:
        return digest_of((name, size, partial(_opened, path)) for name, size, path in found)
    except DigestError as error:
        raise DigestError(f"{root}: {error}") from None


def digest_of(
    files: Iterable[tuple[bytes, int, Callable[[], AbstractContextManager[Readable]]]],
) -> str:
    """The digest that `artifact_digest` gives a folder of these files, wherever they are.

    Args:
        files: Of each its relative path, its size and what opens it, sorted by path.

    Raises:
        DigestError: There is no file at all.
        OSError: A file cannot be read.
    """
    total = hashlib.sha256()
    found = False
    for relative, size, opened in files:
        if relative == _NOT_AN_ARTIFACT:
            continue
        found = True
        total.update(len(relative).to_bytes(8, "big") + relative + size.to_bytes(8, "big"))
        with opened() as stream:
            while chunk := stream.read(_CHUNK):
                total.update(chunk)
    if not found:
        raise DigestError("no file to digest")
    return f"sha256:{total.hexdigest()}"


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


def _files(root: Path) -> Iterator[tuple[bytes, Path]]:
    if root.is_symlink():
        raise DigestError(f"{root}: symbolic links are refused")
    for folder, folders, names in os.walk(root, followlinks=False):
        for name in [*folders, *names]:
            path = root / folder / name
            relative = path.relative_to(root).as_posix()
            if path.is_symlink():
                raise DigestError(f"{relative}: symbolic links are refused")
            if name in folders:
                continue
            if not path.is_file():
                raise DigestError(f"{relative}: not a regular file")
            try:
                encoded = relative.encode("utf-8")
            except UnicodeEncodeError as error:
                raise DigestError(f"{relative!r}: the name is not UTF-8") from error
            yield encoded, path
