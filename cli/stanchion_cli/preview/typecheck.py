"""Inputs checked against the provider SDK's own types, nested ones included.

Python's SDKs check none of this: an unknown or misspelt key in a nested dict is sent on as it is
and, at best, refused by the provider much later. Runs in the program's process, where the types
are loaded. Works for any provider whose SDK is generated; unknown values pass, and so do the
insides of custom resources and charts, which have no types.
"""

from __future__ import annotations

import collections.abc
import contextlib
import difflib
import enum
import functools
import importlib
import inspect
import json
import sys
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pulumi
from pulumi import _types
from pulumi.runtime import rpc

_MARKER = rpc.UNKNOWN
_SIGNATURE = rpc._special_sig_key  # constants of the protocol
_SECRET = rpc._special_secret_sig
_PROVIDER = "pulumi:providers:"
_SPECIAL = "a file or resource"
_PLAIN: dict[type, tuple[type, ...]] = {
    bool: (bool,),
    int: (int, float),
    float: (int, float),
    str: (str,),
    dict: (dict,),
    list: (list,),
}


@dataclass(frozen=True, slots=True)
class _Shape:
    """What an input class takes: the type of each property, and those that must be there.

    Attributes:
        properties: Types of the properties.
        required: Those that must be there.
        more: Whether there may be others, of which nothing is known.
    """

    properties: Mapping[str, Any]
    required: frozenset[str]
    more: bool = False


