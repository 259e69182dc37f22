"""Pydantic's errors as `path: what is wrong; how to fix it` lines, in a file's own notation."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from secret_source import NAMES_SECRET, SecretSource
from stanchion.checks import ArgumentsError
from validation import LABEL_VALUE

_FIELD = re.compile(r"(?<!\w)'[^']*'(?!\w)|\b[a-z]+(?:_[a-z]+)+\b")
"""A name of several words, but for what is quoted: that was given, and is shown as it was."""


def in_the_notation_of_files(text: str, values: Collection[str] = ()) -> str:
    """A component's words with field names as files write them; `values` keep underscores."""

    def written(found: re.Match[str]) -> str:
        given = found[0].startswith("'") or found[0] in values
        return found[0] if given else to_camel(found[0])

    return _FIELD.sub(written, text)


def problems_in_files(check: Callable[[], object], path: Callable[[str], str] = str) -> list[str]:
    """What a component has against its arguments, in the notation of files.

    Args:
        check: Raises it, as `Checks.done` does.
        path: Where a file says what the component takes as a field; by default under its name.
    """
    try:
        check()
    except ArgumentsError as error:
        told = (problem.partition(": ") for problem in error.problems)
        return [in_the_notation_of_files(f"{path(field)}: {reason}") for field, _, reason in told]
    return []


def explain(error: ValidationError, model: type[BaseModel], prefix: str) -> list[str]:
    """Turn pydantic's errors into `path: what is wrong; how to fix it` lines."""
    problems = []
    details = error.errors()
    places = [each["loc"] for each in details]
    for detail in details:
        at = detail["loc"]
        if detail["type"] == "too_short" and any(p[: len(at)] == at != p for p in places):
            continue  # Items that are wrong are not counted, and were told.
        reason = _reason(detail, model)
        # A rule over the whole file names its fields itself.
        whole = not detail["loc"] and detail["type"] == "value_error"
        problems.append(
            f"{prefix}{reason}" if whole else f"{_path(prefix, detail, model)}: {reason}"
        )
    return problems


def _path(prefix: str, detail: ErrorDetails, model: type[BaseModel]) -> str:
    path = prefix
    steps = [step for step, _, _ in _walk(detail["loc"], model) if step is not None]
    if detail["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        steps.append(_discriminator(detail))
    for part in steps:
        if part == "[key]":  # pydantic's step for a key that is not allowed
            continue
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += part if not path or path.endswith((":", ": ")) else f".{part}"
    return path


def _discriminator(detail: ErrorDetails) -> str:
    """The key by which one of several models is told; pydantic quotes it."""
    return str(detail["ctx"]["discriminator"]).strip("'")


def _reason(detail: ErrorDetails, model: type[BaseModel]) -> str:  # noqa: C901, PLR0911, PLR0912 - a table
    kind, context = detail["type"], detail.get("ctx", {})
    given = "what is written there" if _of_secret(detail["loc"], model) else _shown(detail["input"])
    match kind:
        case "extra_forbidden":
            return f"unknown key; {_nearest(detail['loc'], model)}"
        case "missing":
            return f"is required; add `{detail['loc'][-1]}: …`"
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"{given} is not allowed; write {context['expected']}"
        case "is_instance_of":
            choices = _choices(detail["loc"], model)
            return f"{given} is not allowed; write {choices}"
        case "greater_than_equal" | "greater_than":
            bound = context.get("ge", context.get("gt"))
            sign = "at least" if "ge" in context else "above"
            return f"{given} is too small; write a number {sign} {bound}"
        case "less_than_equal" | "less_than":
            bound = context.get("le", context.get("lt"))
            return f"{given} is too large; write a number of at most {bound}"
        case "string_too_long":
            return f"{given} is too long; use at most {context['max_length']} characters"
        case "string_pattern_mismatch" if context["pattern"] == LABEL_VALUE:
            return (
                f"{given} cannot be a label; use letters, digits, '-', '_' and '.', "
                "starting and ending with a letter or digit"
            )
        case "string_pattern_mismatch":
            return f"{given} has the wrong form; write text that matches {context['pattern']}"
        case "string_too_short" | "too_short":
            return "is empty; write a value or remove the key"
        case "union_tag_invalid":
            return f"'{context['tag']}' is not allowed; write one of {context['expected_tags']}"
        case "union_tag_not_found":
            return f"is required; add `{_discriminator(detail)}: …`"
    wanted = {
        "string_type": "text",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "bool_type": "true or false",
        "tuple_type": "a list (`- item` lines)",
        "list_type": "a list (`- item` lines)",
        "dict_type": "a mapping (`key: value` lines)",
        "model_type": "a mapping (`key: value` lines)",
        "model_attributes_type": "a mapping (`key: value` lines)",
    }.get(kind)
    return (
        f"{given} has the wrong type; write {wanted}"
        if wanted
        else f"{detail['msg']}; given {given}"
    )


def _shown(value: object) -> str:
    """A value small enough for a message; structures are named by their kind only."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _of_secret(location: Sequence[str | int], model: type[BaseModel]) -> bool:
    """Whether a secret is named there, so that what is written may be the secret itself."""
    fields = [field for _, _, field in _walk(location, model)]
    return any(
        NAMES_SECRET in field.metadata or SecretSource in _models_in(field.annotation)
        for field in fields
        if field is not None
    )


def _nearest(location: Sequence[str | int], model: type[BaseModel]) -> str:
    """The keys allowed where an unknown one stands, the likeliest first."""
    allowed = sorted(_keys_at(location[:-1], model))
    close = difflib.get_close_matches(str(location[-1]), allowed, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"allowed here: {', '.join(allowed)}" if allowed else "remove it"


def _keys_at(location: Sequence[str | int], model: type[BaseModel]) -> set[str]:
    found = _models_in(_annotation_at(location, model))
    return set(_fields(found[0])) if found else set()


def _choices(location: Sequence[str | int], model: type[BaseModel]) -> str:
    """The values of the enum at `location`, as a person would write them."""
    kind = next(
        each for each in _parts(_annotation_at(location, model)) if issubclass(each, StrEnum)
    )
    return " or ".join(f"'{member.value}'" for member in kind)


def _annotation_at(location: Sequence[str | int], model: type[BaseModel]) -> Any:
    found: Any = model
    for _, found, _ in _walk(location, model):  # noqa: B007 - the last one is meant
        pass
    return found


def _walk(
    location: Sequence[str | int], model: type[BaseModel]
) -> Iterator[tuple[str | int | None, Any, FieldInfo | None]]:
    """Each step of an error's location, with what is declared there and the field that does so.

    Pydantic names the chosen one of several models as a step of its own, which no file has:
    that step is None.
    """
    current: Any = model
    for part in location:
        models = _models_in(current)
        chosen = next((each for each in models if part in _tags(each)), None)
        if len(models) > 1 and chosen is not None:
            current = chosen
            yield None, current, None
            continue
        field = None
        if get_origin(current) is Mapping:
            current = get_args(current)[1]
        elif models and isinstance(part, str):
            field = _fields(models[0]).get(part)
            current = field.annotation if field else None
        yield part, current, field


def _tags(model: type[BaseModel]) -> tuple[object, ...]:
    """The values of the literals by which a model is told from others."""
    return tuple(
        value
        for field in model.model_fields.values()
        if get_origin(field.annotation) is Literal
        for value in get_args(field.annotation)
    )


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _parts(annotation: Any) -> Iterator[type]:
    """The plain types within an annotation."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    return [each for each in _parts(annotation) if issubclass(each, BaseModel)]
