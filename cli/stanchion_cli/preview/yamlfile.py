"""YAML files read as the engine reads them, with an error a person can act on.

The engine's YAML is version 1.2's core: `yes` and `on` are words, `010` and `1:30` are no octal
and no base-sixty number, and a key given twice is an error.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from stanchion_cli.errors import InputError

MAX_BYTES = 1 << 20
_MAX_NODES = 100_000
_MAX_DEPTH = 100


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the resolvers of the core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  as in the base


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("timestamp", r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ].*)?", "0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(f"^(?:{_pattern})$"),
        [*_first.replace("\0", ""), ""] if "\0" in _first else list(_first),
    )


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(str(loader.construct_scalar(node)).replace("_", ""), 0)


def _construct_timestamp(loader: _Loader, node: yaml.ScalarNode) -> Any:
    """A date or a time; else a text, as what the engine makes of a date in a file that it wrote."""
    if loader.timestamp_regexp.match(str(node.value)) is None:
        return loader.construct_scalar(node)
    return loader.construct_yaml_timestamp(node)


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: set[Hashable] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(
                None, None, "a list or mapping cannot be a key", key_node.start_mark
            )
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is given twice", key_node.start_mark
            )
        seen.add(key)
    loader.flatten_mapping(node)
    return {
        loader.construct_object(key_node, deep=True): loader.construct_object(value, deep=True)
        for key_node, value in node.value
    }


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _construct_timestamp)


def read(path: Path, *, shown: str) -> dict[str, Any]:
    """The mapping at the top of a YAML file; an empty file is an empty mapping.

    Args:
        path: The file.
        shown: How messages name it: its path below the project's root.

    Raises:
        InputError: The file is missing, over one MiB, not UTF-8, not YAML (with line and column),
            holds something other than a mapping, or expands beyond reason.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(
                f"the file is {size / 1024:.0f} KiB and the limit is {MAX_BYTES // 1024} KiB",
                where=shown,
                fix="a configuration lists what differs from the defaults; move data elsewhere",
            )
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"byte {error.start} is not UTF-8", where=shown, fix="save the file as UTF-8"
        ) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=shown) from None
    return parse(text, shown=shown)


def parse(text: str, *, shown: str) -> dict[str, Any]:
    """The same for text already read."""
    try:
        data = yaml.load(text, _Loader)  # noqa: S506  a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{shown}:{mark.line + 1}:{mark.column + 1}" if mark else shown
        raise InputError(
            f"not valid YAML: {error.problem or error.context}",
            where=place,
            fix="correct the file there; the mistake may be a line earlier",
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"not valid YAML: {reason}", where=shown) from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise InputError(
            f"holds a {type(data).__name__}, not a mapping",
            where=shown,
            fix="start with `key: value` lines",
        )
    _count(data, shown, 0, 0)
    return {str(key): value for key, value in data.items()}


def _count(value: Any, shown: str, counted: int, depth: int) -> int:
    """Refuse what aliases blow up: a few hundred bytes can stand for billions of values."""
    counted += 1
    if counted > _MAX_NODES or depth > _MAX_DEPTH:
        raise InputError(
            "expands to too much" if counted > _MAX_NODES else "nested too deeply",
            where=shown,
            fix="replace the YAML aliases by what is meant",
        )
    children = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    )
    for child in children:
        counted = _count(child, shown, counted, depth + 1)
    return counted


def engine_text(moment: datetime.date) -> str:
    """A date as the engine hands it to a program: it parses dates and prints them its own way."""
    if not isinstance(moment, datetime.datetime):
        return f"{moment.isoformat()} 00:00:00 +0000 UTC"
    zone = moment.strftime("%z") or "+0000"
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} {zone} {'UTC' if zone == '+0000' else zone}"
