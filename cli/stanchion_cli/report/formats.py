"""Writes a report in the format asked for."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Final, TextIO

from stanchion_cli.policies.model import Finding
from stanchion_cli.report.changes import Change
from stanchion_cli.report.form import Format
from stanchion_cli.report.indent import indent
from stanchion_cli.report.long_json import Many, dump
from stanchion_cli.report.model import Failure, Node, Report

if TYPE_CHECKING:
    from stanchion_cli.estimate import Estimate

_TOLD: Final = [each.name for each in fields(Finding) if each.name not in {"title", "place"}]


def written(
    form: Format,
    reports: Sequence[Report],
    failures: Sequence[Failure],
    *,
    files: dict[str, str],
    color: bool = False,
) -> str:
    """The report in one format; the arguments are those of `write`."""
    stream = io.StringIO()
    write(form, reports, failures, stream, files=files, color=color)
    return stream.getvalue()


def write(
    form: Format,
    reports: Sequence[Report],
    failures: Sequence[Failure],
    stream: TextIO,
    *,
    files: dict[str, str],
    color: bool = False,
) -> None:
    """Write the report in one format; text, JSON and SARIF one finding after the other.

    Args:
        form: Which.
        reports: The environments that were evaluated.
        failures: Those that were not, and why.
        stream: Where to.
        files: Each environment's configuration file, relative to the project.
        color: Whether text may hold a terminal's colour codes.
    """
    # Each imports what only it needs: the template engine, the terminal library.
    if form is Format.TEXT:
        from stanchion_cli.report.text import write_text

        write_text(reports, failures, stream, color=color)
    elif form is Format.MARKDOWN:
        from stanchion_cli.report.markdown import markdown

        stream.write(markdown(reports, failures))
    elif form is Format.HTML:
        from stanchion_cli.report.html import html

        stream.write(html(reports, failures))
    elif form is Format.SARIF:
        from stanchion_cli.report.sarif import write_sarif

        write_sarif(reports, failures, files, stream)
    else:
        _write_json(reports, failures, stream)


def _write_json(reports: Sequence[Report], failures: Sequence[Failure], stream: TextIO) -> None:
    document = {
        "version": 1,
        "environments": [_environment(report) for report in reports],
        "failures": [asdict(failure) for failure in failures],
    }
    dump(document, stream, indent=indent(reports), ensure_ascii=False)


def _environment(report: Report) -> dict[str, Any]:
    return {
        "environment": report.environment,
        "project": report.project,
        "profile": report.profile,
        "verdict": report.verdict,
        "failed": report.failed,
        "resources": [each for root in report.tree for each in _resources(root, None)],
        "outputs": report.outputs,
        "changes": None if report.changes is None else [_change(each) for each in report.changes],
        "base": report.base or None,
        "baseNote": report.base_note or None,
        "findings": Many(map(_finding, report.findings)),
        "exemptions": [
            {**asdict(use.exemption), "findings": use.findings} for use in report.exemptions
        ],
        "mended": [asdict(mended) for mended in report.mended],
        "problems": [asdict(problem) for problem in report.problems],
        "policies": {"run": report.policies_run, "count": report.policies},
        "unknowns": report.unknowns,
        "skippedHooks": list(report.skipped_hooks),
        "log": [asdict(line) for line in report.log],
        "cost": _cost(report.estimate),
        "costBase": _cost(report.base_estimate),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    # Not by asdict, which copies every text of what may be tens of thousands.
    told = {name: getattr(finding, name) for name in _TOLD}
    told["exemption"] = finding.exemption and asdict(finding.exemption)
    return told if finding.place is None else {**told, **finding.place._asdict()}


def _change(change: Change) -> dict[str, Any]:
    return {**asdict(change), "destructive": change.destructive}


def _cost(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    from stanchion_cli.estimate import as_json

    return as_json(estimate)


def _resources(node: Node, parent: str | None) -> Iterator[dict[str, Any]]:
    yield {
        "urn": node.urn,
        "type": node.type,
        "name": node.name,
        "parent": parent,
        "custom": node.custom,
        "external": node.external,
        "provider": node.provider,
        "inputs": node.inputs,
        "options": node.options,
        "dependencies": list(node.dependencies),
    }
    for child in node.children:
        yield from _resources(child, node.urn)
