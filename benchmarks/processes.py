"""Processes that are measured: what a command costs, with all that it starts; ports to serve on."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SAMPLE_SECONDS: Final = 0.05
_KIBIBYTE: Final = 1024


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Usage:
    """What one run of a command took."""

    status: int
    """Its exit status."""
    wall_seconds: float
    cpu_seconds: float
    """User and system time of every process of it."""
    memory_mib: float
    """Peak of the resident memory of all its processes together, sampled 20 times a second; what
    forks share is counted in each."""
    largest_mib: float
    """Peak of the largest of its processes, as the kernel kept it."""


def measured(command: Sequence[str], folder: Path, log: Path) -> Usage:
    """Run a command in a folder, its output in `log`, and measure it."""
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    sampler = _Sampler(process.pid)
    sampler.start()
    _, status, used = os.wait4(process.pid, 0)  # its own children are counted in
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(
        status=process.returncode,
        wall_seconds=seconds,
        cpu_seconds=used.ru_utime + used.ru_stime,
        memory_mib=sampler.stop() / _KIBIBYTE**2,
        largest_mib=used.ru_maxrss / _KIBIBYTE,
    )


class _Sampler(threading.Thread):
    """Watches the resident memory of all processes of a session."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self._session, self._ended, self._peak = session, threading.Event(), 0

    def stop(self) -> int:
        """End it; the peak in bytes."""
        self._ended.set()
        self.join()
        return self._peak

    def run(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self._peak = max(self._peak, _resident(self._session))


def _resident(session: int) -> int:
    pages = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[3]) == session:
            pages += int(fields[21])
    return pages * os.sysconf("SC_PAGE_SIZE")
