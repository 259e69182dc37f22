"""Exemptions: one object that a policy lets be, for a reason, by somebody, until a day.

They are a setting that every policy takes, so they reach the pack as its other settings do, with
`pulumi up --policy-pack-config` too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

KEY = "exemptions"
"""The setting's name."""

_MEANT = {
    "object": "the object as messages name it, `Deployment ml/churn`; the name may hold a `*`",
    "reason": "why it may stay so",
    "owner": "who answers for it",
    "expires": "its last day, as YYYY-MM-DD",
}
_OBJECT = re.compile(r"[^\s*/]+ (?:[^*/]+/)*\**[^\s*/][^/]*")

SCHEMA: dict[str, Any] = {
    "type": "array",
    "description": "Objects that the policy lets be, each until a day.",
    "default": [],
    "items": {
        "type": "object",
        "properties": {key: {"type": "string", "minLength": 1} for key in _MEANT},
        "required": [*_MEANT],
        "additionalProperties": False,
    },
}
"""The setting's JSON schema, which the engine checks a configuration file with."""


@dataclass(frozen=True)
class Exemption:
    """One object that a policy lets be.

    Attributes:
        object: The object as messages name it: `Deployment ml/churn`, `Bucket models`. A `*` in
            the name stands for anything, one in the kind or the namespace is refused.
        reason: Why it may stay so.
        owner: Who answers for it.
        expires: The last day on which it holds, in UTC.
    """

    object: str
    reason: str
    owner: str
    expires: date

    @classmethod
    def read(cls, entry: Any) -> Exemption:
        """An entry of the setting.

        Raises:
            ValueError: It is no exemption; every problem is told.
        """
        problems = [f"{key}: {problem}" if key else problem for key, problem in mistakes(entry)]
        if problems:
            raise ValueError("; ".join(problems))
        texts = {key: str(entry[key]) for key in ("object", "reason", "owner")}
        return cls(**texts, expires=date.fromisoformat(entry["expires"]))

    def covers(self, title: str) -> bool:
        """Whether it is about the object that messages name so."""
        where, _, name = self.object.rpartition("/" if "/" in self.object else " ")
        place, _, found = title.rpartition("/" if "/" in title else " ")
        return where == place and bool(re.fullmatch(re.escape(name).replace(r"\*", ".*"), found))

    def expired(self, today: date | None = None) -> bool:
        """Whether its last day is over, `today` in UTC unless told otherwise."""
        return self.expires < (today or datetime.now(UTC).date())


def mistakes(entry: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with an entry of the setting: the key, empty for the entry, and the problem."""
    if not isinstance(entry, Mapping):
        yield "", f"expected an object with {', '.join(_MEANT)}"
        return
    for key in entry:
        if key not in _MEANT:
            yield str(key), f"no such key; write {', '.join(_MEANT)}"
    for key, meaning in _MEANT.items():
        value = entry.get(key)
        if not isinstance(value, str) or not value.strip():
            yield key, f"is missing; write {meaning}"
        elif (key == "object" and not _OBJECT.fullmatch(value)) or (
            key == "expires" and not _is_day(value)
        ):
            yield key, f"{value!r} is not {meaning}"


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
