"""The commands of the runbooks, as somebody who is woken at night would type them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PAGES = sorted((Path(__file__).parents[2] / "docs" / "runbooks").glob("*.md"))
PROGRAMS = frozenset({"kubectl", "promtool", "stanchion"})
WORDS: Mapping[str, str] = {
    "NS": "demo",
    "SERVICE": "wine",
    "TRAINING": "wine-training",
    "MONITOR": "wine-monitor",
    "MODEL": "wine-cultivar",
    "ENV": "local",
    "NODE": "node",
    "POD": "wine-0",
    "NAME": "wine",
    "JOB": "wine-1",
    "VERSION": "1",
}
"""What a page's variables and placeholders stand for."""
SHELL = "console"
"""The language of what is typed."""
_VARIABLE = re.compile(r"\$\{?([A-Z]+)\}?|\b([A-Z]+)\b")
_FENCE = re.compile(r"^ *```(.*)\n((?:.*\n)*?) *```$", re.MULTILINE)
_COMMAND = re.compile(r"^ *\$ ((?:.*\\\n)*.*)$", re.MULTILINE)
_CONTINUED = re.compile(r"\\\n *")
_INLINE = re.compile(r"`((?:kubectl|promtool|stanchion) [^`]+)`")


@dataclass(frozen=True)
class Command:
    """A command of a page.

    Attributes:
        page: Its page's name.
        text: As it is written.
        words: With a value for every variable, up to the first pipe.
    """

    page: str
    text: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        """The program that is called."""
        return self.words[0]

    @property
    def kubectl(self) -> Kubectl:
        """What kubectl is asked for."""
        return Kubectl.of(self.words[1:])


@dataclass(frozen=True)
class Kubectl:
    """A call of kubectl, as far as it names things of the cluster.

    Attributes:
        verb: What it does.
        namespace: Where; empty: nowhere in particular, or everywhere.
        kinds: The kinds of things that it names.
        labels: The selector by which it finds them.
    """

    verb: str
    namespace: str
    kinds: tuple[str, ...]
    labels: Mapping[str, str]

    @classmethod
    def of(cls, words: tuple[str, ...]) -> Kubectl:
        """What the words ask for; flags that it does not know are kubectl's to judge."""
        plain: list[str] = []
        namespace, selector, rest = "", "", list(words)
        takes = {"-n", "--namespace", "-l", "--selector", "-o", "-c", "--field-selector", "-p"}
        while rest:
            word = rest.pop(0)
            if word in takes:
                value = rest.pop(0)
                namespace = value if word in {"-n", "--namespace"} else namespace
                selector = value if word in {"-l", "--selector"} else selector
            elif not word.startswith("-"):
                plain.append(word)
        verb, named = plain[0], plain[1:]
        if verb == "rollout":
            verb, named = f"rollout {named[0]}", named[1:]
        kinds: tuple[str, ...] = ()
        if named and verb not in {"cordon", "drain", "uncordon"}:
            first = named[0].split("/")[0] if "/" in named[0] else named[0]
            kinds = tuple(first.split(",")) if verb != "logs" or "/" in named[0] else ("pods",)
        labels = dict(part.split("=", 1) for part in selector.split(",") if "=" in part)
        return cls(verb, namespace, kinds, labels)


def fences(text: str) -> list[tuple[str, str]]:
    """What stands between fences, with the language that it is said to be in."""
    return _FENCE.findall(text)


def unread(block: str) -> str:
    """What of a block of commands is none: neither typed after a `$` nor going on on a new line."""
    return _COMMAND.sub("", block).strip()


def commands() -> Iterator[Command]:
    """Every call of kubectl, promtool or stanchion in a runbook."""
    for page in PAGES:
        text = page.read_text("utf-8")
        lines = [
            _CONTINUED.sub("", line)
            for language, block in fences(text)
            if language == SHELL
            for line in _COMMAND.findall(block)
        ]
        for line in dict.fromkeys([*lines, *_INLINE.findall(text)]):
            words = tuple(shlex.split(_filled(line.split(" | ")[0].rstrip("& ")), comments=True))
            if words and words[0] in PROGRAMS:
                yield Command(page.stem, line, words)


def _filled(line: str) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return WORDS.get(name, found[0])

    return _VARIABLE.sub(value, line)
