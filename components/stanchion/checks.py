"""Arguments checked before anything is made, every problem told at once."""

import difflib
import re
import types
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar, cast

import pulumi

from stanchion.messages import readable
from stanchion.names import DNS_LABEL, LABEL_VALUE, LONGEST_LABEL

LONGEST_NAME = 40
"""Leaves room for the suffixes that derived objects add to a name."""
QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")

ArgsT = TypeVar("ArgsT", bound=Mapping[str, Any])


class ArgumentsError(pulumi.RunError):
    """A component's arguments contradict each other or are out of range.

    Ends a program with its text and no stack trace.
    """

    def __init__(self, component: str, name: str, problems: Sequence[str]) -> None:
        self.problems = tuple(readable(problem) for problem in problems)
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"{component} '{name}':{lines}")


class Checks:
    """Collects what is wrong with a component's arguments; `done` raises it together.

    Values that are known only while the engine runs (`pulumi.Output`) are not looked at.
    """

    def __init__(self, component: str, name: str) -> None:
        self._component, self._name = component, name
        self._problems: list[str] = []

    def arguments(self, declared: type[ArgsT], given: ArgsT) -> ArgsT:
        """Hold `given` to the keys and plain types that `declared` names, nested ones too.

        Python ignores an unknown key of a dict in silence, and whole numbers from other
        languages arrive as floats: the first is refused, the second made whole. A whole number
        where any number may stand is one.

        Raises:
            ArgumentsError: at once, since nothing else can be judged on a wrong shape.
        """
        checked = self._shaped(declared, given, "")
        self.done()
        return cast("ArgsT", checked)

    def name(self, field: str, value: str) -> None:
        """A name for objects: a DNS label short enough for the suffixes derived from it."""
        if len(value) > LONGEST_NAME or not DNS_LABEL.fullmatch(value):
            self.refuse(
                field,
                f"'{value}' is no name for Kubernetes objects",
                f"write at most {LONGEST_NAME} lower-case letters, digits and dashes, "
                "beginning with a letter and ending with a letter or digit",
            )

    def label(self, field: str, value: str) -> None:
        """Text that becomes a label value."""
        if len(value) > LONGEST_LABEL or not LABEL_VALUE.fullmatch(value):
            self.refuse(
                field,
                f"'{value}' cannot be a label",
                f"write 1 to {LONGEST_LABEL} letters, digits, '-', '_' or '.', "
                "beginning and ending with a letter or digit",
            )

    def quantity(self, field: str, value: str) -> None:
        """An amount in Kubernetes' notation, as 500m, 2 or 4Gi."""
        if not QUANTITY.fullmatch(value):
            self.refuse(field, f"'{value}' is no amount", "write one as 500m, 2 or 4Gi")

    def between(self, field: str, value: float, low: float, high: float) -> None:
        """A number within its bounds, both included."""
        if not low <= value <= high:
            self.refuse(field, f"{value} is out of range", f"write {low} to {high}")

    def image(self, field: str, value: str) -> None:
        """An image reference that names a version: a tag other than latest, or a digest."""
        tag = value.rpartition("/")[2].partition(":")[2]
        if "@sha256:" not in value and tag in {"", "latest"}:
            self.refuse(field, f"'{value}' names no version", "add a release tag or a digest")

    def unique(self, field: str, values: Sequence[object]) -> None:
        """No value twice."""
        for value in dict.fromkeys(values):
            if values.count(value) > 1:
                self.refuse(field, f"'{value}' is there twice", "remove one")

    def refuse(self, field: str, reason: str, fix: str) -> None:
        """Note a problem; a problem between two fields names both."""
        self._problems.append(f"{field}: {reason}; {fix}")

    def done(self) -> None:
        """Raise everything that was noted.

        Raises:
            ArgumentsError: with every problem found.
        """
        if self._problems:
            raise ArgumentsError(self._component, self._name, self._problems)

    def _shaped(self, declared: Any, value: Any, path: str) -> Any:
        declared = _unwrapped(declared)
        if isinstance(value, pulumi.Output):
            return value
        if typing.is_typeddict(declared):
            return self._mapping(declared, value, path)
        origin = typing.get_origin(declared)
        if origin is list and isinstance(value, Sequence) and not isinstance(value, str):
            (item,) = typing.get_args(declared)
            return [self._shaped(item, part, f"{path}[{at}]") for at, part in enumerate(value)]
        if isinstance(declared, type) and issubclass(declared, Enum):
            return self._member(declared, value, path)
        value = _number(declared, value)
        expected = origin or declared
        wrong_number = declared is int and isinstance(value, bool)
        if isinstance(expected, type) and (not isinstance(value, expected) or wrong_number):
            found = type(value).__name__
            self.refuse(path, f"is {found}", f"write {_ARTICLE.get(expected, expected.__name__)}")
        return value

    def _mapping(self, declared: Any, value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            self.refuse(path, f"is {type(value).__name__}", "write a mapping")
            return value
        hints = declared.__annotations__
        prefix = f"{path}." if path else ""
        for key in value:
            if key not in hints:
                near = difflib.get_close_matches(str(key), hints, n=1)
                advice = f"write {near[0]}" if near else f"known are {', '.join(sorted(hints))}"
                self.refuse(f"{prefix}{key}", "is no argument", advice)
        for key in sorted(declared.__required_keys__):
            if value.get(key) is None:
                self.refuse(f"{prefix}{key}", "is missing", "add it")
        return {
            key: self._shaped(hints[key], part, f"{prefix}{key}")
            for key, part in value.items()
            if key in hints and part is not None
        }

    def _member(self, declared: type[Enum], value: Any, path: str) -> Any:
        try:
            return declared(value)
        except ValueError:
            known = ", ".join(str(member.value) for member in declared)
            self.refuse(path, f"'{value}' is unknown", f"write one of {known}")
            return value


_ARTICLE = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
}


def _number(declared: Any, value: Any) -> Any:
    """`value` as the kind of number that is declared, where nothing is lost."""
    if declared is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if declared is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _unwrapped(declared: Any) -> Any:
    """The plain type behind `NotRequired` and `pulumi.Input`."""
    if typing.get_origin(declared) in {typing.NotRequired, typing.Required}:
        return _unwrapped(typing.get_args(declared)[0])
    if typing.get_origin(declared) in {typing.Union, types.UnionType}:
        return _unwrapped(typing.get_args(declared)[0])
    return declared
