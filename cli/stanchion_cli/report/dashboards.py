"""Dashboards as one page that needs nothing else: no Grafana, no script, no network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from stanchion.monitoring.dashboards import Dashboard, Panel, Query, Shape

from stanchion_cli.deploy.prometheus import Prometheus, Series
from stanchion_cli.report.charts import HEIGHT, WIDTH, Chart, chart, figure
from stanchion_cli.report.page import templates

MOST_LINES, MOST_ROWS = 12, 40
_POINTS = 120
_SHORTEST_STEP = 15.0
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Named:
    """A series as the page shows it.

    Attributes:
        name: What it is called.
        value: Its newest value with the unit.
        colour: How good that is, as green; empty where nothing says so.
        labels: Its labels, for a table.
    """

    name: str
    value: str
    colour: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A panel with its answers.

    Attributes:
        panel: The panel.
        series: What it shows, the largest first; empty where there are no data.
        more: How many series are left out.
        chart: Its lines; None where it has none.
        low: The lower edge's value with the unit.
        high: The upper edge's.
    """

    panel: Panel
    series: tuple[Named, ...]
    more: int = 0
    chart: Chart | None = None
    low: str = ""
    high: str = ""

    @property
    def columns(self) -> list[str]:
        """The labels of a table that are not the same in every row."""
        return sorted({label for each in self.series for label in each.labels})


@dataclass(frozen=True, slots=True)
class Times:
    """From when to when a page shows what was, in seconds since 1970."""

    start: float
    end: float

    @property
    def step(self) -> float:
        """Seconds between points."""
        return max(_SHORTEST_STEP, (self.end - self.start) / _POINTS)


def drawn(panel: Panel, prometheus: Prometheus, times: Times, values: Mapping[str, str]) -> Drawn:
    """Ask for a panel's data.

    Raises:
        StanchionError: Prometheus is out of reach, or refuses a query.
    """
    lines = panel.shape is Shape.LINES
    answers: list[tuple[Query, Series]] = []
    for query in panel.queries:
        asked = query.filled(values)
        found = (
            prometheus.over(asked, times.start, times.end, times.step)
            if lines
            else prometheus.now(asked)
        )
        answers += [(query, each) for each in found]
    answers.sort(key=lambda answer: -answer[1].last)
    shown = answers[: MOST_LINES if lines else MOST_ROWS]
    series = tuple(_named(panel, query, each) for query, each in shown)
    if not lines or not shown:
        return Drawn(panel, series, len(answers) - len(shown))
    limits = [start for start, _ in panel.limits.steps if start is not None] if panel.limits else []
    picture = chart([each for _, each in shown], times.start, times.end, limits)
    low, high = (figure(edge, panel.unit) for edge in (picture.low, picture.high))
    return Drawn(panel, series, len(answers) - len(shown), picture, low, high)


def page(
    environment: str,
    dashboards: Sequence[Dashboard],
    prometheus: Prometheus,
    times: Times,
    values: Mapping[str, str],
) -> str:
    """The whole page. Every name and value is escaped by the template engine.

    Args:
        environment: Its name.
        dashboards: What to show.
        prometheus: Whom to ask.
        times: From when to when.
        values: Of the dashboards' variables; those that are left out mean everything.

    Raises:
        StanchionError: Prometheus is out of reach, or refuses a query.
    """
    shown = [
        (
            dashboard,
            [
                (section, [drawn(panel, prometheus, times, values) for panel in section.panels])
                for section in dashboard.sections
            ],
        )
        for dashboard in dashboards
    ]
    panels = [panel for _, sections in shown for _, several in sections for panel in several]
    return (
        templates()
        .get_template("dashboards.html.j2")
        .render(
            environment=environment,
            dashboards=shown,
            filled=sum(bool(panel.series) for panel in panels),
            panels=len(panels),
            start=_moment(times.start),
            end=_moment(times.end),
            chosen=values,
            width=WIDTH,
            height=HEIGHT,
        )
    )


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _named(panel: Panel, query: Query, series: Series) -> Named:
    labels = {label: text for label, text in series.labels.items() if label != "__name__"}
    if query.legend:
        name = _LABEL.sub(lambda found: labels.get(found[1], ""), query.legend)
    else:
        name = ", ".join(f"{label} {text}" for label, text in sorted(labels.items()))
    colour = str(panel.limits.colour(series.last)) if panel.limits else ""
    return Named(name, figure(series.last, panel.unit), colour, labels)
