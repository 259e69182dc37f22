"""What a rollback goes back to, and what it leaves: the same for models, adapters and prompts."""

from __future__ import annotations

from collections.abc import Callable, Collection

from stanchion_cli.errors import StanchionError
from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.records import IN_TRIAL, LEFT, Records
from stanchion_cli.progress import console


def version_before(
    service: str,
    pinned: Pin | None,
    *,
    champion: str | None,
    previous: str | None,
    records: Callable[[Pin], Records],
) -> str | None:
    """The version that served before the one that is pinned now; None where nothing tells.

    One in trial is left for the one that it was to replace. One that is `previous` and not in trial
    was pinned by hand already: what remains is the rollout and the alias.

    Args:
        service: Name of a service that it is pinned for.
        pinned: What is pinned there.
        champion: The version with that alias.
        previous: The version with that alias.
        records: What the registry keeps of a version.
    """
    if pinned is None:
        return None
    kept = records(pinned)
    found, replaced = kept.before().get(service), None
    if found is not None and found.model == pinned.model and found.version != pinned.version:
        replaced = found.version
    confirmed = replaced is None or kept.state() not in IN_TRIAL
    if confirmed and pinned.version in (champion, previous):
        return previous
    return replaced or champion or previous


def check_served(
    wanted: Pin,
    pinned: Collection[Pin | None],
    aliased: Collection[str | None],
    *,
    records: Callable[[Pin], Records],
    where: str,
    promote: str,
) -> None:
    """Refuse a version that a person names and that has never served here: no gate judges it.

    What a person has pinned by hand is taken at its word: what remains is the rollout and the
    alias.

    Args:
        wanted: The version.
        pinned: What is pinned for each service.
        aliased: The versions that are `champion` and `previous`.
        records: What the registry keeps of a version.
        where: How messages name the version.
        promote: The command that judges it.

    Raises:
        StanchionError: when it has not.
    """
    current = [pin for pin in pinned if pin is not None and pin.model == wanted.model]
    before = [pin for each in current for pin in records(each).before().values() if pin is not None]
    known = {pin.version for pin in (*current, *before) if pin.model == wanted.model}
    if wanted.version not in {*known, *aliased} and not records(wanted).has_served():
        raise StanchionError(
            "has never served here, or was taken back since",
            where=where,
            fix=f"`{promote}` judges it first",
        )


def leave(records: Records, left: Pin, to: str, reason: str) -> None:
    """Keep on a version why it is left for version `to`, where the registry still has it."""
    if records.lost():
        console.print(f"  version {left.version} is gone: no reason is kept on it")
    else:
        records.say(f"{LEFT}{to}: {reason}")
