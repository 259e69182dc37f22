"""`python -m benchmarks.policies.speed`: what `stanchion check` costs, and what Checkov does.

Both look at the same generated manifests in one run, all of their checks on, and write JSON.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import step

from benchmarks.facts import facts
from benchmarks.policies.objects import write
from benchmarks.processes import Usage, measured
from benchmarks.targets import Target, command, section

_ROOT: Final = Path(__file__).parents[2]
_RESULTS: Final = _ROOT / "benchmarks" / "CHECK.md"
_CHECKOV: Final = "3.3.30"
_SIZES: Final = (10, 1_000, 10_000, 50_000)
_COMPARED: Final = 10_000
_STARTS: Final = 5
_TIMES_FASTER: Final = 20
_VERDICT: Final = re.compile(r'"verdict": "([^"]*)"')
_START_SECONDS: Final = 1.0
_MORE_MEMORY: Final = 1.5
"""What the most objects may take of the memory that 1,000 take: flat, but for what each is."""


class Results(NamedTuple):
    """Everything one run measured."""

    facts: dict[str, str]
    ours: dict[int, Usage]
    """By the number of objects; the first is what starting takes, the best of several."""
    findings: dict[int, int]
    peer: Usage


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
            findings[size] = _findings(Path(scratch) / "report.json")
        with step(f"checkov of {_COMPARED:,} objects"):
            peer = _checkov(Path(scratch) / str(_COMPARED), Path(scratch))
    return Results(before, ours, findings, peer)


def _ours(folder: Path, scratch: Path) -> Usage:
    command = [
        *(sys.executable, "-c", "from stanchion_cli.app import main; main()", "check", str(folder)),
        *("--format", "json", "-o", str(scratch / "report.json")),
    ]
    return _checked(command, scratch)


def _findings(report: Path) -> int:
    """The findings of a report, as its verdict counts them.

    All of it is not read: what this process ever had in memory, the kernel counts to the peak of
    those that it starts.
    """
    with report.open(encoding="utf-8") as stream:
        verdict = _VERDICT.search(stream.read(1000))
    if verdict is None:
        raise StanchionError("a report has no verdict", where=str(report))
    return sum(map(int, re.findall(r"\d+", verdict[1])))


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
    more = results.ours[_SIZES[-1]].largest_mib / results.ours[_SIZES[1]].largest_mib
    wanted = f"{_SIZES[-1]:,} objects: at most {_MORE_MEMORY} times the memory of {_SIZES[1]:,}"
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
        *section(_targets(results)),
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
    sys.exit(command(__doc__, _RESULTS, run, _page, _targets))
