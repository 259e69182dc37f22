"""Series as the lines of a small picture, and numbers as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stanchion_cli.deploy.prometheus import Series

WIDTH, HEIGHT = 400.0, 120.0
_LOST_SHARE = 0.03
"""A gap longer than this part of the picture is one: nothing is drawn over it."""
_NOTHING = 1e-9
"""Less is what floating numbers leave of nothing."""
_SCALED = (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")
_BINARY = (2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines in a box of `WIDTH` by `HEIGHT`, the origin above on the left.

    Attributes:
        low: Value at the lower edge.
        high: Value at the upper edge.
        lines: Of each series its pieces, as SVG has points.
        marks: Height of each limit that is within the box.
    """

    low: float
    high: float
    lines: tuple[tuple[str, ...], ...]
    marks: tuple[float, ...]


def chart(found: Sequence[Series], start: float, end: float, limits: Sequence[float] = ()) -> Chart:
    """Series between two times, the scale such that all values fit and 0 where it is near."""
    values = [value for each in found for _, value in each.points]
    low, high = min(values, default=0.0), max(values, default=1.0)
    if 0 < low < high or low == high > 0:
        low = 0.0 if low < high / 2 or low == high else low
    if low == high:
        high = low + 1
    span, time = high - low, max(end - start, 1.0)

    def place(when: float, value: float) -> tuple[float, float]:
        return WIDTH * (when - start) / time, HEIGHT * (1 - (value - low) / span)

    lines = []
    for each in found:
        pieces: list[list[tuple[float, float]]] = [[]]
        before = each.points[0][0]
        for when, value in each.points:
            if when - before > time * _LOST_SHARE:
                pieces.append([])
            pieces[-1].append(place(when, value))
            before = when
        lines.append(tuple(_piece(piece) for piece in pieces))
    marks = tuple(place(start, limit)[1] for limit in limits if low <= limit <= high)
    return Chart(low, high, tuple(lines), marks)


def _piece(points: Sequence[tuple[float, float]]) -> str:
    if len(points) == 1:
        # A line of one point would not be seen.
        points = [*points, (points[0][0] + 2, points[0][1])]
    return " ".join(f"{across:.1f},{down:.1f}" for across, down in points)


def figure(value: float, unit: str) -> str:
    """A number with its unit, short.

    Args:
        value: The number.
        unit: By Grafana's name of it: short, percentunit, s, cps, bytes, celsius, watt,
            currencyUSD.
    """
    value = 0.0 if abs(value) < _NOTHING else value
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s":
        return _seconds(value)
    if unit == "bytes":
        return _scaled(value, _BINARY, " ", "B")
    if unit == "celsius":
        return f"{value:.0f} °C"
    if unit == "currencyUSD":
        return f"${value:,.2f}"
    ending = {"cps": "/s", "watt": " W"}.get(unit, "")
    return _scaled(value, _SCALED, "", "") + ending


def _seconds(value: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    return f"{1000 * value:.3g} ms" if value else "0 s"


def _scaled(value: float, scale: Sequence[tuple[float, str]], space: str, none: str) -> str:
    for size, name in scale:
        if abs(value) >= size:
            return f"{value / size:.3g}{space}{name}"
    return f"{value:.3g}{space}{none}".rstrip()
