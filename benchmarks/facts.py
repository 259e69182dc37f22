"""Where and when a benchmark ran."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path


def facts(root: Path) -> dict[str, str]:
    """Date, commit, processor, load before the run and Python, as a page names them."""
    commit = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--short", "HEAD"],
        capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    load = os.getloadavg()[0]
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "commit": commit or "unknown",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "load of the machine before the run": f"{load:.1f}"
        + (", so it was shared with other work" if load >= 1 else ""),
        "python": platform.python_version(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
