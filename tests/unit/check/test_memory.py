"""What `stanchion check` needs of memory does not grow with what it looks at."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from stanchion_cli.check.spool import Spool
from stanchion_cli.errors import StanchionError

from benchmarks.policies.objects import write

FEW, MANY = 1_000, 4_000
BYTES_AN_OBJECT = 2 * 1024
"""Objects and what is found of them take 20 KiB each when all of it is kept; some 300 bytes of
what they are remain."""


PROGRAM = """
import re, resource, sys
from pathlib import Path
from stanchion_cli.app import main
try: main()
except SystemExit: pass
own = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
forks = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(max(int(own[1]), forks), file=sys.stderr)
"""
"""Its own peak is not asked of `getrusage`, which would count what this process had."""


def peak(folder: Path) -> int:
    """The most bytes that any process of a check had, as the kernel kept it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "check", str(folder), "--format", "json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    return int(done.stderr.splitlines()[-1]) * 1024


def test_memory_does_not_grow_with_the_number_of_objects(tmp_path: Path) -> None:
    peaks = {}
    for size in (FEW, MANY):
        folder = tmp_path / str(size)
        folder.mkdir()
        write(folder, size)
        peaks[size] = peak(folder)
    assert (peaks[MANY] - peaks[FEW]) / (MANY - FEW) < BYTES_AN_OBJECT


def test_what_is_put_aside_comes_back_as_it_was() -> None:
    spool = Spool()
    values = [{"a": [1, 2.5, None, True, "\ud800ü"]}, ("x", 2**70), []]
    for value in values[:2]:
        spool.append(value)
    assert spool[1] == values[1]
    spool.append(values[2])
    assert [spool[place] for place in range(len(spool))] == values


def test_a_full_disk_is_told_with_the_folder_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, full = tempfile.gettempdir(), Path("/dev/full")
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full.open("wb+"))
    spool = Spool()
    spool.append("x")
    with pytest.raises(StanchionError, match="No space left on device") as told:
        spool.flush()
    assert folder in str(told.value)
    assert "TMPDIR" in str(told.value)
