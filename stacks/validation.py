"""What environment and service files share: strict models and errors that teach."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

MAX_FILE_BYTES = 1024 * 1024
LABEL_VALUE = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"


class Strict(BaseModel):
    """A frozen model whose keys are camelCase and where an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_name=False,
        use_attribute_docstrings=True,
    )


class InvalidFileError(Exception):
    """Everything wrong with the files of an environment, one `path: wrong; fix` each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


_SUFFIXES: dict[str, Decimal | int] = {
    "": 1, "m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
_QUANTITY = re.compile(r"^(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")
_DNS_LABEL = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")


def amount(quantity: str) -> Decimal:
    """The number a Kubernetes quantity stands for: `500m` is 0.5, `1Gi` is 1073741824."""
    match = _QUANTITY.match(quantity)
    if match is None:
        raise ValueError(quantity)
    return Decimal(match[1]) * _SUFFIXES[match[2] or ""]


def _positive_quantity(value: str) -> str:
    if _QUANTITY.match(value) is None or amount(value) <= 0:
        raise ValueError(
            f"'{value}' is not a positive quantity; write a number with an optional unit, "
            "as 500m, 2, 512Mi or 10Gi"
        )
    return value


def _memory_quantity(value: str) -> str:
    if amount(_positive_quantity(value)) < 2**20:
        raise ValueError(f"'{value}' is less than 1Mi; write bytes with a unit, as 512Mi or 2Gi")
    return value


def _cpu_quantity(value: str) -> str:
    cores = amount(_positive_quantity(value))
    if not value[-1].isdigit() and not value.endswith("m"):
        raise ValueError(f"'{value}' is not an amount of CPU; write cores, as 500m or 2")
    if cores > 1024:
        raise ValueError(f"'{value}' is more than 1024 cores; write cores, as 500m or 2")
    return value


def _dns_label(value: str) -> str:
    if _DNS_LABEL.match(value) is None:
        raise ValueError(
            f"'{value}' is not a Kubernetes name; use lower-case letters, digits and '-', "
            "starting with a letter and ending with a letter or digit"
        )
    return value


Memory = Annotated[str, AfterValidator(_memory_quantity)]
Cpu = Annotated[str, AfterValidator(_cpu_quantity)]


Label = Annotated[str, Field(min_length=1, max_length=63, pattern=LABEL_VALUE)]
"""Text that becomes a Kubernetes label's value."""


Name = Annotated[str, Field(min_length=1, max_length=63), AfterValidator(_dns_label)]
"""A Kubernetes name."""
ShortName = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_dns_label)]
"""A Kubernetes name that leaves room for the suffixes we add."""


def by_value(kind: type[StrEnum]) -> BeforeValidator:
    """Lets a file write an enum by its value; everything else is left to strict checks."""
    members = {member.value: member for member in kind}
    return BeforeValidator(
        lambda value: members.get(value, value) if isinstance(value, str) else value
    )


def as_tuples(value: Any) -> Any:
    """Lists as tuples, which is what strict validation of an immutable model accepts."""
    if isinstance(value, list):
        return tuple(as_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: as_tuples(item) for key, item in value.items()}
    return value


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key written twice, where YAML libraries silently keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key '{key.value}' is written twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_yaml_mapping(text: str, *, where: str) -> Mapping[str, Any]:
    """Parse one YAML document that must be a mapping.

    Raises:
        InvalidFileError: naming the line and column of what is malformed.
    """
    if len(text.encode()) > MAX_FILE_BYTES:
        raise InvalidFileError(
            [f"{where}: larger than 1 MiB; this is not a file written for people"]
        )
    try:
        data = yaml.load(text, _UniqueKeyLoader)  # noqa: S506 - derived from SafeLoader
    except RecursionError:
        raise InvalidFileError([f"{where}: nested too deeply; write it flatter"]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise InvalidFileError(
            [f"{where}{at}: not valid YAML: {error.problem}; correct that line"]
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidFileError([f"{where}: not valid YAML: {reason}; correct the file"]) from None
    if not isinstance(data, dict):
        kind = "empty" if data is None else f"a {type(data).__name__}"
        raise InvalidFileError([f"{where}: is {kind}, not a mapping; write `key: value` lines"])
    return data


def explain(error: ValidationError, model: type[BaseModel], prefix: str) -> list[str]:
    """Turn pydantic's errors into `path: what is wrong; how to fix it` lines."""
    problems = []
    for detail in error.errors():
        reason = _reason(detail, model)
        # A rule over the whole file names its fields itself.
        whole = not detail["loc"] and detail["type"] == "value_error"
        problems.append(
            f"{prefix}{reason}" if whole else f"{_path(prefix, detail, model)}: {reason}"
        )
    return problems


def _path(prefix: str, detail: ErrorDetails, model: type[BaseModel]) -> str:
    path = prefix
    steps = [step for step, _ in _walk(detail["loc"], model) if step is not None]
    if detail["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        steps.append(_discriminator(detail))
    for part in steps:
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
    given = _shown(detail["input"])
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
    for _, found in _walk(location, model):  # noqa: B007 - the last one is meant
        pass
    return found


def _walk(
    location: Sequence[str | int], model: type[BaseModel]
) -> Iterator[tuple[str | int | None, Any]]:
    """Each step of an error's location, with what is declared there.

    Pydantic names the chosen one of several models as a step of its own, which no file has:
    that step is None.
    """
    current: Any = model
    for part in location:
        models = _models_in(current)
        chosen = next((each for each in models if part in _tags(each)), None)
        if len(models) > 1 and chosen is not None:
            current = chosen
            yield None, current
            continue
        if get_origin(current) is Mapping:
            current = get_args(current)[1]
        elif models and isinstance(part, str):
            field = _fields(models[0]).get(part)
            current = field.annotation if field else None
        yield part, current


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
