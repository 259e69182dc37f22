"""What `stanchion check` needs of memory does not grow with what it looks at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stanchion_cli.check.spool import Spool

from benchmarks.policies.objects import write

FEW, MANY = 1_000, 4_000
BYTES_AN_OBJECT = 3 * 1024
"""Objects and what is found of them take 20 KiB each when all of it is kept; some 500 bytes of
what they are remain."""


def peak(folder: Path) -> int:
    """The most bytes that any process of a check had, as the kernel kept it."""
    program = (
        "import resource, sys\n"
        "from stanchion_cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "usage = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)\n"
        "print(max(resource.getrusage(each).ru_maxrss for each in usage), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "check", str(folder), "--format", "json"],
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
