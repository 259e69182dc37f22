"""Values put aside in a file, so that memory does not grow with how many there are."""

from __future__ import annotations

import marshal
import os
import tempfile
from array import array
from typing import Any, Final

_BUFFER: Final = 1 << 18


class Spool:
    """Values made of what JSON has and tuples, in a temporary file that no name leads to.

    The file is gone when the process ends, however it ends. Forks may read what was put in before
    they began, all at once; only one process may append. Eight bytes of each value stay in memory.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=_BUFFER)  # noqa: SIM115 - lives as this does
        self._starts = array("Q", [0])
        self._flushed = True

    def __len__(self) -> int:
        """How many values there are."""
        return len(self._starts) - 1

    def append(self, value: Any) -> None:
        """Put a value at the end."""
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
            self._file.flush()
            self._flushed = True


def _read(file: int, start: int, size: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(file, size, start)
    os.lseek(file, start, os.SEEK_SET)  # Windows, where no fork shares the position
    return os.read(file, size)
