"""Writes a report in the format asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from stanchion_cli.policies.model import Finding
from stanchion_cli.report.changes import Change
from stanchion_cli.report.form import Format
from stanchion_cli.report.indent import indent
from stanchion_cli.report.model import Failure, Node, Report

if TYPE_CHECKING:
    from stanchion_cli.estimate import Estimate


def written(
    form: Format,
    reports: Sequence[Report],
    failures: Sequence[Failure],
    *,
    files: dict[str, str],
    color: bool = False,
) -> str:
    """The report in one format.

    Args:
        form: Which.
        reports: The environments that were evaluated.
        failures: Those that were not, and why.
        files: Each environment's configuration file, relative to the project.
        color: Whether text may hold a terminal's colour codes.
    """
    # Each imports what only it needs: the template engine, the terminal library.
    if form is Format.TEXT:
        from stanchion_cli.report.text import text

        return text(reports, failures, color=color)
    if form is Format.MARKDOWN:
        from stanchion_cli.report.markdown import markdown

        return markdown(reports, failures)
    if form is Format.HTML:
        from stanchion_cli.report.html import html

        return html(reports, failures)
    if form is Format.SARIF:
        from stanchion_cli.report.sarif import sarif

        return sarif(reports, failures, files)
    return _json(reports, failures)


def _json(reports: Sequence[Report], failures: Sequence[Failure]) -> str:
    document = {
        "version": 1,
        "environments": [_environment(report) for report in reports],
        "failures": [asdict(failure) for failure in failures],
    }
    return json.dumps(document, indent=indent(reports), ensure_ascii=False) + "\n"


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
        "findings": [_finding(report, finding) for finding in report.findings],
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


def _finding(report: Report, finding: Finding) -> dict[str, Any]:
    place = report.places.get(finding.urn)
    # Not by asdict, which copies every text of what may be tens of thousands.
    told = {each.name: getattr(finding, each.name) for each in fields(finding)}
    told["exemption"] = finding.exemption and asdict(finding.exemption)
    return told if place is None else {**told, **place._asdict()}


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
