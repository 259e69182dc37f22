"""The report for a pull request comment: short first, details folded."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from stanchion_cli.policies.model import Finding
from stanchion_cli.report import cost
from stanchion_cli.report.changes import SIGNS, PropertyChange
from stanchion_cli.report.model import Failure, Node, Report
from stanchion_cli.report.text import headline, shown

if TYPE_CHECKING:
    from stanchion_cli.estimate import Estimate

_LIMIT = 65_000
"""A comment on a forge may hold 65,536 characters."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~&-])")
_LINES = 400


def markdown(reports: Sequence[Report], failures: Sequence[Failure]) -> str:
    """The whole comment, cut with a note where a comment could not hold it."""
    parts = ["## Preview", "", *_summary(reports, failures)]
    for report in reports:
        parts += _environment(report)
    text = "\n".join(parts) + "\n"
    if len(text) <= _LIMIT:
        return text
    note = "\n\n…cut here: the comment would be too long. The HTML report holds all of it.\n"
    return text[: _LIMIT - len(note)] + note


def _summary(reports: Sequence[Report], failures: Sequence[Failure]) -> Iterable[str]:
    yield "| environment | resources | changes | $/month, floor to ceiling | verdict |"
    yield "| --- | ---: | --- | --- | --- |"
    for report in reports:
        mark = "❌" if report.failed else "✅"
        custom = sum(node.custom for node in report.nodes)
        yield (
            f"| {_plain(report.environment)} | {custom} | {_counted(report)} "
            f"| {_plain(_priced(report))} | {mark} {_plain(report.verdict)} |"
        )
    for failure in failures:
        yield f"| {_plain(failure.environment)} | | | | ❌ {_plain(failure.message)} |"


def _counted(report: Report) -> str:
    if report.changes is None:
        return _plain(report.base_note) if report.base_note else "not compared"
    actions = [change.action for change in report.changes]
    said = [f"{sign}{actions.count(a)}" for a, sign in SIGNS.items() if a in actions]
    return " ".join(said) or "none"


def _priced(report: Report) -> str:
    now, before = _span(report.estimate), _span(report.base_estimate)
    return f"{now or 'nothing'} (was {before})" if before and before != now else now


