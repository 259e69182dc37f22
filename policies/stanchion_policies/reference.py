"""The documentation of the policies, made from the policies themselves.

`python -m stanchion_policies.reference docs/policies.md` brings the tables in that file up to date,
and beside it, in a folder of the same name, a page for each subject. The examples on them are the
policies' own test cases, so it is run in a checkout.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from stanchion_policies.catalogue import SUBJECTS
from stanchion_policies.rules import Rule, page_of, rules_in

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = Path(__file__).parents[1] / "environments"
NAMES = ("dev", "staging", "prod")
BEGIN, END = "<!-- policies: begin -->", "<!-- policies: end -->"


@dataclass(frozen=True)
class Example:
    """What a policy refuses and what it takes.

    Attributes:
        failing: Resources that violate it, as YAML.
        message: What it says of them.
        passing: Resources that do not, as YAML.
        settings: The settings under which that is so, where they are not the defaults.
    """

    failing: str
    message: str
    passing: str
    settings: Mapping[str, Any]


def updated(text: str) -> str:
    """`text` with the tables of all policies between its two markers.

    Raises:
        ValueError: The text lacks a marker.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the text lacks {BEGIN} or {END}")
    tables = "\n".join(_tables())
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def pages(examples: Mapping[str, Example]) -> dict[str, str]:
    """The page of each subject, by its path in the repository.

    Args:
        examples: An example of each policy, by name.
    """
    return {
        page_of(module.__name__): "\n".join(_page(subject, module, examples))
        for subject, module in SUBJECTS.items()
    }


def _levels() -> list[dict[str, Any]]:
    return [json.loads((ENVIRONMENTS / f"{name}.json").read_text()) for name in NAMES]


def _tables() -> Iterator[str]:
    """Severity, and the level in each environment, subject by subject."""
    levels = _levels()
    for subject, module in SUBJECTS.items():
        yield f"### {subject}"
        yield ""
        yield f"| policy | severity | {' | '.join(NAMES)} |"
        yield "| --- " * (2 + len(NAMES)) + "|"
        for policy in rules_in(module):
            cells = [_level(levels_of[policy.name]) for levels_of in levels]
            link = f"[{policy.name}]({policy.url.removeprefix('docs/')})"
            yield f"| {link} | {policy.severity} | {' | '.join(cells)} |"
        yield ""


def _level(configured: str | dict[str, Any]) -> str:
    """The level, and the settings that differ from the defaults."""
    if isinstance(configured, str):
        return configured
    settings = {name: value for name, value in configured.items() if name != "enforcementLevel"}
    shown = ", ".join(f"{name}: {json.dumps(value)}" for name, value in settings.items())
    return f"{configured['enforcementLevel']}, {shown}"


def _page(subject: str, module: ModuleType, examples: Mapping[str, Example]) -> Iterator[str]:
    levels = _levels()
    yield f"# {subject}"
    yield ""
    yield f"{(module.__doc__ or '').strip()}"
    yield ""
    yield "Made from the policies; see [all of them](../policies.md)."
    for policy in rules_in(module):
        yield from ("", f"## {policy.name}", "")
        yield from _entry(policy, [_level(levels_of[policy.name]) for levels_of in levels])
        yield from _shown(examples[policy.name])
    yield ""


def _entry(policy: Rule, levels: list[str]) -> Iterator[str]:
    yield policy.description
    yield ""
    yield f"- Severity: {policy.severity}"
    marks = [*policy.tags]
    if policy.framework is not None:
        framework = policy.framework
        marks.append(f"{framework.name} {framework.version}: {framework.reference}")
    if marks:
        yield f"- Frameworks: {'; '.join(marks)}"
    stated = [f"{name} {level}" for name, level in zip(NAMES, levels, strict=True)]
    yield f"- Levels: {'; '.join(stated)}"
    yield f"- Remediation: {policy.fix}"
    if policy.remedy:
        yield "- The level `remediate` mends it where the object says nothing of it."
    if policy.may_wait:
        yield f"- Undecided, it may wait for the deployment: {policy.may_wait}"
    for name, schema in (policy.settings or {}).items():
        yield _setting(name, schema)


def _setting(name: str, schema: dict[str, Any]) -> str:
    default = json.dumps(schema["default"])
    values = " or ".join(f"`{json.dumps(value)}`" for value in schema.get("enum", ()))
    kind = values or schema["type"]
    return f"- Setting `{name}` ({kind}, default `{default}`): {schema['description']}"


def _shown(example: Example) -> Iterator[str]:
    under = f" under `{json.dumps(dict(example.settings))}`" if example.settings else ""
    yield from ("", f"Fails{under}:", "", "```yaml", example.failing.rstrip(), "```", "")
    yield from ("```text", example.message, "```", "")
    yield from (f"Passes{under}:", "", "```yaml", example.passing.rstrip(), "```")


def _write(index: Path) -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    made = pages(import_module("policies.examples").examples())
    index.write_text(updated(index.read_text()))
    folder = index.with_suffix("")
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.md"):
        old.unlink()
    for path, text in made.items():
        (folder / Path(path).name).write_text(text)


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
