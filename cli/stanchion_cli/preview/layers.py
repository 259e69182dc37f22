"""Environments that are split into several stacks, as their files tell it.

The environment's own file holds its settings. The file of a further stack names the one that it is
built on under `stanchion:baseStack`, and is of the environment at the end of that chain.
"""

from __future__ import annotations

import json
from difflib import get_close_matches

from stanchion_cli.errors import InputError
from stanchion_cli.preview.config import Project, load_configuration

BASE_STACK = "stanchion:baseStack"
HELD = "stanchion:layers"


def environment_of(project: Project, stack: str) -> str:
    """The environment that a stack is of: the stack itself where it is not split.

    Raises:
        InputError: when a stack of the chain has no file, or is built on itself.
    """
    return _chain(project, stack)[-1]


def require_base(project: Project, base: str) -> None:
    """Hold the name of a base stack to those that there are.

    Raises:
        InputError: when none has this name.
    """
    known = project.environments()
    if base not in known:
        near = get_close_matches(base, known, n=1) or known
        raise InputError(
            f"there is no Pulumi.{base}.yaml", where=BASE_STACK, fix=f"write {' or '.join(near)}"
        )


def built_on(project: Project, stack: str) -> list[str]:
    """The stacks whose files name `stack` as the one that they are built on."""
    return [each for each, chain in _chains(project).items() if chain[1:2] == [stack]]


def from_the_top(project: Project) -> list[str]:
    """Every stack that has a file, each before the one that it is built on."""
    chains = _chains(project)
    return sorted(chains, key=lambda each: -len(chains[each]))


def stacks_of(project: Project, environment: str) -> list[str]:
    """The stacks of an environment, itself first and each after the one that it is built on."""
    chains = _chains(project)
    found = [each for each, chain in chains.items() if chain[-1] == environment]
    return sorted(found, key=lambda each: len(chains[each]))


def holder(project: Project, stack: str, layer: str) -> str:
    """The stack of the same environment that holds `layer`.

    Args:
        project: Where the files are.
        stack: The environment, or any stack of it.
        layer: foundation, platform or services.

    Raises:
        InputError: when no stack of the environment holds it.
    """
    environment = environment_of(project, stack)
    for each, chain in _chains(project).items():
        if chain[-1] == environment and layer in _held(project, each):
            return each
    raise InputError(
        f"no stack of {environment} holds the layer {layer}",
        where=HELD,
        fix=f"add it to the layers of {environment}, or a stack with `{BASE_STACK}: {environment}`",
    )


def _chain(project: Project, stack: str) -> list[str]:
    """The stack, the one that it is built on, and so on down to the environment."""
    chain = [stack]
    while (base := load_configuration(project, chain[-1]).values.get(BASE_STACK)) is not None:
        if base in chain:
            raise InputError(
                f"leads back to itself: {' → '.join([*chain, base])}",
                where=BASE_STACK,
                fix="name the stack that holds the layers below",
            )
        require_base(project, base)
        chain.append(base)
    return chain


def _chains(project: Project) -> dict[str, list[str]]:
    """The chain of every stack; one that cannot be read is told of by whoever asks for it."""
    chains = {}
    for stack in project.environments():
        try:
            chains[stack] = _chain(project, stack)
        except InputError:
            chains[stack] = [stack]
    return chains


def _held(project: Project, stack: str) -> list[str]:
    """The layers of a stack as its file names them, which the program holds to their rules."""
    text = load_configuration(project, stack).values.get(HELD)
    if text is None:
        return ["foundation", "platform", "services"]
    try:
        layers = json.loads(text)
    except json.JSONDecodeError:
        return []
    return layers if isinstance(layers, list) else []
