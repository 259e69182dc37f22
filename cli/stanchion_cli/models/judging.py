"""What was measured of a model version, held against the limits of a service file's `gates:`.

Every function returns what passed and what did not, with the figures; none of them raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

_SMALLER_IS_BETTER = frozenset({"logLoss", "mae", "rmse", "mape"})
_OF_PROBABILITIES = frozenset({"logLoss", "rocAuc"})
ROUNDING = 1e-12
"""What two figures may differ by and still be one."""
Block = Mapping[str, Any]
"""A block of a service file, checked by the program, or a part of what was measured."""


@dataclass(frozen=True)
class Outcome:
    """One gate of one service: passed when `failures` is empty."""

    service: str
    gate: str
    figures: str = ""
    """What was found, in a few words."""
    failures: tuple[str, ...] = ()
    """Every limit that was not met, with the figures."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What was measured, by name, for the evaluation run."""


@dataclass(frozen=True)
class Champion:
    """The version with the alias `champion`, and what was measured of it where that was needed."""

    version: str
    measured: Block = field(default_factory=dict)


def scan(service: str, measured: Block) -> Outcome:
    """The artifact scan: any problem is a failure."""
    found = measured.get("scan") or {"problems": ["not run: the files could not be fetched"]}
    problems = tuple(found["problems"])
    return Outcome(service, "scan", "" if problems else "nothing was found", problems)


def smoke(service: str, limits: Block, measured: Block, champion: Champion | None) -> Outcome:
    """Times and memory against the limits, and against the champion's where that is wanted."""
    found = measured["smoke"]
    if "problem" in found:
        return Outcome(service, "smoke", failures=(found["problem"],))
    failures = [
        f"{what} {number(found[key])} {unit} > {number(limits[limit])} {unit}"
        for what, key, unit, limit in (
            ("p99 latency", "p99_ms", "ms", "maxP99Milliseconds"),
            ("memory", "rss_mb", "MiB", "maxMemoryMebibytes"),
            (
                f"memory growth over {found['requests']} requests",
                "growth_mb",
                "MiB",
                "maxMemoryGrowthMebibytes",
            ),
        )
        if limits[limit] is not None and found[key] > limits[limit]
    ]
    most = limits["maxLatencyRatioToChampion"]
    if most is not None and champion is not None:
        failures += _slower_than(champion, found["latency_ms"], most)
    figures = (
        f"{number(found['latency_ms'])} ms, p99 {number(found['p99_ms'])} ms, "
        f"{number(found['rss_mb'])} MiB"
    )
    metrics = {name: float(value) for name, value in found.items()}
    return Outcome(service, "smoke", figures, tuple(failures), metrics)


def _slower_than(champion: Champion, latency: float, most: float) -> list[str]:
    found = champion.measured.get("smoke") or {}
    if "latency_ms" not in found:
        return [_unmeasured(champion, found)]
    ratio = latency / max(found["latency_ms"], 0.001)
    if ratio <= most:
        return []
    return [
        f"median latency {number(latency)} ms is {number(ratio)} times the champion's "
        f"{number(found['latency_ms'])} ms (version {champion.version}), at most {number(most)}"
    ]


def evaluation(service: str, wanted: Block, measured: Block, champion: Champion | None) -> Outcome:
    """Metrics on the pinned data set: thresholds, champion, slices, rows."""
    found = measured["evaluation"]
    if "problem" in found:
        return Outcome(service, "evaluation", failures=(found["problem"],))
    metrics: Mapping[str, float | None] = found["metrics"]
    failures = [
        *_rows(wanted, found),
        *(
            problem
            for metric, bounds in wanted["thresholds"].items()
            for problem in bounded(metric, metrics.get(metric), bounds)
        ),
        *(_worse_than(champion, wanted, metrics) if champion is not None else ()),
    ]
    known = {name: value for name, value in metrics.items() if value is not None}
    shown = {*wanted["thresholds"], *wanted["notWorseThanChampionBy"]}
    figures = [f"{name} {number(value)}" for name, value in known.items() if name in shown]
    # Where no row was answered there are no slices, and none of those wanted passes.
    none: Block = {"groups": {}}
    for limits, groups in zip_longest(wanted["slices"], found["slices"], fillvalue=none):
        failures += _slice(limits, groups["groups"])
        figures.append(_shown(limits, groups["groups"]))
        known |= {
            f"slice/{limits['column']}/{name}/{limits['metric']}": group["value"]
            for name, group in groups["groups"].items()
            if group["value"] is not None
        }
    figures.append(f"{found['rows']} rows")
    return Outcome(service, "evaluation", ", ".join(figures), tuple(failures), known)


