"""Where alerts lead whoever is told of them: to a runbook, and to the dashboard beside it."""

import re
from typing import NotRequired, TypedDict

from stanchion.checks import Checks

RUNBOOKS = "docs/runbooks"
"""Where the platform's repository has the runbooks."""
RUNBOOKS_EXAMPLE = "https://git.example.com/ml/platform/blob/main/docs/runbooks"
GRAFANA_EXAMPLE = "https://grafana.example.com"
_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~@%+:-]+)*/?")


class AlertLinks(TypedDict):
    """What components whose alerts have a dashboard take of it."""

    runbooks: NotRequired[str]
    grafana_url: NotRequired[str]


def unfit_address(value: str, example: str) -> tuple[str, str] | None:
    """Why no page's name can follow a value, and the fix; None where it is such an address.

    Args:
        value: What is to be one; it is not shown, since it may have a password in it.
        example: One that is.
    """
    if _ADDRESS.fullmatch(value):
        return None
    return "is no address by HTTPS, or has more than host and path in it", f"write one as {example}"


def check_links(check: Checks, runbooks: str | None, grafana_url: str | None = None) -> None:
    """Refuse links that lead nowhere; a folder of the repository is no link.

    Args:
        check: Where it is noted.
        runbooks: Folder or address of the runbooks; None: the default.
        grafana_url: Grafana's address; None: it is not known.
    """
    if runbooks is not None and "://" in runbooks:
        _check_address(check, "runbooks", runbooks, RUNBOOKS_EXAMPLE)
    if grafana_url is not None:
        _check_address(check, "grafana_url", grafana_url, GRAFANA_EXAMPLE)


def _check_address(check: Checks, field: str, value: str, example: str) -> None:
    if unfit := unfit_address(value, example):
        check.refuse(field, *unfit)
