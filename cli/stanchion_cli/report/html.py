"""The report as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from stanchion_cli.report import cost
from stanchion_cli.report.changes import SIGNS
from stanchion_cli.report.graph import picture
from stanchion_cli.report.model import Failure, Report
from stanchion_cli.report.text import shown


def html(reports: Sequence[Report], failures: Sequence[Failure]) -> str:
    """The whole page. Every name and value is escaped by the template engine."""
    templates = Environment(
        loader=PackageLoader("stanchion_cli.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["shown"] = shown
    template = templates.get_template("report.html.j2")
    return template.render(
        reports=[(report, picture(report)) for report in reports],
        failures=failures,
        failed=bool(failures) or any(report.failed for report in reports),
        judged=all(report.policies_run for report in reports),
        signs=SIGNS,
        cost=cost,
    )
