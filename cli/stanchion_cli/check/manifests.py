"""The Kubernetes objects of files, each with the place where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import yaml
from stanchion_cli.check.kubernetes_yaml import parse
from stanchion_cli.report.place import Place

_SEPARATOR: Final = re.compile(r"\n(?:---|\.\.\.)(?=\s|\Z)")
_CONTENT: Final = re.compile(r"^[ \t]*[^\s#%]", re.MULTILINE)
_ITEMS: Final = re.compile(r"^items:[ ]*\n( *)- ", re.MULTILINE)
_SPACE: Final = re.compile(r"\s*")
_JSON: Final = json.JSONDecoder()


class Manifest(NamedTuple):
    """A Kubernetes object as a file has it.

    Attributes:
        place: Where it begins.
        body: The object, its `apiVersion` and `kind` among it, made of what JSON has.
    """

    place: Place
    body: Mapping[str, Any]


class MalformedError(Exception):
    """A file that is not what it is to be.

    Attributes:
        place: Where.
        reason: Which document it is, and what is wrong; never a value that stands there.
    """

    def __init__(self, place: Place, document: int, reason: str) -> None:
        self.place = place
        self.reason = f"document {document}: {reason}"
        super().__init__(f"{place}: {self.reason}")


class _Document(NamedTuple):
    """One document of a file.

    Attributes:
        value: What it holds.
        line: Where it begins.
        items: Where each of its top-level `items` begins, as far as that can be told.
    """

    value: Any
    line: int
    items: Sequence[int] = ()


def manifests(file: str, content: bytes) -> Iterator[Manifest]:
    """The objects of a file, those of a List one by one; what is no object is passed over.

    Args:
        file: Its name, for the places.
        content: Any number of documents of YAML or JSON.

    Raises:
        MalformedError: It is neither.
    """
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        place = Place(file, content.count(b"\n", 0, error.start) + 1)
        raise MalformedError(place, 1, "it is not UTF-8") from None
    for document in _documents(file, text):
        yield from _objects(file, document)


def _objects(file: str, document: _Document) -> Iterator[Manifest]:
    body = document.value
    if not isinstance(body, dict):
        return
    kind, api_version = body.get("kind"), body.get("apiVersion")
    if not (isinstance(kind, str) and isinstance(api_version, str) and kind and api_version):
        return
    items = body.get("items")
    if not (kind.endswith("List") and isinstance(items, list)):
        yield Manifest(Place(file, document.line), body)
        return
    # A typed list need not repeat for each item what it is a list of.
    told = {} if kind == "List" else {"apiVersion": api_version, "kind": kind.removesuffix("List")}
    lines = document.items if len(document.items) == len(items) else [document.line] * len(items)
    for line, item in zip(lines, items, strict=True):
        if isinstance(item, dict):
            yield from _objects(file, _Document(told | item, line))


def _documents(file: str, text: str) -> Iterator[_Document]:
    if file.endswith(".json"):
        yield from _json(file, text)
        return
    if text.lstrip()[:1] == "{":
        try:
            yield from list(_json(file, text))
        except MalformedError:
            pass  # a flow mapping of YAML begins so too
        else:
            return
    yield from _yaml(file, text)


def _yaml(file: str, text: str) -> Iterator[_Document]:
    text = f"\n{text}"  # so that every line has its break before it, and as many are before line n
    starts = [(0, 0), *(match.span() for match in _SEPARATOR.finditer(text)), (len(text), 0)]
    number, line = 0, 0
    for (before, start), (end, _) in pairwise(starts):
        line += text.count("\n", before, start)
        content = _CONTENT.search(text, start, end)
        if content is not None:
            number += 1
            part = text[start : end + 1]
            try:
                value = parse(part)
            except yaml.YAMLError as error:
                raise _malformed(file, line, number, error) from None
            first = line + text.count("\n", start, content.start())
            listed = isinstance(value, dict) and "items" in value
            yield _Document(value, first, _yaml_items(part, line) if listed else ())
        line += text.count("\n", start, end)


def _malformed(file: str, line: int, number: int, error: yaml.YAMLError) -> MalformedError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "it is no YAML"
    return MalformedError(Place(file, line + (mark.line if mark else 0)), number, str(reason))


def _yaml_items(part: str, line: int) -> list[int]:
    """The line of each entry of the top-level block sequence `items`."""
    begin = _ITEMS.search(part)
    if begin is None:
        return []
    entry = re.compile(rf"^{begin[1]}- ", re.MULTILINE)
    return _lines(part, line, (found.start() for found in entry.finditer(part, begin.start(1))))


def _lines(text: str, line: int, places: Iterable[int], start: int = 0) -> list[int]:
    """The lines of ascending places in a text, of which that of `start` is known."""
    lines = []
    for place in places:
        line += text.count("\n", start, place)
        start = place
        lines.append(line)
    return lines


def _json(file: str, text: str) -> Iterator[_Document]:
    at, line, number = _skip(text, 0), 1, 0
    counted = 0
    while at < len(text):
        number += 1
        line += text.count("\n", counted, at)
        counted = at
        try:
            value, end = _JSON.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise MalformedError(Place(file, error.lineno), number, error.msg) from None
        except RecursionError:
            raise MalformedError(Place(file, line), number, "it is nested too deeply") from None
        listed = isinstance(value, dict) and isinstance(value.get("items"), list)
        items = _json_items(text, at) if listed else ()
        yield _Document(value, line, _lines(text, line, items, at))
        at = _skip(text, end)


def _json_items(text: str, at: int) -> Iterator[int]:
    """Where each entry of the array `items` begins, of the valid object that begins at `at`."""
    at = _skip(text, at + 1)
    while text[at] == '"':
        key, at = _JSON.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        if key == "items" and text[at] == "[":
            at = _skip(text, at + 1)
            while text[at] != "]":
                yield at
                at = _after(text, at)
            return
        at = _after(text, at)


def _after(text: str, at: int) -> int:
    """The place after a value, and after the comma where there is one."""
    _, at = _JSON.raw_decode(text, at)
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
