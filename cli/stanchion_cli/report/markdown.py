"""The report for a pull request comment: short first, details folded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from stanchion_cli.policies.model import Finding
from stanchion_cli.report.model import Failure, Node, Report
from stanchion_cli.report.text import shown

_LIMIT = 65_000
"""A comment on a forge may hold 65,536 characters."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~&-])")
_LINES = 400
_SIGNS: dict[Literal["add", "change", "remove"], str] = {"add": "+", "change": "~", "remove": "-"}


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
    yield "| environment | resources | changes | verdict |"
    yield "| --- | ---: | --- | --- |"
    for report in reports:
        mark = "❌" if report.failed else "✅"
        custom = sum(node.custom for node in report.nodes)
        yield (
            f"| {_plain(report.environment)} | {custom} | {_counted(report)} "
            f"| {mark} {_plain(report.verdict)} |"
        )
    for failure in failures:
        yield f"| {_plain(failure.environment)} | | | ❌ {_plain(failure.message)} |"


def _counted(report: Report) -> str:
    if report.changes is None:
        return _plain(report.base_note) if report.base_note else "not compared"
    actions = [change.action for change in report.changes]
    said = [f"{sign}{actions.count(a)}" for a, sign in _SIGNS.items() if a in actions]
    return " ".join(said) or "none"


def _environment(report: Report) -> Iterable[str]:
    yield from ("", f"### {_plain(report.environment)}", "")
    if report.changes:
        yield from ("<details open><summary>Changes</summary>", "", "```diff")
        signs = {"add": "+", "remove": "-", "change": "!"}
        lines = []
        for change in report.changes:
            lines.append(f"{signs[change.action]} {change.type} {change.title}")
            lines += [
                f"    {item.path}: {shown(item.before)} → {shown(item.after)}"
                for item in change.properties
            ]
        yield from (_fenced(line) for line in lines[:_LINES])
        if len(lines) > _LINES:
            yield f"… {len(lines) - _LINES} more lines"
        yield from ("```", "", "</details>", "")
    yield from _problems(report)
    for title, found in (
        ("Mandatory violations", report.mandatory),
        ("Advisory findings", report.advisory),
        ("Undecided checks", report.undecided),
    ):
        yield from _findings(report, title, found)
    yield from ("<details><summary>Resources</summary>", "")
    for root in report.tree:
        yield from _branch(root, 0)
    yield from ("", "</details>", "")


def _problems(report: Report) -> Iterable[str]:
    if report.problems:
        yield from ("**Type problems**", "")
        yield from (f"- {_plain(str(problem))}" for problem in report.problems)
        yield ""


def _findings(report: Report, title: str, found: Sequence[Finding]) -> Iterable[str]:
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
