"""Cost and quota as the reports show them: rows of text that each format sets in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stanchion_cli.estimate import Estimate, Line

COST_COLUMNS = ("", "of", "floor $/h", "ceiling $/h", "floor $/month", "ceiling $/month")
QUOTA_COLUMNS = ("quota", "code", "needed", "for")
CHANGE_COLUMNS = ("", "floor $/month", "ceiling $/month")
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table; `emphasis` marks a total, `missing` one without a price."""

    cells: tuple[str, ...]
    emphasis: bool = False
    missing: bool = False


def cost_rows(estimate: Estimate) -> list[Row]:
    """One row per pool and fixed thing, the total last."""
    rows = [_line(line) for line in estimate.lines]
    known = estimate.total
    at_least = "at least " if estimate.unpriced else ""
    cells = (
        "total",
        "",
        at_least + hourly(known.floor_hourly),
        at_least + hourly(known.ceiling_hourly),
        at_least + monthly(known.floor_monthly),
        at_least + monthly(known.ceiling_monthly),
    )
    return [*rows, Row(cells, emphasis=True)]


def cost_notes(estimate: Estimate) -> list[str]:
    """What a reader has to know to use the figures, in order of weight."""
    from stanchion_cli.estimate import NOT_INCLUDED

    prices = estimate.prices
    notes = [f"no price, so not in the total: {line.name} ({line.unknown})"
             for line in estimate.unpriced]  # fmt: skip
    if estimate.uncounted:
        notes.append(f"not counted in the quota needed: {', '.join(estimate.uncounted)}")
    notes += _budget(estimate)
    since = f"{estimate.oldest} to " if estimate.oldest < prices.source.date else ""
    dated = f"an estimate from prices of {since}{prices.source.date} in {prices.region}"
    elsewhere = f"; {estimate.region} differs" if prices.region != estimate.region else ""
    notes.append(dated + elsewhere)
    if estimate.has_spot:
        notes.append(
            f"spot is taken at {estimate.spot_discount:.0%} off the list price, itself an estimate"
        )
    second_hand = [line.name for line in estimate.lines if line.second_hand]
    if second_hand:
        notes.append(f"second-hand prices: {', '.join(second_hand)}")
    notes.append(f"not in it: {', '.join(NOT_INCLUDED)}")
    return notes


def quota_rows(estimate: Estimate) -> list[Row]:
    """One row per quota, with what all pools at their maximum need of it."""
    return [
        Row(
            (
                need.name,
                need.code or "not in the catalogue",
                f"{need.amount} {need.unit}",
                ", ".join(need.pools),
            ),
            missing=need.code is None,
        )
        for need in estimate.quotas
    ]


def change_rows(before: Estimate | None, after: Estimate | None) -> list[Row]:
    """What changes in $ per month, line by line, the total last; empty where nothing does."""
    old = {} if before is None else {line.name: line for line in before.lines}
    new = {} if after is None else {line.name: line for line in after.lines}
    rows = []
    for name in dict.fromkeys([*old, *new]):
        cells = (name, _moved(old.get(name), new.get(name), "floor_monthly"),
                 _moved(old.get(name), new.get(name), "ceiling_monthly"))  # fmt: skip
        if any("→" in cell for cell in cells):
            rows.append(Row(cells))
    if not rows:
        return []
    totals = [None if each is None else each.total for each in (before, after)]
    cells = (
        "total",
        _change(*(0.0 if each is None else each.floor_monthly for each in totals)),
        _change(*(0.0 if each is None else each.ceiling_monthly for each in totals)),
    )
    return [*rows, Row(cells, emphasis=True)]


def hourly(amount: float) -> str:
    """Dollars to the cent."""
    return f"{amount:,.2f}"


def monthly(amount: float) -> str:
    """Whole dollars."""
    return f"{amount:,.0f}"


def _line(line: Line) -> Row:
    if line.cost is None:
        return Row((line.name, line.what, *[_UNKNOWN] * 4), missing=True)
    return Row(
        (
            line.name,
            line.what,
            hourly(line.cost.floor_hourly),
            hourly(line.cost.ceiling_hourly),
            monthly(line.cost.floor_monthly),
            monthly(line.cost.ceiling_monthly),
        )
    )


def _budget(estimate: Estimate) -> list[str]:
    budget, known = estimate.budget_monthly, estimate.total
    if budget is None:
        return []
    said = f"budget: {monthly(budget)} $/month"
    known_part = " of what has a price" if estimate.unpriced else ""
    if known.floor_monthly > budget:
        return [f"{said}, below the floor by {monthly(known.floor_monthly - budget)}"]
    if known.ceiling_monthly > budget:
        return [
            f"{said}, reached at {budget / known.ceiling_monthly:.0%} of the ceiling{known_part}"
        ]
    return [f"{said}, above the ceiling{known_part}"]


def _moved(before: Line | None, after: Line | None, part: str) -> str:
    """One part of a line before and after; a line that is not there costs nothing."""
    amounts = [
        0.0 if line is None else None if line.cost is None else float(getattr(line.cost, part))
        for line in (before, after)
    ]
    return _change(*amounts)


def _change(before: float | None, after: float | None) -> str:
    was, is_ = (_UNKNOWN if each is None else monthly(each) for each in (before, after))
    if was == is_:
        return is_
    if before is None or after is None:
        return f"{was} → {is_}"
    return f"{was} → {is_} ({after - before:+,.0f})"
