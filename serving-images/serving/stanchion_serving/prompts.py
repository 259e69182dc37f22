"""Prompts with variables, as MLflow's registry has them: their digest, and how they are filled in.

A prompt is a list of messages; one that is a text is the message of a user. Variables stand in
double braces, as {{ question }}. There are no conditions and no loops: what a prompt does can be
read off it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

Message = dict[str, str]
_VARIABLE: Final = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_KINDS: Final = (str, int, float)


class PromptError(ValueError):
    """A prompt cannot be used, or not be filled in with what is given; names no value of it."""


def messages_of(template: Any) -> list[Message]:
    """A template of the registry as messages.

    Raises:
        PromptError: where it holds anything but texts with their roles.
    """
    if isinstance(template, str):
        return [{"role": "user", "content": template}]
    try:
        found = [{"role": each["role"], "content": each["content"]} for each in template]
    except (TypeError, LookupError):
        found = []
    if not found or not all(isinstance(value, str) for each in found for value in each.values()):
        raise PromptError("holds something else than messages with a role and a text")
    return found


def digest(messages: Sequence[Mapping[str, str]]) -> str:
    """What no other messages have: `sha256:` and 64 hexadecimal digits."""
    parts = [[each["role"], each["content"]] for each in messages]
    written = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(written.encode()).hexdigest()}"


def variables(messages: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """The names of all variables, each once, in the order in which they come."""
    found = (name for each in messages for name in _VARIABLE.findall(each["content"]))
    return tuple(dict.fromkeys(found))


def filled(messages: Sequence[Mapping[str, str]], values: Mapping[str, Any]) -> list[Message]:
    """The messages with their variables filled in; values are never looked into for variables.

    Raises:
        PromptError: where one is missing, one is too many, or one is neither text nor number.
    """
    wanted = variables(messages)
    problems = [
        f"{what}: {', '.join(names)}"
        for what, names in (
            ("missing", [name for name in wanted if name not in values]),
            ("not in the prompt", sorted(set(values) - set(wanted))),
            ("neither text nor number", [k for k, v in values.items() if type(v) not in _KINDS]),
        )
        if names
    ]
    if problems:
        raise PromptError(f"variables {'; '.join(problems)}; it has: {', '.join(wanted) or 'none'}")
    return [
        {
            "role": each["role"],
            "content": _VARIABLE.sub(lambda found: str(values[found[1]]), each["content"]),
        }
        for each in messages
    ]
