"""The report for a terminal: the tree, the changes, the findings and a verdict."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from stanchion_cli.policies.model import Finding
from stanchion_cli.report import cost
from stanchion_cli.report.changes import SIGNS, Action, Change, PropertyChange
from stanchion_cli.report.exemptions import ExemptionUse
from stanchion_cli.report.model import Failure, Node, Report

_STYLES: dict[Action, str] = {
    "add": "green",
    "change": "yellow",
    "replace": "magenta",
    "remove": "red",
}
_DESTRUCTIVE = "bold white on red"
_VALUE_WIDTH = 60
_WIDTH = 160
"""Columns of what is not written for a terminal of known width."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def write_text(
    reports: Sequence[Report], failures: Sequence[Failure], stream: TextIO, *, color: bool
) -> None:
    """Write the whole text; with terminal colours where `color` says so."""
    console = Console(
        file=stream, force_terminal=color, no_color=not color, width=_WIDTH, soft_wrap=True
    )
    for report in reports:
        _environment(console, report)
    for failure in failures:
        console.print(_text(f"\n{failure.environment}: {failure.message}", style="red"))


def _environment(console: Console, report: Report) -> None:
    profile = f" (profile {report.profile})" if report.profile else ""
    console.print(_text(f"\n{report.environment}{profile}", style="bold"))
    actions = {change.urn: change.action for change in report.changes or ()}
    for root in report.tree:
        console.print(_branch(root, actions))
    if report.changes is not None:
        _changes(console, report, report.changes)
    elif report.base_note:
        console.print(_text(f"\nno comparison with {report.base}: {report.base_note}"))
    _cost(console, report)
    _findings(console, "type problems", report.problems, str, "red")
    describe = _describer(report)
    _findings(console, "mandatory violations", report.mandatory, describe, "red")
    _findings(console, "advisory findings", report.advisory, describe, "yellow")
    refused = report.refused_undecided
    waiting = [finding for finding in report.undecided if finding not in refused]
    _findings(
        console, "undecided, which prod refuses: give the value", refused, describe, "bold red"
    )
    _findings(
        console, "undecided: these met values unknown before deployment", waiting, describe, "cyan"
    )
    _findings(console, "exemptions", report.exemptions, _exemption, "magenta")
    _mended(console, report)
    for line in report.log:
        console.print(_text(f"{line.severity}: {line.message}", style="dim"))
    if report.skipped_hooks:
        console.print(_text(f"hooks not run offline: {', '.join(report.skipped_hooks)}"))
    nodes = report.nodes
    counted = (
        f"{sum(n.custom for n in nodes)} resources, {sum(not n.custom for n in nodes)} components"
        f", {report.unknowns} unknown values"
    )
    asked = f"{report.policies} policies" if report.policies_run else "no policy pack"
    style = "red" if report.failed else "green"
    console.print(
        _text(f"\n{report.environment}: {report.size or counted}, {asked}: ")
        + _text(report.verdict, style=style)
    )


def _branch(node: Node, actions: dict[str, Action]) -> Tree:
    action = actions.get(node.urn)
    label = _text(f"{SIGNS[action]} ", style=_STYLES[action]) if action else Text()
    label += _text(node.kind, style="bold" if not node.custom else "cyan")
    label += _text(f" {node.title}")
    marks = [name for name in ("protect", "retain_on_delete") if node.options.get(name)]
    marks += ["read only"] if node.external else []
    if marks:
        label += _text(f"  [{', '.join(marks).replace('_', ' ')}]", style="dim")
    tree = Tree(label, guide_style="dim")
    for child in node.children:
        tree.children.append(_branch(child, actions))
    return tree


def _changes(console: Console, report: Report, found: Iterable[Change]) -> None:
    console.print(_text(f"\nchanges against {report.base}", style="bold"))
    listed = list(found)
    if not listed:
        console.print("  none")
    for change in listed:
        style = _DESTRUCTIVE if change.destructive else _STYLES[change.action]
        console.print(_text(f"  {headline(change)}", style=style))
        _properties(console, change.properties)


def _findings(
    console: Console, title: str, items: Collection[Any], describe: Any, style: str
) -> None:
    if not items:
        return
    console.print(_text(f"\n{title} ({len(items)})", style=f"bold {style}"))
    for item in items:  # there may be tens of thousands, which the console would take long for
        console.file.write(f"  {_plain(describe(item))}\n")


def _exemption(use: ExemptionUse) -> str:
    found = use.exemption
    return (
        f"{found.policy}: {found.object} until {found.expires}, {found.owner}: {found.reason} "
        f"({use.effect})"
    )


def _mended(console: Console, report: Report) -> None:
    if not report.mended:
        return
    console.print(_text(f"\nmended by policies ({len(report.mended)})", style="bold green"))
    for mended in report.mended:
        console.print(_text(f"  {mended.policy}: {report.title(mended.urn)}"))
        _properties(console, mended.properties)


def _properties(console: Console, found: Iterable[PropertyChange]) -> None:
    for item in found:
        console.print(_text(f"      {item.path}: {shown(item.before)} → {shown(item.after)}"))


def _describer(report: Report) -> Any:
    def describe(finding: Finding) -> str:
        about = f"{report.about(finding)}: " if finding.urn else ""
        line = f"{finding.policy} [{finding.severity}] {about}{report.message(finding)}"
        return f"{finding.place}: {line}" if finding.place else line

    return describe


def headline(change: Change) -> str:
    """A change in one line: sign, resource, what replaces it, what becomes of its data."""
    parts = [f"{SIGNS[change.action]} {change.type} {change.title}"]
    if change.was:
        parts.append(f"(was {change.was})")
    if change.replaced_by:
        parts.append(f"(forced by {', '.join(change.replaced_by)})")
    line = " ".join(parts)
    return f"{line}: {change.warning}" if change.warning else line


def _cost(console: Console, report: Report) -> None:
    if report.changes is not None:
        moved = cost.change_rows(report.base_estimate, report.estimate)
        if moved:
            console.print(_text(f"\ncost against {report.base}", style="bold"))
            console.print(table(cost.CHANGE_COLUMNS, moved, 2))
    if report.estimate is None:
        return
    found = report.estimate
    console.print(_text(f"\ncost in {found.cloud} {found.region}", style="bold"))
    console.print(table(cost.COST_COLUMNS, cost.cost_rows(found), 4))
    for note in cost.cost_notes(found):
        console.print(_text(f"  {note}", style="dim"))
    if found.quotas:
        console.print(_text(f"\nquota needed in {found.region}", style="bold"))
        console.print(table(cost.QUOTA_COLUMNS, cost.quota_rows(found), 0))


def table(columns: Sequence[str], rows: Sequence[cost.Row], figures: int) -> Table:
    """A table whose last `figures` columns are aligned as numbers."""
    made = Table(box=None, pad_edge=True, padding=(0, 2))
    for index, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if index >= len(columns) - figures else "left"
        made.add_column(column, justify=justify, overflow="fold")
    for row in rows:
        style = "bold" if row.emphasis else "yellow" if row.missing else ""
        made.add_row(*(_text(cell) for cell in row.cells), style=style)
    return made


def shown(value: Any, width: int = _VALUE_WIDTH) -> str:
    """A value in one line; `(none)` for one that is not there."""
    if value is None:
        return "(none)"
    line = value if isinstance(value, str) else repr(value)
    line = line.replace("\n", "⏎")
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _text(value: str, style: str = "") -> Text:
    """Styled text in which no name can move the cursor or set the terminal's title."""
    return Text(_plain(value), style=style)


def _plain(value: str) -> str:
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)
