"""The layers of an environment, and stacks that hold only some of them.

An environment is one stack unless its file lists its `layers`. The rest are then held by stacks of
their own, each with a lock and rights of its own, in files that say which layers and on which stack
they are built; the settings stay in the environment's file alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field
from validation import InvalidFileError, Strict, by_value

if TYPE_CHECKING:
    from stanchion_cli.preview.config import Project


class Layer(StrEnum):
    """What is built upon what, from the ground."""

    FOUNDATION = "foundation"
    """Network, cluster, image registry, pools, operators and budget."""
    PLATFORM = "platform"
    """MLflow with its database, store and backups, and the tenants."""
    SERVICES = "services"
    """What the service files declare."""


ALL = tuple(Layer)


def _adjacent(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    first = ALL.index(layers[0])
    if layers != ALL[first : first + len(layers)]:
        low, high = min(map(ALL.index, layers)), max(map(ALL.index, layers))
        raise ValueError(
            f"{_listed(layers)} are not one above the other, from the ground; "
            f"write {_listed(ALL[low : high + 1])}"
        )
    return layers


def _listed(layers: Sequence[Layer]) -> str:
    return f"[{', '.join(layers)}]"


Layers = Annotated[
    tuple[Annotated[Layer, by_value(Layer)], ...], Field(min_length=1), AfterValidator(_adjacent)
]
"""Layers of one stack, from the ground."""
StackName = Annotated[str, Field(min_length=1, max_length=100)]


class UpperStack(Strict):
    """A stack that holds upper layers of an environment whose settings are in its own file."""

    base_stack: StackName
    """Stack that holds the layers below, the NAME of a Pulumi.NAME.yaml."""
    layers: Layers
    """Layers that this stack holds, as [services]."""


def check_above(stack: UpperStack, below: Sequence[Layer], *, namespace: str) -> None:
    """Hold a stack's layers to those of the stack that it is built on.

    Args:
        stack: The stack.
        below: Layers of the stack that it is built on.
        namespace: What the keys of its file begin with.

    Raises:
        InvalidFileError: when a layer between them would be nobody's or two stacks', or when
            another stack is built on the same one.
    """
    from stanchion_cli.preview.layers import built_on

    base, first = stack.base_stack, ALL.index(stack.layers[0])
    with _as_invalid_file():
        rivals = built_on(_project(), base)
    problems = []
    if first != ALL.index(below[-1]) + 1:
        between = "has" if first <= ALL.index(below[-1]) else "ends with"
        problems.append(
            f"{namespace}:layers: begins with {stack.layers[0]}, and {base} {between} "
            f"{_listed(below)}; write what follows here, or other layers in Pulumi.{base}.yaml"
        )
    if len(rivals) > 1:
        problems.append(
            f"{namespace}:baseStack: {' and '.join(rivals)} are both built on {base}, and would "
            "own the same objects; remove one"
        )
    if problems:
        raise InvalidFileError(problems)


def environment_below(base: str) -> str:
    """The environment of a stack that is built on the stack `base`.

    Raises:
        InvalidFileError: when one of them has no file, or the chain has no end.
    """
    from stanchion_cli.preview import layers

    with _as_invalid_file():
        layers.require_base(_project(), base)
        return layers.environment_of(_project(), base)


def config_of(stack: str) -> Mapping[str, str]:
    """What the engine would hand to another stack of this project.

    Raises:
        InvalidFileError: when it has no file, or one that is malformed.
    """
    from stanchion_cli.preview.config import load_configuration

    with _as_invalid_file():
        return load_configuration(_project(), stack).values


def _project() -> Project:
    from stanchion_cli.preview.config import load_project
    from stanchion_cli.project import find_root

    return load_project(find_root(Path(__file__).parent))


@contextmanager
def _as_invalid_file() -> Iterator[None]:
    from stanchion_cli.errors import InputError

    try:
        yield
    except InputError as error:
        raise InvalidFileError(str(error).splitlines()) from None
