"""A picture of an environment: what the program composes, in layers, and what depends on what.

Plain data for a template: boxes and curves with their coordinates, so that all escaping stays in
one place.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import ceil

from stanchion_cli.report.model import Node, Report

_BOX_WIDTH, _BOX_HEIGHT = 190, 58
_GAP_X, _GAP_Y, _MARGIN = 26, 64, 16
_PER_ROW = 5
_MOST = 60
_LABEL = 24
_ARROW = 6


@dataclass(frozen=True, slots=True)
class Box:
    """One part: its place, its label, what is in it and its state (`ok`, `warn`, `fail`)."""

    urn: str
    x: int
    y: int
    title: str
    kind: str
    content: str
    state: str


@dataclass(frozen=True, slots=True)
class Edge:
    """An SVG path from a part to one it depends on."""

    path: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything to draw, and how many parts were left out because there are too many."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    left_out: int
    box_width: int = _BOX_WIDTH
    box_height: int = _BOX_HEIGHT


def picture(report: Report) -> Picture:
    """Draw the parts directly below the stack; a part depends on what anything in it depends on."""
    parts = [part for root in report.tree for part in (root.children or (root,))]
    left_out, parts = max(0, len(parts) - _MOST), parts[:_MOST]
    owner = {node.urn: part.urn for part in parts for node in part.walk()}
    needs = {part.urn: _needs(part, owner) for part in parts}
    rows = _rows(parts, needs)
    places: dict[str, tuple[int, int]] = {}
    widest = max((len(row) for row in rows), default=1)
    for index, row in enumerate(rows):
        start = _MARGIN + (widest - len(row)) * (_BOX_WIDTH + _GAP_X) // 2
        for column, part in enumerate(row):
            x = start + column * (_BOX_WIDTH + _GAP_X)
            places[part.urn] = (x, _MARGIN + index * (_BOX_HEIGHT + _GAP_Y))
    states = _states(report, owner)
    boxes = tuple(_box(part, places[part.urn], states.get(part.urn, "ok")) for part in parts)
    edges = tuple(
        Edge(_curve(places[need], places[urn]))
        for urn, found in _direct(needs).items()
        for need in found
    )
    return Picture(
        width=2 * _MARGIN + widest * (_BOX_WIDTH + _GAP_X) - _GAP_X,
        height=2 * _MARGIN + max(len(rows), 1) * (_BOX_HEIGHT + _GAP_Y) - _GAP_Y,
        boxes=boxes,
        edges=edges,
        left_out=left_out,
    )


def _needs(part: Node, owner: dict[str, str]) -> list[str]:
    found = {
        owner[urn]
        for node in part.walk()
        for urn in (*node.dependencies, node.provider or "")
        if urn in owner
    }
    return sorted(found - {part.urn})


def _direct(needs: dict[str, list[str]]) -> dict[str, list[str]]:
    """`needs` without those that another need implies: fewer lines that say the same."""
    behind: dict[str, set[str]] = {}

    def all_behind(urn: str, above: frozenset[str]) -> set[str]:
        if urn not in behind:
            found: set[str] = set()
            for need in needs[urn]:
                if need not in above:
                    found |= {need} | all_behind(need, above | {urn})
            behind[urn] = found
        return behind[urn]

    return {
        urn: [
            need
            for need in found
            if not any(need in all_behind(other, frozenset()) for other in found if other != need)
        ]
        for urn, found in needs.items()
    }


def _rows(parts: list[Node], needs: dict[str, list[str]]) -> list[list[Node]]:
    """Layers by depth, each below all it needs; a layer too wide is broken into rows."""
    depth: dict[str, int] = {}

    def of(urn: str, above: frozenset[str]) -> int:
        if urn not in depth:
            below = [of(need, above | {urn}) for need in needs[urn] if need not in above]
            depth[urn] = 1 + max(below, default=-1)
        return depth[urn]

    layers: dict[int, list[Node]] = {}
    for part in parts:
        layers.setdefault(of(part.urn, frozenset()), []).append(part)
    rows = []
    for _, layer in sorted(layers.items()):
        size = ceil(len(layer) / ceil(len(layer) / _PER_ROW))
        rows += [layer[start : start + size] for start in range(0, len(layer), size)]
    return rows


def _states(report: Report, owner: dict[str, str]) -> dict[str, str]:
    states: dict[str, str] = {}
    for finding in (*report.undecided, *report.advisory):
        states[owner.get(finding.urn, "")] = "warn"
    for urn in (*(f.urn for f in report.mandatory), *(p.urn for p in report.problems)):
        states[owner.get(urn, "")] = "fail"
    return states


def _box(part: Node, place: tuple[int, int], state: str) -> Box:
    inside = Counter(node.kind for node in part.walk() if node.custom and node is not part)
    counted = f"{inside.total()} resource{'s' * (inside.total() != 1)}" if inside else ""
    return Box(part.urn, *place, _short(part.title), _short(part.kind), counted, state)


def _curve(above: tuple[int, int], below: tuple[int, int]) -> str:
    x1, y1 = above[0] + _BOX_WIDTH // 2, above[1] + _BOX_HEIGHT
    x2, y2 = below[0] + _BOX_WIDTH // 2, below[1]
    bend = max(_GAP_Y // 2, (y2 - y1) // 2)
    y2 -= _ARROW
    return f"M{x1},{y1} C{x1},{y1 + bend} {x2},{y2 - bend} {x2},{y2}"


def _short(text: str) -> str:
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"
