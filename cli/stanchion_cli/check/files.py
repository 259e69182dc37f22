"""Which files are looked at, and what is in them."""

from __future__ import annotations

import os
import sys
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
    """The objects of files and folders.

    Args:
        paths: Files, whatever their names; folders, of which everything below is looked at that
            ends in `.yaml`, `.yml` or `.json`; `-` for standard input. In a folder, what is hidden
            and the templates of Helm charts are left out, and so is what holds no object.

    Attributes:
        files: How many files hold objects.
        objects: The objects, in the order of the paths and within folders of the names.
        malformed: What could not be read.
        templates: The folders of Helm templates that were left out.

    Raises:
        InputError: A path does not exist, or cannot be opened.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.files = 0
        self.objects: list[Manifest] = []
        self.malformed: list[MalformedError] = []
        self.templates: list[str] = []
        for file in dict.fromkeys(paths):
            if file == STDIN:
                self._take("stdin", sys.stdin.buffer.read())
            elif Path(file).is_dir():
                for found in self._below(file):
                    content = _read(found)
                    if _MARK in content:
                        self._take(found, content)
            else:
                self._take(file, _read(file))

    def _take(self, file: str, content: bytes) -> None:
        before = len(self.objects)
        try:
            self.objects.extend(manifests(file, content))
        except MalformedError as error:
            self.malformed.append(error)
        self.files += len(self.objects) > before

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
