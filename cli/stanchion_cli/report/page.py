"""Templates of whole HTML pages."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def templates() -> Environment:
    """The templates; every name and value is escaped, and one that is missing is an error."""
    return Environment(
        loader=PackageLoader("stanchion_cli.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
