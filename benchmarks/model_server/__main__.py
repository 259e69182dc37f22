"""`python -m benchmarks.model_server`: the model server beside its peers."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import console, step

from benchmarks.facts import facts
from benchmarks.model_server import environments, load, report, servers
from benchmarks.model_server.environments import KSERVE, MLFLOW, ROOT
from benchmarks.model_server.load import Measured
from benchmarks.model_server.model import Trained, train
from benchmarks.model_server.servers import Running, Spec
from benchmarks.processes import free_port

_RESULTS: Final = ROOT / "benchmarks" / "RESULTS.md"


@dataclass(frozen=True)
class Effort:
    """How long a run looks."""

    seconds: float
    turns: int
    connections: tuple[int, ...] = (1, 8, 32, 128)
    rows: tuple[int, ...] = (1, 64)


FULL: Final = Effort(seconds=3, turns=3)
QUICK: Final = Effort(seconds=1, turns=1)


def main() -> int:
    """Measure, write the results, and say which targets were met.

    Exit status: 0; 1 when a server failed, or with `--check` when a target was missed.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look of two minutes, not written")
    parser.add_argument("--check", action="store_true", help="fail when a target is missed")
    parser.add_argument("--output", type=Path, default=_RESULTS)
    options = parser.parse_args()
    try:
        results = run(QUICK if options.quick else FULL)
    except StanchionError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    page = report.markdown(results)
    if options.quick:
        print(page)
    else:
        options.output.write_text(page, encoding="utf-8")
        console.print(f"wrote {options.output}", markup=False)
    missed = [target for target in report.targets(results) if not target.met]
    for target in report.targets(results):
        console.print(f"{'met   ' if target.met else 'MISSED'} {target.wanted}: {target.found}")
    return 1 if missed and options.check else 0


def run(effort: Effort) -> report.Results:
    """Start every server, check that all answer alike, measure them in turns."""
    load.require_tools()
    pythons = environments.prepare(version("scikit-learn"), version("numpy"))
    results = report.Results(
        facts=facts(ROOT),
        versions={
            **{n: environments.version(pythons[n], n) for n in ("kserve", "litserve", "mlflow")},
            "scikit-learn": version("scikit-learn"),
            "numpy": version("numpy"),
        },
    )
    with tempfile.TemporaryDirectory(prefix="stanchion-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        ports = {name: free_port() for name in pythons}
        with step("start a registry"):
            registry = servers.start_registry(pythons[MLFLOW], folder)
        with ExitStack() as until_loaded:
            until_loaded.callback(registry.stop)
            with step("train the model and register it"):
                trained = train(registry.url, folder)
            rows = trained.rows[:1].tolist()
            running = [
                _started(spec, ports[spec.name], folder, rows, stack)
                for spec in servers.specs(pythons, trained, registry.url, ports)
            ]
        for server in running:
            results.start_seconds[server.spec.name] = server.start_seconds
        _same_predictions(running, trained)
        _measure(running, trained, folder, effort, results)
    return results


def _started(spec: Spec, port: int, folder: Path, rows: Any, stack: ExitStack) -> Running:
    with step(f"start {spec.name}") as running:
        server = servers.start(spec, port, folder / f"{spec.name}.log", rows)
        running.note(f"first prediction after {server.start_seconds:.1f} s")
    stack.callback(server.stop)
    return server


def _same_predictions(running: list[Running], trained: Trained) -> None:
    """A fast server of another model would win nothing."""
    with step("check that all give the same predictions"):
        for server in running:
            if server.ask(trained.rows.tolist()) != trained.predictions:
                raise StanchionError(f"{server.spec.name} predicts differently")


def _measure(
    running: list[Running], trained: Trained, folder: Path, effort: Effort, results: report.Results
) -> None:
    bodies = {
        (server.spec.name, rows): load.body_file(server, trained.rows[:rows].tolist(), folder)
        for server in running
        for rows in effort.rows
    }
    with step("warm up"):
        for server in running:
            for rows in effort.rows:
                load.at_full_speed(
                    server, bodies[server.spec.name, rows], connections=32, seconds=1
                )
    for rows in effort.rows:
        for connections in effort.connections:
            with step(f"{rows} rows a request, {connections} connections"):
                turns: dict[str, list[Measured]] = {s.spec.name: [] for s in running}
                for _ in range(effort.turns):
                    for server in running:
                        turns[server.spec.name].append(
                            load.at_full_speed(
                                server,
                                bodies[server.spec.name, rows],
                                connections=connections,
                                seconds=effort.seconds,
                            )
                        )
                for name, seen in turns.items():
                    results.full_speed[rows, connections, name] = _middle(seen)
    for server in running:
        results.memory_mb[server.spec.name] = server.memory_mb()
    _at_equal_load(running, bodies, effort, results)


def _at_equal_load(
    running: list[Running],
    bodies: dict[tuple[str, int], Path],
    effort: Effort,
    results: report.Results,
) -> None:
    """Half of what mlflow can do, for all; half of what KServe can, for those that can."""
    for slowest in (MLFLOW, KSERVE):
        rate = results.full_speed[1, 8, slowest].per_second / 2
        able = [s for s in running if results.full_speed[1, 8, s.spec.name].per_second > rate * 1.5]
        seconds = max(effort.seconds, 200 / rate)  # a p99 wants some hundred answers
        with step(f"{rate:.0f} requests a second to each"):
            for server in able:
                body = bodies[server.spec.name, 1]
                seen = [
                    load.at_rate(server, body, rate=rate, seconds=seconds)
                    for _ in range(effort.turns)
                ]
                results.steady[1, rate, server.spec.name] = _middle(seen)


def _middle(seen: list[Measured]) -> Measured:
    return Measured(
        *(
            statistics.median(getattr(one, part) for one in seen)
            for part in ("per_second", "p50", "p99")
        )
    )


if __name__ == "__main__":
    sys.exit(main())
