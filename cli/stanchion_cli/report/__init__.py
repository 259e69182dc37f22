"""Reports on previews: what is planned, what changes, what is wrong, for people and for tools."""

from __future__ import annotations

from stanchion_cli.report.formats import Format, written
from stanchion_cli.report.model import Failure, Report, report_on

__all__ = ["Failure", "Format", "Report", "report_on", "written"]