def _span(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    known = estimate.total
    least = "at least " if estimate.unpriced else ""
    return f"{least}{cost.monthly(known.floor_monthly)} to {cost.monthly(known.ceiling_monthly)}"


def _environment(report: Report) -> Iterable[str]:
    yield from ("", f"### {_plain(report.environment)}", "")
    yield from _destroyed(report)
    yield from _cost(report)
    if report.changes:
        yield from ("<details open><summary>Changes</summary>", "", "```diff")
        signs = {"add": "+", "remove": "-", "change": "!", "replace": "-"}
        lines = []
        for change in report.changes:
            lines.append(f"{signs[change.action]} {headline(change)[2:]}")
            lines += _properties(change.properties)
        yield from (_fenced(line) for line in lines[:_LINES])
        if len(lines) > _LINES:
            yield f"… {len(lines) - _LINES} more lines"
        yield from ("```", "", "</details>", "")
    yield from _listed("Type problems", map(str, report.problems))
    yield from _listed(
        "Warnings", (line.message for line in report.log if line.severity == "warning")
    )
    for title, found in (
        ("Mandatory violations", report.mandatory),
        ("Advisory findings", report.advisory),
        ("Undecided checks", report.undecided),
    ):
        yield from _findings(report, title, found)
    yield from _exemptions(report)
    yield from _mended(report)
    yield from ("<details><summary>Resources</summary>", "")
    for root in report.tree:
        yield from _branch(root, 0)
    yield from ("", "</details>", "")


def _destroyed(report: Report) -> Iterable[str]:
    """What takes data away comes first, for a reader who reads no further."""
    lost = [change for change in report.changes or () if change.destructive]
    if lost:
        yield from ("> [!CAUTION]", "> Replaced or removed, and what becomes of what they hold:")
        yield from (f"> - {_plain(headline(change)[2:])}" for change in lost)
        yield ""


def _cost(report: Report) -> Iterable[str]:
    found = report.estimate
    if report.changes is not None:
        moved = cost.change_rows(report.base_estimate, found)
        if moved:
            yield from (f"**Cost against {_plain(report.base)}**", "")
            yield from _table(cost.CHANGE_COLUMNS, moved, 2)
    if found is None:
        return
    yield f"<details><summary>Cost in {_plain(found.cloud)} {_plain(found.region)}</summary>"
    yield ""
    yield from _table(cost.COST_COLUMNS, cost.cost_rows(found), 4)
    yield from (f"- {_plain(note)}" for note in cost.cost_notes(found))
    yield from ("", "</details>", "")
    if found.quotas:
        yield f"<details><summary>Quota needed in {_plain(found.region)}</summary>"
        yield ""
        yield from _table(cost.QUOTA_COLUMNS, cost.quota_rows(found), 0)
        yield from ("</details>", "")


def _table(columns: Sequence[str], rows: Sequence[cost.Row], figures: int) -> Iterable[str]:
    """A table whose last `figures` columns are aligned as numbers."""
    texts = len(columns) - figures
    yield f"| {' | '.join(map(_plain, columns))} |"
    yield f"| {' | '.join(['---'] * texts + ['---:'] * figures)} |"
    for row in rows:
        cells = [f"**{_plain(c)}**" if row.emphasis and c else _plain(c) for c in row.cells]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _listed(title: str, lines: Iterable[str]) -> Iterable[str]:
    told = [f"- {_plain(line)}" for line in lines]
    if told:
        yield from (f"**{title}**", "", *told, "")


def _findings(report: Report, title: str, found: Collection[Finding]) -> Iterable[str]:
    if not found:
        return
    unfolded = " open" if title.startswith("Mandatory") else ""
    yield f"<details{unfolded}><summary>{title} ({len(found)})</summary>"
    yield from ("", "| policy | severity | object | message |", "| --- | --- | --- | --- |")
    for finding in found:
        name = _plain(finding.policy)
        policy = f"[{name}]({finding.url})" if _is_link(finding.url) else name
        about = _plain(report.title(finding.urn)) if finding.urn else "stack"
        yield f"| {policy} | {finding.severity} | {about} | {_plain(report.message(finding))} |"
    yield from ("", "</details>", "")


def _exemptions(report: Report) -> Iterable[str]:
    if not report.exemptions:
        return
    yield f"<details><summary>Exemptions ({len(report.exemptions)})</summary>"
    yield from ("", "| policy | object | until | owner | reason | |")
    yield "| --- | --- | --- | --- | --- | --- |"
    for use in report.exemptions:
        found = use.exemption
        cells = (
            found.policy,
            found.object,
            found.expires,
            found.owner,
            found.reason,
            use.effect,
        )
        yield f"| {' | '.join(map(_plain, cells))} |"
    yield from ("", "</details>", "")


def _mended(report: Report) -> Iterable[str]:
    if not report.mended:
        return
    yield f"<details><summary>Mended by policies ({len(report.mended)})</summary>"
    yield from ("", "```diff")
    for mended in report.mended:
        yield _fenced(f"! {mended.policy}: {report.title(mended.urn)}")
        yield from map(_fenced, _properties(mended.properties))
    yield from ("```", "", "</details>", "")


def _properties(found: Iterable[PropertyChange]) -> list[str]:
    return [f"    {item.path}: {shown(item.before)} → {shown(item.after)}" for item in found]


def _branch(node: Node, depth: int) -> Iterable[str]:
    yield f"{'  ' * depth}- {_plain(node.kind)} {_plain(node.title)}"
    for child in node.children:
        yield from _branch(child, depth + 1)


def _is_link(url: str) -> bool:
    return bool(re.fullmatch(r"https?://[^\s()<>]+", url))


def _plain(text: str) -> str:
    """Text that no name can turn into markup, a mention or another table cell."""
    escaped = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return escaped.replace("@", "@\u200b")


def _fenced(line: str) -> str:
    return line.replace("```", "`\u200b``").replace("\n", " ")
