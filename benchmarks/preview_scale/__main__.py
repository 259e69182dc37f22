"""`python -m benchmarks.preview_scale`: what a preview costs as the environment grows."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from stanchion_cli.progress import step

from benchmarks.checkouts import ROOT
from benchmarks.facts import facts
from benchmarks.preview_scale import report
from benchmarks.preview_scale.environments import SIZES, Size, checkout
from benchmarks.preview_scale.measure import Cost, preview
from benchmarks.targets import command

_RESULTS: Final = ROOT / "benchmarks" / "PREVIEW.md"


def run() -> report.Results:
    """Preview every size once, after one preview that pays for what is made once."""
    before = facts(ROOT)
    costs: dict[Size, Cost] = {}
    with tempfile.TemporaryDirectory(prefix="stanchion-bench-") as scratch:
        roots = {size: checkout(Path(scratch), size) for size in SIZES}
        with step("warm up"):
            preview(roots[SIZES[0]])
        for size, root in roots.items():
            with step(f"preview {size}") as running:
                costs[size] = preview(root)
                running.note(f"{costs[size].resources} resources")
    return report.Results(before, costs)


if __name__ == "__main__":
    sys.exit(command(__doc__, _RESULTS, run, report.markdown, report.targets))
