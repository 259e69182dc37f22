"""Until when an environment is wanted."""

from __future__ import annotations

import datetime

from stanchion_cli.errors import InputError
from stanchion_cli.preview.config import Project, load_configuration
from stanchion_cli.preview.layers import environment_of

_KEY = "stanchion:expires"


def expiry(project: Project, environment: str) -> datetime.date | None:
    """The last day, in UTC, on which the environment is wanted; None for one that stays.

    All stacks of an environment have the date of its own file. Only the date is
    read here. Whether the environment may have one is its program's to say.

    Raises:
        InputError: when there is no such environment, or its date is none.
    """
    settings = load_configuration(project, environment_of(project, environment))
    text = settings.values.get(_KEY)
    if text is None:
        return None
    try:
        # The engine hands dates over with a time of day, and so does what reads files as it does.
        return datetime.date.fromisoformat(text.removesuffix(" 00:00:00 +0000 UTC"))
    except ValueError:
        raise InputError(
            f"'{text}' is no date",
            where=f"{environment}: {_KEY}",
            fix="write a day, as 2026-12-31",
        ) from None