def check(resources: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Problems of every resource, as `{urn, path, reason, fix}`.

    Args:
        resources: `{urn, type, inputs}` each; inputs as on the wire, markers and all.
    """
    problems = []
    for resource in resources:
        shape = _shape_of(resource["type"])
        if shape is None:
            continue
        inputs = resource["inputs"]
        if resource["type"].startswith(_PROVIDER):
            inputs = _decoded(shape, inputs)
        for path, reason, fix in _object(shape, inputs, ""):
            problems.append({"urn": resource["urn"], "path": path, "reason": reason, "fix": fix})
    return problems


def _decoded(shape: _Shape, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A provider's own inputs: SDKs send those that are no strings as JSON texts."""
    decoded = {}
    for key, value in inputs.items():
        text = _revealed(value)
        if isinstance(text, str) and text != _MARKER and shape.properties.get(key) is not str:
            with contextlib.suppress(ValueError):
                value = json.loads(text)  # noqa: PLW2901
        decoded[key] = value
    return decoded


def _object(shape: _Shape, value: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    for key in sorted(shape.required - value.keys()):
        yield f"{path}.{key}".lstrip("."), "is required and missing", "add it"
    for key, item in value.items():
        if key.startswith("__"):  # the SDK's own, such as __defaults
            continue
        if key not in shape.properties:
            near = difflib.get_close_matches(_camel(key), shape.properties, n=1, cutoff=0.6)
            if shape.more and not near:
                continue
            known = ", ".join(sorted(shape.properties)[:12])
            yield (
                f"{path}.{key}".lstrip("."),
                "is no property of this type",
                f"did you mean {near[0]}?" if near else f"known are {known}",
            )
        elif item is not None:
            yield from _value(shape.properties[key], item, f"{path}.{key}".lstrip("."))


def _value(expected: Any, value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    value = _revealed(value)
    expected = _types.unwrap_type(expected)
    if value is None or value == _MARKER or expected in (Any, object):
        return
    if _is_special(value):
        if not _takes_assets(expected):
            yield from _mismatch(expected, _SPECIAL, path)
    elif _is_union(expected):
        yield from _union(typing.get_args(expected), value, path)
    elif typing.get_origin(expected) is not None:
        yield from _generic(typing.get_origin(expected), typing.get_args(expected), value, path)
    elif isinstance(expected, type):
        yield from _class(expected, value, path)


def _generic(
    origin: Any, args: tuple[Any, ...], value: Any, path: str
) -> Iterator[tuple[str, str, str]]:
    if origin is Literal:
        if value not in args:
            yield from _not_one_of(args, value, path)
    elif _is_subclass(origin, Mapping):
        yield from _mapping(args, value, path)
    elif _is_subclass(origin, Sequence):
        yield from _sequence(args, value, path)


def _class(expected: type, value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if _types.is_input_type(expected):
        if isinstance(value, dict):
            yield from _object(_shape(expected), value, path)
        else:
            yield from _mismatch("an object", value, path)
    elif issubclass(expected, enum.Enum):
        yield from ()  # providers accept values newer than the SDK's list
    elif expected in _PLAIN:
        fits = isinstance(value, _PLAIN[expected])
        if fits and expected is int and isinstance(value, float) and not value.is_integer():
            fits = False
        if isinstance(value, bool) and expected is not bool:
            fits = False
        if not fits:
            yield from _mismatch(expected, value, path)


def _is_union(expected: Any) -> bool:
    return typing.get_origin(expected) in (typing.Union, types.UnionType)


def _mapping(args: tuple[Any, ...], value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if not isinstance(value, dict):
        yield from _mismatch("an object", value, path)
        return
    for key, item in value.items():
        yield from _value(args[1] if len(args) == 2 else Any, item, f"{path}[{key!r}]")


def _sequence(args: tuple[Any, ...], value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if not isinstance(value, list):
        yield from _mismatch("a list", value, path)
        return
    for index, item in enumerate(value):
        yield from _value(args[0] if args else Any, item, f"{path}[{index}]")


def _union(args: tuple[Any, ...], value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """No problem where any member fits; else the problems of the member that fits best."""
    best: list[tuple[str, str, str]] | None = None
    for member in args:
        if member is type(None) or _is_plumbing(member):
            continue
        problems = list(_value(member, value, path))
        if not problems:
            return
        if best is None or _depth(problems) > _depth(best):
            best = problems
    yield from best or ()


def _depth(problems: list[tuple[str, str, str]]) -> int:
    return max(path.count(".") + path.count("[") for path, _, _ in problems)


def _is_plumbing(member: Any) -> bool:
    origin = typing.get_origin(member)
    return member is pulumi.Output or origin in (pulumi.Output, collections.abc.Awaitable)


def _mismatch(expected: Any, value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    names: dict[Any, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a string",
    }
    wanted = expected if isinstance(expected, str) else names.get(expected, str(expected))
    held = value if value == _SPECIAL else _kind(value)
    yield path, f"is {held} where {wanted} belongs", ""


def _not_one_of(allowed: tuple[Any, ...], value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    listed = ", ".join(repr(item) for item in allowed)
    shown = "this value" if isinstance(value, dict | list) else repr(value)
    yield path, f"cannot be {shown}", f"write {listed}"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    names: dict[type, str] = {str: "a string", dict: "an object", list: "a list"}
    return names.get(type(value), type(value).__name__)


def _revealed(value: Any) -> Any:
    while isinstance(value, dict) and value.get(_SIGNATURE) == _SECRET:
        value = value.get("value", _MARKER)
    return value if not (isinstance(value, str) and _MARKER in value) else _MARKER


def _is_special(value: Any) -> bool:
    return isinstance(value, dict) and _SIGNATURE in value


def _takes_assets(expected: Any) -> bool:
    members = typing.get_args(expected) or (expected,)
    return any(
        member is Any or (isinstance(member, type) and _is_subclass(member, _ASSETS))
        for member in members
    )


_ASSETS = (pulumi.Asset, pulumi.Archive, pulumi.Resource)


def _is_subclass(candidate: Any, parents: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, parents)


@functools.cache
def _shape_of(token: str) -> _Shape | None:
    """The inputs of a resource type; None where no installed SDK knows the type."""
    found = _resource_class(token)
    if found is None:
        return None
    module = sys.modules[found.__module__]
    for suffix in ("InitArgs", "Args"):
        arguments = getattr(module, found.__name__ + suffix, None)
        if isinstance(arguments, type) and _types.is_input_type(arguments):
            shape = _shape(arguments)
            # A kind may have fields beside `spec`; one that is nearly called so is a slip.
            return replace(shape, more=found.__name__ == "CustomResource")
    return None


def _resource_class(token: str) -> type | None:
    parts = token.split(":")
    package = parts[2] if token.startswith(_PROVIDER) else parts[0]
    module = _sdk(package)
    if module is None:
        return None
    if token.startswith(_PROVIDER):
        return typing.cast("type | None", getattr(module, "Provider", None))
    key = rpc._module_key(package, parts[1]) if len(parts) == 3 else ""
    for registered in rpc._RESOURCE_MODULES.get(key, ()):
        info = getattr(registered, "mod_info", {})
        if token in info.get("classes", {}):
            home = importlib.import_module(info["fqn"])
            return typing.cast("type | None", getattr(home, info["classes"][token], None))
    if package == "kubernetes":  # any other type of its is an object of a custom kind
        home = importlib.import_module(f"{module.__name__}.apiextensions")
        return typing.cast("type | None", getattr(home, "CustomResource", None))
    return None


@functools.cache
def _sdk(package: str) -> Any:
    for name in (f"pulumi_{package.replace('-', '_')}", package.replace("-", "_")):
        if name in sys.modules:
            return sys.modules[name]
    return None


@functools.cache
def _shape(arguments: type) -> _Shape:
    names = _types.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters  # type: ignore[misc]
    required = frozenset(
        names.get(name, name)
        for name, parameter in parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    )
    return _Shape(dict(_types.input_type_types(arguments)), required)


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)
