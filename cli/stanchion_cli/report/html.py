"""The report as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Sequence

from stanchion_cli.report import cost
from stanchion_cli.report.changes import SIGNS
from stanchion_cli.report.graph import picture
from stanchion_cli.report.model import Failure, Report
from stanchion_cli.report.page import templates
from stanchion_cli.report.text import shown


def html(reports: Sequence[Report], failures: Sequence[Failure]) -> str:
    """The whole page. Every name and value is escaped by the template engine."""
    pages = templates()
    pages.filters["shown"] = shown
    template = pages.get_template("report.html.j2")
    return template.render(
        reports=[(report, picture(report)) for report in reports],
        failures=failures,
        failed=bool(failures) or any(report.failed for report in reports),
        judged=all(report.policies_run for report in reports),
        signs=SIGNS,
        cost=cost,
    )
