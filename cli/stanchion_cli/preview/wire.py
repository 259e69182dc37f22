"""Values on the wire: protobuf structs with signatures to and from plain Python.

Signatures and the unknown marker are constants of the protocol, the same in every SDK.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value

from stanchion_cli.preview.model import UNKNOWN, Asset, ResourceReference, Secret

UNKNOWN_MARKER = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWN_MARKERS = frozenset(
    {
        UNKNOWN_MARKER,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_ASSET = "c44067f5952c0a294b673a41bacd8c17"
_ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  the protocol's marker, not a secret
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


def to_python(struct: Struct) -> dict[str, Any]:
    """A struct as a plain dict with `UNKNOWN`, `Secret`, `Asset` and `ResourceReference`.

    Output values become what they hold; whole numbers become int, as providers read them.
    """
    return {key: value_to_python(value) for key, value in sorted(struct.fields.items())}


def value_to_python(value: Value) -> Any:  # noqa: PLR0911  one return per kind of value
    """The same for one value."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        # A secret of the configuration is unknown here but a string to the program, which may
        # have put it in the middle of another: then all of that string is unknown.
        return UNKNOWN if _marks_unknown(value.string_value) else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [value_to_python(item) for item in value.list_value.values]
    if kind == "struct_value":
        fields = value.struct_value.fields
        if _SIGNATURE in fields:
            return _special(fields)
        return to_python(value.struct_value)
    return None


def _marks_unknown(text: str) -> bool:
    return text in _UNKNOWN_MARKERS or UNKNOWN_MARKER in text


def _special(fields: Mapping[str, Value]) -> Any:
    signature = fields[_SIGNATURE].string_value
    if signature == _SECRET:
        inner = value_to_python(fields["value"]) if "value" in fields else UNKNOWN
        return inner if isinstance(inner, Secret) else Secret(inner)
    if signature == _OUTPUT:
        held = value_to_python(fields["value"]) if "value" in fields else UNKNOWN
        secret = "secret" in fields and fields["secret"].bool_value
        return Secret(held) if secret and not isinstance(held, Secret) else held
    if signature == _RESOURCE:
        identifier = value_to_python(fields["id"]) if "id" in fields else None
        return ResourceReference(
            fields["urn"].string_value, UNKNOWN if identifier == "" else identifier
        )
    kind: Literal["asset", "archive"] = "archive" if signature == _ARCHIVE else "asset"
    sources: tuple[Literal["text", "path", "uri", "assets"], ...]
    sources = ("text", "path", "uri", "assets")
    for source in sources:
        if source in fields:
            return Asset(kind, source, value_to_python(fields[source]))
    return Asset(kind, "text", UNKNOWN)


def to_struct(properties: Mapping[str, Any]) -> Struct:
    """A plain dict, with the same special values inside, as a struct."""
    struct = Struct()
    for key, item in properties.items():
        struct.fields[key].CopyFrom(to_value(item))
    return struct


def to_value(item: Any) -> Value:  # noqa: C901, PLR0911  one return per kind of value reads best
    """The same for one value; raises TypeError for what the wire cannot carry."""
    if item is None:
        return Value(null_value=NULL_VALUE)
    if item is UNKNOWN:
        return Value(string_value=UNKNOWN_MARKER)
    if isinstance(item, bool):
        return Value(bool_value=item)
    if isinstance(item, int | float):
        return Value(number_value=item)
    if isinstance(item, str):
        return Value(string_value=item)
    if isinstance(item, Secret):
        return _marked(_SECRET, value=item.value)
    if isinstance(item, ResourceReference):
        return _marked(_RESOURCE, urn=item.urn, id=item.id)
    if isinstance(item, Asset):
        signature = _ARCHIVE if item.kind == "archive" else _ASSET
        return _marked(signature, **{item.source: item.content})
    if isinstance(item, Mapping):
        return Value(struct_value=to_struct(item))
    if isinstance(item, list | tuple):
        return Value(list_value=ListValue(values=[to_value(each) for each in item]))
    message = f"cannot send a {type(item).__name__} to the program"
    raise TypeError(message)


def _marked(signature: str, **members: Any) -> Value:
    return Value(struct_value=to_struct({_SIGNATURE: signature, **members}))


def with_dependencies(struct: Struct, dependencies: Mapping[str, Iterable[str]]) -> Struct:
    """Each property as an output value that carries its dependencies: what transforms are given."""
    upgraded = Struct()
    for key, value in struct.fields.items():
        urns = sorted(dependencies.get(key, ()))
        if not urns or _signature(value) == _OUTPUT:
            upgraded.fields[key].CopyFrom(value)
            continue
        held, members = value_to_python(value), {}
        secret = isinstance(held, Secret)
        inner = held.value if isinstance(held, Secret) else held
        if inner is not UNKNOWN:
            members["value"] = inner
        upgraded.fields[key].CopyFrom(_marked(_OUTPUT, **members, secret=secret, dependencies=urns))
    return upgraded


def without_output_values(struct: Struct) -> Struct:
    """Output values as what they hold: the form that providers and policies see."""
    if not _holds_output_value(Value(struct_value=struct)):
        return struct
    return to_struct(to_python(struct))


def dependencies_of(value: Value) -> set[str]:
    """The URNs that output values anywhere inside `value` depend on."""
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return set().union(*(dependencies_of(item) for item in value.list_value.values))
    if kind != "struct_value":
        return set()
    fields = value.struct_value.fields
    found = set().union(*(dependencies_of(item) for item in fields.values()))
    if _signature(value) == _OUTPUT and "dependencies" in fields:
        found |= {item.string_value for item in fields["dependencies"].list_value.values}
    return found


def is_special(value: Value) -> bool:
    """Whether `value` is a secret, an asset or the like rather than a plain object."""
    return bool(_signature(value))


def _signature(value: Value) -> str:
    if value.WhichOneof("kind") != "struct_value":
        return ""
    fields = value.struct_value.fields
    return fields[_SIGNATURE].string_value if _SIGNATURE in fields else ""


def _holds_output_value(value: Value) -> bool:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return any(_holds_output_value(item) for item in value.list_value.values)
    if kind != "struct_value":
        return False
    return _signature(value) == _OUTPUT or any(
        _holds_output_value(item) for item in value.struct_value.fields.values()
    )