def _rows(wanted: Block, found: Block) -> Iterator[str]:
    rows, failed = found["rows"], found["failed_rows"]
    if rows < wanted["minRows"]:
        yield f"{rows} rows < {wanted['minRows']}"
    if failed > wanted["maxFailedRows"]:
        yield (
            f"{failed} of {rows} rows were not answered, at most {wanted['maxFailedRows']} "
            f"(first: {found['failure']})"
        )


def bounded(what: str, value: float | None, bounds: Block) -> Iterator[str]:
    """What is wrong with a figure that must lie between two bounds."""
    if value is None:
        yield _missing(what)
    elif bounds["min"] is not None and value < bounds["min"] - ROUNDING:
        yield f"{what} {number(value)} < {number(bounds['min'])}"
    elif bounds["max"] is not None and value > bounds["max"] + ROUNDING:
        yield f"{what} {number(value)} > {number(bounds['max'])}"


def _worse_than(
    champion: Champion, wanted: Block, metrics: Mapping[str, float | None]
) -> Iterator[str]:
    found = champion.measured.get("evaluation") or {}
    for metric, most in wanted["notWorseThanChampionBy"].items():
        value, theirs = metrics.get(metric), (found.get("metrics") or {}).get(metric)
        if value is None:
            yield _missing(metric)
        elif theirs is None:
            yield _unmeasured(champion, found)
        else:
            worse = value - theirs if metric in _SMALLER_IS_BETTER else theirs - value
            if worse > most + ROUNDING:
                yield (
                    f"{metric} {number(value)} is {number(worse)} worse than the champion's "
                    f"{number(theirs)} (version {champion.version}), at most {number(most)}"
                )


def _slice(limits: Block, groups: Mapping[str, Block]) -> Iterator[str]:
    column, metric = limits["column"], limits["metric"]
    judged = {
        name: group["value"] for name, group in groups.items() if group["rows"] >= limits["minRows"]
    }
    if not judged:
        yield f"slice {column}: no group has {limits['minRows']} rows"
    for name, value in judged.items():
        yield from bounded(f"slice {column}={name}: {metric}", value, limits)
    values = [value for value in judged.values() if value is not None]
    most = limits["maxDisparity"]
    if most is None or not values:
        return
    smaller = metric in _SMALLER_IS_BETTER
    best = min(values) if smaller else max(values)
    for name, value in judged.items():
        if value is not None and abs(value - best) > most + ROUNDING:
            yield (
                f"slice {column}={name}: {metric} {number(value)}, "
                f"{number(abs(value - best))} {'above' if smaller else 'below'} the best slice, "
                f"at most {number(most)}"
            )


def _shown(limits: Block, groups: Mapping[str, Block]) -> str:
    """A slice's worst and best group that counts, in a few words."""
    values = [
        group["value"]
        for group in groups.values()
        if group["value"] is not None and group["rows"] >= limits["minRows"]
    ]
    if not values:
        return f"{limits['column']}: too few rows"
    return f"{limits['metric']} by {limits['column']} {number(min(values))}-{number(max(values))}"


def _missing(metric: str) -> str:
    name = metric.rpartition(" ")[2]
    if name in _OF_PROBABILITIES:
        return f"{metric} needs probabilities; log the model so that it answers those"
    return f"{metric} cannot be computed from the answers"


def _unmeasured(champion: Champion, found: Block) -> str:
    reason = found.get("problem", "it does not answer the data set")
    return (
        f"champion version {champion.version} cannot be measured to compare with: {reason}; "
        "leave the comparison out for this promotion"
    )


def number(value: float) -> str:
    """A figure as people read it."""
    return f"{value:.6g}"
