"""What the pages say can be followed: links lead somewhere, and commands are there to be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import stanchion
import typer
from stanchion_cli import commands

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("benchmarks/*.md")]
)
PLACES = {path.name for path in ROOT.iterdir() if path.is_dir()}
"""Folders whose files pages name by their paths."""
MADE = frozenset(
    # Written by a user of the platform, or by a command.
    {
        "stacks/services/assistant.yaml",
        "stacks/services/local.lock.yaml",
        "stacks/services/wine-monitor.yaml",
    }
)
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*/[\w.-]*\w(?![\w.]*[<*{])")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _prose(text: str) -> str:
    return _FENCE.sub("", text)


@cache
def _anchors(page: Path) -> frozenset[str]:
    """What a `#` may name on a page, as GitHub makes it of the headings."""
    found: list[str] = []
    for heading in _HEADING.findall(_prose(page.read_text("utf-8"))):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        again = found.count(anchor)
        found.append(f"{anchor}-{again}" if again else anchor)
    return frozenset(found)


def _broken(page: Path) -> Iterator[str]:
    for link in _LINK.findall(_CODE.sub("", _prose(page.read_text("utf-8")))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            yield f"{link}: no such file"
        elif anchor and target.suffix == ".md" and anchor not in _anchors(target):
            yield f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_to_files_and_headings_that_are_there(page: Path) -> None:
    assert list(_broken(page)) == []


def test_a_link_that_leads_nowhere_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# A heading\n")
    page = tmp_path / "page.md"
    page.write_text("[a](gone.md) [b](other.md#heading) [c](other.md#a-heading) [d](#here)\n# Here")
    assert list(_broken(page)) == ["gone.md: no such file", "other.md#heading: no such heading"]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_files_of_the_repository_that_pages_name_are_there(page: Path) -> None:
    named = [
        path
        for code in _CODE.findall(_prose(page.read_text("utf-8")))
        for path in _PATH.findall(code)
        if path.split("/")[0] in PLACES and "." in path.split("/")[-1]
    ]
    missing = [path for path in named if path not in MADE and not (ROOT / path).exists()]
    assert missing == []


@cache
def _command() -> Any:
    app = typer.Typer(name="stanchion")
    commands.register(app)
    return typer.main.get_command(app)


def _calls(text: str) -> Iterator[str]:
    """Calls of the command: lines of examples, and what stands as code within a sentence."""
    for language, block in _FENCE.findall(text):
        prompt = r"^ *\$ (?:uv run )?" if language == "console" else r"^ *(?:uv run )?"
        if language in {"console", "bash", "sh"}:
            yield from re.findall(rf"{prompt}(stanchion .*)$", block, re.MULTILINE)
    yield from re.findall(r"`(?:uv run )?(stanchion [^`\n]+)`", _prose(text))


def _refused(call: str) -> str:
    """What of a call the command has not; a command's arguments are whatever they are."""
    said = re.sub(r"\[[^]]*\]", "", call.split(" | ", maxsplit=1)[0].split(" && ", maxsplit=1)[0])
    words = [word for word in shlex.split(said, comments=True)[1:] if word not in {"…", "&", ">"}]
    command = _command()
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        found = command.commands.get(words[0])
        if found is None:
            return f"{call}: no command {words[0]}"
        command, words = found, words[1:]
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    known.add("--help")
    options = {word.split("=")[0] for word in words if re.match(r"-[-a-z]", word)}
    return f"{call}: no option {', '.join(sorted(options - known))}" if options - known else ""


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_commands_that_pages_show_are_there_with_their_options(page: Path) -> None:
    refused = [told for call in _calls(page.read_text("utf-8")) if (told := _refused(call))]
    assert refused == []


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("stanchion preview prod-aws --pr main", ""),
        ("stanchion dashboards render local -o page.html", ""),
        ("stanchion deploy local", "no command deploy"),
        ("stanchion dashboards show local", "no command show"),
        ("stanchion preview local --quick", "no option --quick"),
    ],
)
def test_a_command_or_an_option_that_is_not_there_is_noticed(call: str, told: str) -> None:
    assert _refused(call).endswith(told)
    assert bool(_refused(call)) is bool(told)


def test_every_target_of_make_that_pages_name_is_there() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        (_name(page), target)
        for page in PAGES
        for target in re.findall(r"(?:`|\$ )make ([\w-]+)", page.read_text("utf-8"))
    }
    assert {each for each in named if each[1] not in targets} == set()
    assert len(named) > 10


def test_every_component_and_kind_of_file_is_on_the_readme_and_on_its_page() -> None:
    page = (ROOT / "docs" / "components.md").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    names = {component.__name__ for component in stanchion.COMPONENTS}
    assert {name for name in names if f"| `{name}` |" not in page} == set()
    # The README names JobQueues by what they are.
    assert {name for name in names if f"`{name}`" not in readme} == {"JobQueues"}
