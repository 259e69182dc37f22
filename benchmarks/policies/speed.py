"""`python -m benchmarks.policies.speed`: what `stanchion check` costs, and what Checkov does.

Both look at the same generated manifests in one run, all of their checks on, and write JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import console, step

from benchmarks.facts import facts
from benchmarks.policies.objects import write
from benchmarks.processes import Usage, measured

_ROOT: Final = Path(__file__).parents[2]
_RESULTS: Final = _ROOT / "benchmarks" / "CHECK.md"
_CHECKOV: Final = "3.3.30"
_SIZES: Final = (10, 1_000, 10_000, 20_000)
_COMPARED: Final = 10_000
_STARTS: Final = 5
_TIMES_FASTER: Final = 20
_START_SECONDS: Final = 1.0
_MORE_MEMORY: Final = 2.2
"""Twice the objects may take so many times the memory: twice, and a tenth for what else runs."""


class Target(NamedTuple):
    """One thing that must hold."""

    wanted: str
    found: str
    met: bool


class Results(NamedTuple):
    """Everything one run measured."""

    facts: dict[str, str]
    ours: dict[int, Usage]
    """By the number of objects; the first is what starting takes, the best of several."""
    findings: dict[int, int]
    peer: Usage


def main() -> int:
    """Measure, write the results, and say which targets were met.

    Exit status: 0; 1 when a command failed, or with `--check` when a target was missed.
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
    options.output.write_text(_page(results), encoding="utf-8")
    console.print(f"wrote {options.output}", markup=False)
    found = list(_targets(results))
    for target in found:
        console.print(f"{'met   ' if target.met else 'MISSED'} {target.wanted}: {target.found}")
    return 1 if options.check and not all(target.met for target in found) else 0


def run() -> Results:
    """Check every size, then let Checkov check the one that is compared."""
    before = facts(_ROOT)
    ours, findings = {}, {}
    with tempfile.TemporaryDirectory(prefix="stanchion-bench-") as scratch:
        for size in _SIZES:
            folder = Path(scratch) / str(size)
            folder.mkdir()
            write(folder, size)
            with step(f"stanchion check of {size:,} objects"):
                runs = [_ours(folder, Path(scratch)) for _ in range(_STARTS if size < 100 else 1)]
            ours[size] = min(runs, key=lambda usage: usage.wall_seconds)
            report = json.loads((Path(scratch) / "report.json").read_text(encoding="utf-8"))
            findings[size] = len(report["environments"][0]["findings"])
        with step(f"checkov of {_COMPARED:,} objects"):
            peer = _checkov(Path(scratch) / str(_COMPARED), Path(scratch))
    return Results(before, ours, findings, peer)


def _ours(folder: Path, scratch: Path) -> Usage:
    command = [
        *(sys.executable, "-c", "from stanchion_cli.app import main; main()", "check", str(folder)),
        *("--format", "json", "-o", str(scratch / "report.json")),
    ]
    return _checked(command, scratch)


def _checkov(folder: Path, scratch: Path) -> Usage:
    program = ["uvx", "--quiet", "--python", sys.executable, f"checkov@{_CHECKOV}"]
    warm = measured([*program, "--version"], scratch, scratch / "log")
    if warm.status:
        raise StanchionError(f"checkov {_CHECKOV} cannot be installed from PyPI by uv")
    options = ["--framework", "kubernetes", "--quiet", "--compact", "--skip-download", "-o", "json"]
    return _checked([*program, "-d", str(folder), *options], scratch)


def _checked(command: list[str], scratch: Path) -> Usage:
    """Measure a command that is to find violations."""
    usage = measured(command, scratch, scratch / "log")
    if usage.status != 1:
        said = (scratch / "log").read_text(encoding="utf-8", errors="replace")[-2000:]
        raise StanchionError(f"{' '.join(command)} ended with {usage.status}:\n{said}")
    return usage


def _targets(results: Results) -> Iterator[Target]:
    ours, peer = results.ours[_COMPARED], results.peer
    for what, ratio in (
        ("wall time", peer.wall_seconds / ours.wall_seconds),
        ("processor time", peer.cpu_seconds / ours.cpu_seconds),
    ):
        wanted = f"{_COMPARED:,} objects: at least {_TIMES_FASTER} times faster, {what}"
        yield Target(wanted, f"{ratio:.0f} times", ratio >= _TIMES_FASTER)
    start = results.ours[_SIZES[0]].wall_seconds
    wanted = f"{_SIZES[0]} objects, which is starting: under {_START_SECONDS:.0f} s"
    yield Target(wanted, f"{start:.2f} s", start < _START_SECONDS)
    more = results.ours[_SIZES[-1]].largest_mib / ours.largest_mib
    wanted = f"{_SIZES[-1]:,} objects: at most {_MORE_MEMORY} times the memory of {_COMPARED:,}"
    yield Target(wanted, f"{more:.2f} times", more <= _MORE_MEMORY)


def _page(results: Results) -> str:
    rows = [
        *(
            (f"stanchion check, {size:,} objects", usage, f"{results.findings[size]:,}")
            for size, usage in results.ours.items()
        ),
        (f"Checkov {_CHECKOV}, {_COMPARED:,} objects", results.peer, ""),
    ]
    lines = [
        "# Checking manifests: results",
        "",
        "Generated by `make bench-check`; do not edit. `stanchion check` at the levels of prod and"
        " Checkov's Kubernetes checks over the same generated manifests of ten kinds, ten objects a"
        " file; every third service has faults. Each wrote JSON. Starting is the best of"
        f" {_STARTS} runs; every other figure is of one run.",
        "",
        *(f"- {key}: {value}" for key, value in results.facts.items()),
        "",
        "## Targets",
        "",
        "| target | found | met |",
        "| --- | --- | --- |",
        *(
            f"| {t.wanted} | {t.found} | {'yes' if t.met else '**no**'} |"
            for t in _targets(results)
        ),
        "",
        "## Figures",
        "",
        "| | wall time | processor time | largest process | findings |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {usage.wall_seconds:.2f} s | {usage.cpu_seconds:.2f} s |"
            f" {usage.largest_mib:,.0f} MiB | {found} |"
            for name, usage, found in rows
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
