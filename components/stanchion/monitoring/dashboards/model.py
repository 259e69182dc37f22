"""Dashboards as plain data: what each shows and asks, whoever draws it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

ALL = ".*"
"""A variable's value for everything; variables stand in matchers with `=~`."""
_VARIABLE = re.compile(r"\$([a-z]\w*)")
"""And not the $1 of a replacement."""


class Shape(StrEnum):
    """How a panel shows what its queries answer."""

    LINES = "lines"
    """Over time, a line for each series."""
    STAT = "stat"
    """Now, a large number for each series."""
    TABLE = "table"
    """Now, a row for each series with its labels."""


class Unit(StrEnum):
    """What a number counts, by the name that Grafana has for it."""

    COUNT = "short"
    RATIO = "percentunit"
    """0 to 1, shown in percent."""
    SECONDS = "s"
    PER_SECOND = "cps"
    BYTES = "bytes"
    CELSIUS = "celsius"
    WATT = "watt"
    DOLLARS = "currencyUSD"


class Colour(StrEnum):
    """How good a value is."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True)
class Limits:
    """From which value on something is bad.

    Attributes:
        bad: This value and beyond is red.
        warn: Likewise yellow; None: there is no yellow.
        falling: Whether small values are the bad ones.
    """

    bad: float
    warn: float | None = None
    falling: bool = False

    @property
    def steps(self) -> tuple[tuple[float | None, Colour], ...]:
        """Colours with the values from which on each holds, upwards; the first has none."""
        if self.falling:
            middle = self.bad if self.warn is None else self.warn
            yellow = [] if self.warn is None else [(self.bad, Colour.YELLOW)]
            return ((None, Colour.RED), *yellow, (middle, Colour.GREEN))
        yellow = [] if self.warn is None else [(self.warn, Colour.YELLOW)]
        return ((None, Colour.GREEN), *yellow, (self.bad, Colour.RED))

    def colour(self, value: float) -> Colour:
        """The colour of a value."""
        held = [colour for start, colour in self.steps if start is None or value >= start]
        return held[-1]


@dataclass(frozen=True)
class Query:
    """What a panel asks Prometheus.

    Attributes:
        expr: PromQL; `$name` inside a matcher's value is a variable of the dashboard.
        legend: How a series is called, with labels as {{label}}; empty: by all its labels.
    """

    expr: str
    legend: str = ""

    def filled(self, values: Mapping[str, str] | None = None) -> str:
        """The query for some values of the variables; those that are left out mean everything."""
        chosen = values or {}
        return _VARIABLE.sub(lambda name: chosen.get(name[1], ALL), self.expr)

    @property
    def variables(self) -> frozenset[str]:
        """The variables that it has."""
        return frozenset(_VARIABLE.findall(self.expr))


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes:
        title: What it shows.
        description: How to read it, and what to do about it.
        queries: What it asks.
        unit: Of the numbers.
        shape: How they are shown.
        limits: When a value is bad; None: no value is.
    """

    title: str
    description: str
    queries: Sequence[Query]
    unit: Unit = Unit.COUNT
    shape: Shape = Shape.LINES
    limits: Limits | None = None


@dataclass(frozen=True)
class Section:
    """Panels side by side under a heading, four in a line at the most.

    Attributes:
        title: The heading.
        panels: The panels.
    """

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Variable:
    """What a person chooses above the panels, one value or several.

    Attributes:
        name: As queries have it, without $.
        label: As the person sees it.
        metric: Selector of the series whose label has the values.
        of: That label.
    """

    name: str
    label: str
    metric: str
    of: str


@dataclass(frozen=True)
class Dashboard:
    """A page of panels.

    Attributes:
        name: Its name, predictable: in `uid`, files and addresses.
        title: As people see it.
        description: Which questions it answers.
        sections: What it shows, from the top.
        variables: What can be chosen; a later one is offered for the values of those before.
    """

    name: str
    title: str
    description: str
    sections: Sequence[Section]
    variables: Sequence[Variable] = ()

    @property
    def uid(self) -> str:
        """Grafana's name of it, the same in every environment; links hold on to it."""
        return f"stanchion-{self.name}"

    @property
    def panels(self) -> Iterator[Panel]:
        """Every panel, in order."""
        for section in self.sections:
            yield from section.panels

    def path(self, **chosen: str) -> str:
        """Its address below Grafana's own.

        Args:
            chosen: Values of its variables.

        Raises:
            ValueError: It has no such variable.
        """
        unknown = chosen.keys() - {variable.name for variable in self.variables}
        if unknown:
            raise ValueError(f"{self.uid} has no variable {', '.join(sorted(unknown))}")
        asked = urlencode({f"var-{name}": value for name, value in chosen.items()})
        return f"/d/{self.uid}" + (f"?{asked}" if asked else "")


def queries(dashboard: Dashboard, values: Mapping[str, str] | None = None) -> Iterator[str]:
    """Every query of a dashboard as Prometheus takes it, in order.

    Args:
        dashboard: The dashboard.
        values: Of its variables; those that are left out mean everything.
    """
    for panel in dashboard.panels:
        for query in panel.queries:
            yield query.filled(values)


def stat(
    title: str, description: str, expr: str, unit: Unit = Unit.COUNT, limits: Limits | None = None
) -> Panel:
    """A panel of one number."""
    return Panel(title, description, (Query(expr),), unit, Shape.STAT, limits)


def lines(  # noqa: PLR0917  the parts of a panel in the order of every panel
    title: str,
    description: str,
    expr: str,
    legend: str,
    unit: Unit = Unit.COUNT,
    limits: Limits | None = None,
) -> Panel:
    """A panel of one query over time."""
    return Panel(title, description, (Query(expr, legend),), unit, Shape.LINES, limits)


def table(
    title: str, description: str, expr: str, unit: Unit = Unit.COUNT, limits: Limits | None = None
) -> Panel:
    """A panel of one query's series now."""
    return Panel(title, description, (Query(expr),), unit, Shape.TABLE, limits)


def quantiles(metric: str, matching: str, by: str = "") -> tuple[Query, ...]:
    """The median, the 95th and the 99th percentile of a histogram over five minutes.

    Args:
        metric: Its name without a suffix.
        matching: Matchers of its series.
        by: Label to tell lines apart by; empty: one line for each.
    """
    kept, named = (f"le, {by}", f"{{{{{by}}}}} ") if by else ("le", "")
    rate = f"sum by ({kept}) (rate({metric}_bucket{{{matching}}}[5m]))"
    return tuple(
        Query(f"histogram_quantile({share}, {rate})", f"{named}p{round(100 * share)}")
        for share in (0.5, 0.95, 0.99)
    )
