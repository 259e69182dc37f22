"""Options of a component's children."""

from collections.abc import Sequence

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
