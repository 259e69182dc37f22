"""YAML as Kubernetes reads it.

Kubernetes reads YAML 1.1 by way of go-yaml and JSON: `on` is true, `0644` is 420, `12:30` and
`2026-01-31` are text, and keys are text. No parser for Python does just that. Here PyYAML's
scanner, the one that go-yaml was made of, has the last word on what is YAML, with rules of its own
for scalars. A faster parser reads documents that hold nothing in which YAML 1.1 and 1.2 differ,
which are nearly all: docs/decisions/0008-reading-manifests.md has the measurements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml
import yaml12

MAX_VALUES: Final = 1_000_000
"""Values in one document, those that aliases repeat counted each time."""

MAX_DEPTH: Final = 500
"""Collections within each other."""

_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(
        ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True
    ),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE"), False),
    **dict.fromkeys(("off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_INTEGER: Final = re.compile(
    r"[-+]?(?:0[bB][01]+|0[oO][0-7]+|0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)"
)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_OCTAL: Final = re.compile(r"([-+]?)0([0-7]+)")

_DIFFERS: Final = re.compile(
    r"""
    [\n\ \[{,](?=[yYnNoO~&*!<?{0-9.+]|-[0-9.])   # where a plain scalar may begin, and does:
    (?:(?<=[\n\[{,])|(?<=[\n\ :\-?\[{,]\ ))
    (?:
        (?:[yY](?:[eE][sS])?|[nN][oO]?|[oO](?:[nN]|[fF][fF]))[ ]*[\n,\]}:\#]  # words for booleans,
      | [-+]?(?:0[0-9_oObBxX]|[0-9]+_|[0-9]{19})  # numbers that are octal, grouped or large,
      | (?:[-+.]*[0-9][^\s:]*|~)[ ]*:\s           # keys that are no text,
      | <<|[&*!]|\?\s|\{\s*[\[{]                 # merges, references, tags, keys of any kind,
    )
    | \n[ \-?:]{200}                             # and nesting that the fast parser's stack fears
    """,
    re.VERBOSE,
)
_KEYS: Final = (" :", "rue:", "RUE:", "alse:", "ALSE:", "ull:", "ULL:")
"""The ends of keys that may be no text but a boolean or null."""
_BREAKS: Final = ("\x85", "\u2028", "\u2029")


def parse(text: str) -> Any:
    """The value of one document, made of what JSON has; of a repeated key the last one counts.

    Args:
        text: The document, without the lines that separate it from others.

    Raises:
        yaml.YAMLError: It is no YAML that Kubernetes reads, or nested too deeply, or expands to
            more than `MAX_VALUES` values.
    """
    if _is_plain(text):
        try:
            (value,) = yaml12.parse_yaml(text, multi=True)
        except ValueError:
            pass  # the scanner of Kubernetes decides, and says where
        else:
            return value
    node = _composed(text)
    return None if node is None else _Reader().value(node)


def _is_plain(text: str) -> bool:
    """Whether YAML 1.1 and 1.2 read the document alike; False where it is not certain."""
    if "\t" in text or "\r" in text or any(key in text for key in _KEYS):
        return False
    if not text.isascii() and any(mark in text for mark in _BREAKS):
        return False
    if _DIFFERS.search(f"\n{text}\n"):
        return False
    # At the end of a file, the last line of a block has a break of its own or has none.
    return text.endswith("\n") or not ("|" in text or ">" in text)


def _composed(text: str) -> yaml.Node | None:
    """The nodes of a document that is not nested too deeply for the composer's stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_Scanner):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _error(f"it is nested more than {MAX_DEPTH} deep", event)
    return yaml.compose(text, Loader=_Scanner)


def _error(problem: str, where: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=where.start_mark)


class _Scanner(yaml.CSafeLoader):
    """Leaves plain scalars for `_scalar` to read."""

    PLAIN: Final = "plain"

    def resolve(self, kind: type[Any], value: str | None, implicit: Any) -> Any:
        if kind is yaml.ScalarNode and implicit[0]:
            return self.PLAIN
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]


class _Reader:
    """Makes values of nodes."""

    def __init__(self) -> None:
        self._values = 0
        self._within: set[int] = set()

    def value(self, node: yaml.Node) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            raise _error(f"it expands to more than {MAX_VALUES:,} values", node)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if id(node) in self._within:
            raise _error("a value contains itself", node)
        self._within.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item) for item in node.value]
            return dict(self._pairs(node))
        finally:
            self._within.discard(id(node))

    def _pairs(self, node: yaml.Node) -> Iterator[tuple[str, Any]]:
        """The pairs of a mapping, what is merged into it first."""
        merged = [value for key, value in node.value if _merges(key)]
        for value in merged:
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in reversed(sources):
                content = self.value(source)
                if not isinstance(content, dict):
                    raise _error("only a mapping can be merged", source)
                yield from content.items()
        for key, value in node.value:
            if not _merges(key):
                yield _key(key), self.value(value)


def _merges(key: yaml.Node) -> bool:
    return key.tag == _Scanner.PLAIN and key.value == "<<"


def _key(node: yaml.Node) -> str:
    """A key as JSON has it."""
    if not isinstance(node, yaml.ScalarNode):
        raise _error("a key must be text", node)
    found = _scalar(node)
    if isinstance(found, bool):
        return str(found).lower()
    return "null" if found is None else str(found)


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.tag not in {_Scanner.PLAIN, *(f"tag:yaml.org,2002:{name}" for name in _TYPES)}:
        return text
    if text in _WORDS:
        return _WORDS[text]
    digits = text if text[:1] == "." else text.replace("_", "")
    if text[:1] in "+-.0123456789" and _INTEGER.fullmatch(digits):
        return int(_OCTAL.sub(r"\g<1>0o\g<2>", digits) if _OCTAL.fullmatch(digits) else digits, 0)
    if text[:1] in "+-.0123456789" and _FLOAT.fullmatch(digits):
        return float(digits)
    return text


_TYPES: Final = ("bool", "int", "float", "null")
