"""Values put aside in a file, so that memory does not grow with how many there are."""

from __future__ import annotations

import marshal
import os
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from stanchion_cli.errors import StanchionError

_BUFFER: Final = 1 << 18


class Spool:
    """Values made of what JSON has and tuples, in a temporary file that no name leads to.

    The file is gone when the process ends, however it ends. Forks may read what was put in before
    they began, all at once; only one process may append. Eight bytes of each value stay in memory.

    Raises:
        StanchionError: The folder for temporary files cannot be written; so does what appends.
    """

    def __init__(self) -> None:
        with _told_where():
            self._file = tempfile.TemporaryFile(buffering=_BUFFER)  # noqa: SIM115 - kept
        self._starts = array("Q", [0])
        self._flushed = True

    def __len__(self) -> int:
        """How many values there are."""
        return len(self._starts) - 1

    def append(self, value: Any) -> None:
        """Put a value at the end."""
        with _told_where():
            written = self._file.write(marshal.dumps(value))
        self._starts.append(self._starts[-1] + written)
        self._flushed = False

    def __getitem__(self, place: int) -> Any:
        """A copy of the value at a place, counted from 0.

        Raises:
            IndexError: There is none.
        """
        start, end = self._starts[place], self._starts[place + 1]
        self.flush()
        return marshal.loads(_read(self._file.fileno(), start, end - start))  # noqa: S302 - own

    def flush(self) -> None:
        """Make what was appended readable for forks that begin now."""
        if not self._flushed:
            with _told_where():
                self._file.flush()
            self._flushed = True


@contextmanager
def _told_where() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StanchionError(
            f"what is checked cannot be put aside: {error.strerror}",
            where=str(tempfile.tempdir or "temporary files"),
            fix="make room there, or name another folder in the variable TMPDIR",
        ) from None


def _read(file: int, start: int, size: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(file, size, start)
    os.lseek(file, start, os.SEEK_SET)  # Windows, where no fork shares the position
    return os.read(file, size)
