"""The table of policies in the documentation, made from the policies themselves.

`python -m stanchion_policies.reference docs/policies.md` brings the file up to date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stanchion_policies.catalogue import SUBJECTS
from stanchion_policies.rules import Rule, rules_in

ENVIRONMENTS = Path(__file__).parents[1] / "environments"
NAMES = ("dev", "staging", "prod")
BEGIN, END = "<!-- policies: begin -->", "<!-- policies: end -->"


def reference() -> str:
    """A table of all policies, then an entry for each under its subject, as Markdown."""
    lines = [*_table(), ""]
    for subject, module in SUBJECTS.items():
        lines += [f"### {subject}", ""]
        for policy in rules_in(module):
            lines += [*_entry(policy), ""]
    return "\n".join(lines)


def updated(text: str) -> str:
    """`text` with the reference between its two markers.

    Raises:
        ValueError: The text lacks a marker.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the text lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


def _table() -> Iterator[str]:
    """Severity, and the level in each environment."""
    levels = [json.loads((ENVIRONMENTS / f"{name}.json").read_text()) for name in NAMES]
    yield f"| policy | severity | {' | '.join(NAMES)} |"
    yield "| --- " * (2 + len(NAMES)) + "|"
    for module in SUBJECTS.values():
        for policy in rules_in(module):
            cells = [_level(levels_of[policy.name]) for levels_of in levels]
            yield f"| [{policy.name}](#{policy.name}) | {policy.severity} | {' | '.join(cells)} |"


def _level(configured: str | dict[str, Any]) -> str:
    """The level, and the settings that differ from the defaults."""
    if isinstance(configured, str):
        return configured
    settings = {name: value for name, value in configured.items() if name != "enforcementLevel"}
    shown = ", ".join(f"{name}: {json.dumps(value)}" for name, value in settings.items())
    return f"{configured['enforcementLevel']}, {shown}"


def _entry(policy: Rule) -> Iterator[str]:
    marks: list[str] = [policy.severity, *policy.tags]
    if policy.framework is not None:
        framework = policy.framework
        marks.append(f"{framework.name} {framework.version}: {framework.reference}")
    yield f"#### {policy.name}"
    yield ""
    yield f"{policy.description} *({'; '.join(marks)})*"
    yield ""
    yield f"{policy.fix}"
    if policy.settings:
        yield ""
        yield from map(_setting, *zip(*policy.settings.items(), strict=True))


def _setting(name: str, schema: dict[str, Any]) -> str:
    default = json.dumps(schema["default"])
    values = " or ".join(f"`{json.dumps(value)}`" for value in schema.get("enum", ()))
    kind = values or schema["type"]
    return f"- `{name}` ({kind}, default `{default}`): {schema['description']}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(updated(page.read_text()))
