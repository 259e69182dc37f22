"""Options of a component's children."""

from collections.abc import Sequence
from typing import Any

import pulumi


def child_options(
    parent: pulumi.Resource,
    opts: pulumi.ResourceOptions | None,
    *,
    depends_on: Sequence[pulumi.Resource] = (),
    keep: bool = False,
) -> pulumi.ResourceOptions:
    """Options for a child of `parent`.

    Pulumi hands `depends_on` of a component to nothing inside it; here the children wait too.

    Args:
        parent: The component.
        opts: The options the component was given.
        depends_on: What else the child waits for.
        keep: Hold data: refuse deletion, and leave the object where its deletion is forced.
    """
    waits = None if opts is None else opts.depends_on
    own = pulumi.ResourceOptions(
        parent=parent,
        depends_on=list(depends_on),
        protect=True if keep else None,
        retain_on_delete=True if keep else None,
    )
    return pulumi.ResourceOptions.merge(pulumi.ResourceOptions(depends_on=waits), own)


def once_made(value: pulumi.Input[str], *objects: Any) -> pulumi.Output[str]:
    """`value`, for users who must wait until the Kubernetes `objects` are there.

    It asks the objects for their names alone: those are known before they exist, so the value
    is known in a preview, while the rest of an object's metadata is the server's to fill in.
    """
    names = [item.metadata["name"] for item in objects]
    return pulumi.Output.all(value, *names).apply(lambda known: str(known[0]))
