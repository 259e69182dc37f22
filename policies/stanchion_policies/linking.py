"""Which resources belong to which, where the names and ids of a preview are not known yet."""

from __future__ import annotations

from stanchion_policies.reading import known
from stanchion_policies.stack import CloudResource, Stack


def belonging(
    stack: Stack, target: CloudResource, prop: str, *types: str, named: str = "name"
) -> list[CloudResource]:
    """The resources of some types whose property `prop` names `target`.

    It does where it is derived from `target`, be it by way of another resource of `target`'s, and
    where it is what `target` has in its own property `named`.
    """
    return [item for item in stack.of(*types) if _names(stack, item, prop, target, named)]


def named_by(
    stack: Stack, item: CloudResource, prop: str, *types: str, named: str = "name"
) -> list[CloudResource]:
    """The resources of some types that the property `prop` of `item` names; see `belonging`."""
    return [target for target in stack.of(*types) if _names(stack, item, prop, target, named)]


def _names(stack: Stack, item: CloudResource, prop: str, target: CloudResource, named: str) -> bool:
    name = known(target.props, named)
    return _derives(stack, item, prop, target) or (
        name is not None and known(item.props, prop) == name
    )


def _derives(stack: Stack, item: CloudResource, prop: str, target: CloudResource) -> bool:
    return any(
        source.urn == target.urn or _derives(stack, source, prop, target)
        for source in stack.sources(item, prop)
    )
