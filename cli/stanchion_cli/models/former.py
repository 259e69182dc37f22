"""What a rollback goes back to: the same for models, adapters and prompts."""

from __future__ import annotations

from collections.abc import Callable

from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.records import Records


def version_before(
    service: str,
    pinned: Pin | None,
    *,
    champion: str | None,
    previous: str | None,
    records: Callable[[Pin], Records],
) -> str | None:
    """The version that served before the one that is pinned now; None where nothing says which.

    One in trial is left for the one that it was to replace. One that is `previous` was pinned by
    hand already: what remains is the rollout and the alias.

    Args:
        service: Name of a service that it is pinned for.
        pinned: What is pinned there.
        champion: The version with that alias.
        previous: The version with that alias.
        records: What the registry keeps of a version.
    """
    if pinned is None or pinned.version in (champion, previous):
        return previous
    found = records(pinned).before().get(service)
    if found is not None and found.model == pinned.model and found.version != pinned.version:
        return found.version
    return champion or previous
