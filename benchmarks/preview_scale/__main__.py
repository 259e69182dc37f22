"""`python -m benchmarks.preview_scale`: what a preview costs as the environment grows."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import console, step

from benchmarks.facts import facts
from benchmarks.preview_scale import report
from benchmarks.preview_scale.environments import ROOT, SIZES, Size, checkout
from benchmarks.preview_scale.measure import Cost, preview

_RESULTS: Final = ROOT / "benchmarks" / "PREVIEW.md"


def main() -> int:
    """Measure, write the results, and say which targets were met.

    Exit status: 0; 1 when a preview failed, or with `--check` when a target was missed.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when a target is missed")
    parser.add_argument("--output", type=Path, default=_RESULTS)
    options = parser.parse_args()
    try:
        results = run()
    except StanchionError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    options.output.write_text(report.markdown(results), encoding="utf-8")
    console.print(f"wrote {options.output}", markup=False)
    met = [target.met for target in report.targets(results)]
    for target in report.targets(results):
        console.print(f"{'met   ' if target.met else 'MISSED'} {target.wanted}: {target.found}")
    return 1 if not all(met) and options.check else 0


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
    sys.exit(main())
