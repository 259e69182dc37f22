"""What environment and service files share: strict models, their values, and reading YAML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from stanchion.messages import readable
from stanchion.schedules import is_schedule

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
        self.problems = tuple(readable(problem) for problem in problems)
        super().__init__("\n".join(self.problems))


def together(*checks: Callable[[], Any]) -> list[Any]:
    """What checks that need nothing of each other return, in their order.

    Raises:
        InvalidFileError: with what all of them found, not the first alone.
    """
    results: list[Any] = []
    problems: list[str] = []
    for check in checks:
        try:
            results.append(check())
        except InvalidFileError as error:
            problems += error.problems
    if problems:
        raise InvalidFileError(list(dict.fromkeys(problems)))
    return results


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


def _cpu_quantity(value: str, most: int = 1024) -> str:
    cores = amount(_positive_quantity(value))
    if not value[-1].isdigit() and not value.endswith("m"):
        raise ValueError(f"'{value}' is not an amount of CPU; write cores, as 500m or 2")
    if cores > most:
        raise ValueError(f"'{value}' is more than {most} cores; write cores, as 500m or 2")
    return value


def _dns_label(value: str) -> str:
    if _DNS_LABEL.match(value) is None:
        raise ValueError(
            f"'{value}' is not a Kubernetes name; use lower-case letters, digits and '-', "
            "starting with a letter and ending with a letter or digit"
        )
    return value


def _schedule(value: str) -> str:
    if not is_schedule(value):
        raise ValueError(
            f"'{value}' is no schedule; write cron's five fields (minute, hour, day, month, day of "
            "the week) in UTC, as 17 2 * * *"
        )
    return value


Schedule = Annotated[str, AfterValidator(_schedule)]
"""When, as cron tells it, in UTC."""
Memory = Annotated[str, AfterValidator(_memory_quantity)]
Cpu = Annotated[str, AfterValidator(_cpu_quantity)]
"""Of one container."""
CpuSum = Annotated[str, AfterValidator(partial(_cpu_quantity, most=1_000_000))]
"""Of many containers together."""


Label = Annotated[str, Field(min_length=1, max_length=63, pattern=LABEL_VALUE)]
"""Text that becomes a Kubernetes label's value."""


Name = Annotated[str, Field(min_length=1, max_length=63), AfterValidator(_dns_label)]
"""A Kubernetes name."""
ShortName = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_dns_label)]
"""A Kubernetes name that leaves room for the suffixes we add."""


Environments = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
"""Names of environments, as their files have them: `stacks/Pulumi.<name>.yaml`."""


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


def read_yaml_file(path: Path) -> Mapping[str, Any]:
    """Parse a file that must be a mapping.

    Raises:
        InvalidFileError: when it cannot be read, or naming what is malformed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFileError(
            [f"{path.name}: cannot be read: {error}; replace the file"]
        ) from None
    return read_yaml_mapping(text, where=path.name)
