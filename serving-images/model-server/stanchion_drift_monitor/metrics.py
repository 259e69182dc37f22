"""The newest report as Prometheus reads it: what was true of a window stays true between runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from stanchion_drift_monitor import verdicts


class Metrics(Collector):
    """Gauges of one report; none before the first."""

    def __init__(self) -> None:
        self._report: dict[str, Any] | None = None

    def show(self, report: dict[str, Any] | None) -> None:
        """Tell a report from now on."""
        self._report = report

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The metrics as they are now."""
        report = self._report
        versions = report["versions"] if report is not None else []
        of_field = ["version", "side", "field"]
        yield _gauge(
            "window_end_timestamp_seconds",
            "When the newest judged window of the prediction log ended; 0 before the first.",
            [],
            [([], _end(report))],
        )
        yield _gauge(
            "rows",
            "Rows of the prediction log in the window.",
            ["version"],
            (([each["version"]], each["rows"]) for each in versions),
        )
        yield _gauge(
            "verdict",
            "1 for what a check of the window came to: ok, breach or inconclusive.",
            ["version", "check", "verdict"],
            (
                ([each["version"], name, given], check["verdict"] == given)
                for each in versions
                for name, check in each["checks"].items()
                for given in (verdicts.OK, verdicts.BREACH, verdicts.INCONCLUSIVE)
            ),
        )
        yield _gauge(
            "field_drift",
            "Population stability index of a field over the window, beyond chance.",
            of_field,
            (([*key], field["drift"]) for key, field in _fields(versions)),
        )
        yield _gauge(
            "field_problem_ratio",
            "Share of a field's values, beyond training's, that are missing, out of range or"
            " unseen.",
            [*of_field, "problem"],
            (
                ([*key, problem], share)
                for key, field in _fields(versions)
                for problem, share in field["problems"].items()
            ),
        )
        yield from _quality([each for each in versions if each["quality"] is not None])


def _quality(versions: list[dict[str, Any]]) -> Iterator[GaugeMetricFamily]:
    def told(key: str) -> Iterator[tuple[list[str], float]]:
        return (([each["version"]], each["quality"][key]) for each in versions)

    yield _gauge(
        "labelled_rows", "Logged rows whose label has come.", ["version"], told("labelled")
    )
    yield _gauge(
        "label_coverage_ratio",
        "Share of logged rows whose label has come.",
        ["version"],
        told("coverage"),
    )
    yield _gauge(
        "quality",
        "A metric of the answers whose label has come.",
        ["version", "metric"],
        (
            ([each["version"], name], value)
            for each in versions
            for name, value in each["quality"]["metrics"].items()
            if value is not None
        ),
    )
    yield _gauge(
        "quality_baseline",
        "The metric in the evaluation of the promoted version.",
        ["version", "metric"],
        (
            ([each["version"], each["quality"]["metric"]], each["quality"]["baseline"])
            for each in versions
            if each["quality"]["baseline"] is not None
        ),
    )
    yield _gauge(
        "slice_quality",
        "The judged metric of a group of rows.",
        ["version", "metric", "slice", "group"],
        (
            ([each["version"], each["quality"]["metric"], sliced["column"], name], group["value"])
            for each in versions
            for sliced in each["quality"]["slices"]
            for name, group in sliced["groups"].items()
        ),
    )


def _fields(versions: list[dict[str, Any]]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    for each in versions:
        for field in each["fields"]:
            yield [each["version"], field["side"], field["field"]], field


def _gauge(
    name: str, says: str, labels: list[str], samples: Iterable[tuple[list[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"drift_monitor_{name}", says, labels=labels)
    for values, number in samples:
        family.add_metric(values, float(number))
    return family


def _end(report: dict[str, Any] | None) -> float:
    if report is None:
        return 0.0
    day = datetime.fromisoformat(report["window"]["last"]).date() + timedelta(days=1)
    return datetime.combine(day, time(), UTC).timestamp()
