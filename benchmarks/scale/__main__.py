"""`python -m benchmarks.scale`: pools, quotas and the time to place with 2,000 simulated nodes."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.checkouts import ROOT
from benchmarks.facts import facts
from benchmarks.scale import report
from benchmarks.scale.environment import FULL, Scale
from benchmarks.scale.run import run
from benchmarks.targets import command

_RESULTS: Final = ROOT / "benchmarks" / "SCALE.md"


def _run() -> report.Results:
    """The full size, or so many tenths of it as TENTHS says."""
    before, tenths = facts(ROOT), int(os.environ.get("TENTHS", FULL.tenths))
    with tempfile.TemporaryDirectory(prefix="stanchion-bench-") as scratch:
        return report.Results(before, run(Scale(tenths), Path(scratch)))


if __name__ == "__main__":
    sys.exit(
        command(
            __doc__, _RESULTS, _run, report.markdown, lambda results: report.targets(results.run)
        )
    )
