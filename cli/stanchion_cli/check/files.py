"""Which files are looked at, and what is in them."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from stanchion_cli.check.manifests import MalformedError, Manifest, manifests
from stanchion_cli.errors import InputError

STDIN: Final = "-"
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_MARK: Final = b"apiVersion"
"""What no object does without."""


class Manifests:
    """The objects of files and folders, read as they are gone over: one file in memory at a time.

    Args:
        paths: Files, whatever their names; folders, of which everything below is looked at that
            ends in `.yaml`, `.yml` or `.json`; `-` for standard input. In a folder, what is hidden
            and the templates of Helm charts are left out, and so is what holds no object.

    Attributes:
        files: How many files with objects were read.
        kinds: How many objects of each kind there were.
        malformed: What could not be read.
        templates: The folders of Helm templates that were left out.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self.files = 0
        self.kinds: Counter[str] = Counter()
        self.malformed: list[MalformedError] = []
        self.templates: list[str] = []

    def __iter__(self) -> Iterator[Manifest]:
        """The objects, in the order of the paths and within folders of the names; to be had once.

        Raises:
            InputError: A path does not exist, or cannot be opened.
        """
        for file in dict.fromkeys(self._paths):
            if file == STDIN:
                yield from self._in("stdin", sys.stdin.buffer.read())
            elif Path(file).is_dir():
                for found in self._below(file):
                    content = _read(found)
                    if _MARK in content:
                        yield from self._in(found, content)
            else:
                yield from self._in(file, _read(file))

    def _in(self, file: str, content: bytes) -> Iterator[Manifest]:
        before = self.kinds.total()
        try:
            for each in manifests(file, content):
                self.kinds[each.body["kind"]] += 1
                yield each
        except MalformedError as error:
            self.malformed.append(error)
        self.files += self.kinds.total() > before

    def _below(self, folder: str) -> Iterator[str]:
        for here, folders, files in os.walk(folder):
            if "Chart.yaml" in files and "templates" in folders:
                folders.remove("templates")
                self.templates.append(os.path.join(here, "templates"))  # noqa: PTH118 - as named
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                if name.endswith(_SUFFIXES) and not name.startswith("."):
                    yield os.path.normpath(os.path.join(here, name))  # noqa: PTH118 - as named


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}",
            where=file,
            fix="name a file, a folder, or - for standard input",
        ) from None
