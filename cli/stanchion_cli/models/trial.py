"""A pinned version on its way to full weight, or back: the same for models, adapters and prompts.

The alias moves when the rollout is healthy. One that is not is taken back: users first, to what was
pinned before, then the reason on the version, and the error that says both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from stanchion_cli.deploy.turns import BusyError
from stanchion_cli.errors import StanchionError
from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.records import IN_TRIAL, Records
from stanchion_cli.progress import step

if TYPE_CHECKING:
    from stanchion_models import Registry

    from stanchion_cli.models import lease

RollOut = Callable[[], None]
"""Brings the environment to what is pinned. Returns when it is healthy at full weight; raises a
`BusyError` when somebody else is at it, so that nothing was begun, and another `StanchionError`,
with the reason, when it is not healthy and will not be."""
_P = TypeVar("_P")


@dataclass(frozen=True)
class Trial(Generic[_P]):
    """A version that is pinned for some services, whose lock is held."""

    where: str
    """How messages name the version: `model wine version 2`."""
    version: str
    before: Mapping[str, _P | None]
    """What each service served before, and was healthy."""
    pin: Callable[[Mapping[str, _P | None]], object]
    """Writes pins, without a look at the lock."""
    hold: lease.Hold
    registry: Callable[[], AbstractContextManager[Registry]]
    """Opens the registry; every failure of it is a `StanchionError`."""
    records: Callable[[Registry], Records]
    """What is kept of the version."""
    move_champion: Callable[[Registry], str | None]
    """Lets the alias mean the version; what it meant before."""
    attempt: int = 0
    """Which trial of the version it is; 0 where that makes no difference."""

    def bring_out(self, roll_out: RollOut) -> None:
        """Roll the version out, and let `champion` mean it then.

        Raises:
            StanchionError: when the rollout fails: what served before is pinned and rolled out
                again, and the alias has not moved; when somebody else changes the environment: the
                pin stays, to go on with; or when the lock was lost meanwhile.
        """
        try:
            roll_out()
        except BusyError as error:
            # It may be on its way already: the other one may have read the pin.
            raise StanchionError(
                f"is pinned, and was not rolled out: {error.reason}",
                where=self.where,
                fix=f"{error.fix}; the promotion then goes on, and the alias has not moved",
            ) from None
        except StanchionError as error:
            self._take_back(roll_out, error)
        self.hold.check()
        with self.registry() as registry:
            with step(f"alias champion → version {self.version}") as running:
                previous = self.move_champion(registry)
                running.note(f"previous → version {previous}" if previous else "")
            records = self.records(registry)
            records.settle()
            self._end(records, healthy=True)

    def _take_back(self, roll_out: RollOut, error: StanchionError) -> NoReturn:
        # Whoever holds the lock: this is our own file, and the version in it is not fit to serve.
        self.pin(self.before)
        after, onward = "was taken back", ""
        try:
            with step("restore the version that served before"):
                self.hold.check()
                roll_out()
        except StanchionError as again:
            after = f"its old pin was restored, which does not roll out either ({again.reason})"
            onward = "; once that is mended, the next `up` rolls the old pin out"
        # After the users are served: the registry may be what is gone.
        kept = "the reason stands as a tag on the version"
        try:
            with self.registry() as registry:
                records = self.records(registry)
                records.say(f"aborted: {error.reason}")
                self._end(records, healthy=False)
        except StanchionError as unrecorded:
            kept = f"the reason could not be recorded ({unrecorded.reason})"
        raise StanchionError(
            f"did not roll out and {after}: {error.reason}",
            where=self.where,
            fix=f"{kept}; the alias has not moved{onward}",
        ) from None

    def _end(self, records: Records, *, healthy: bool) -> None:
        if self.attempt:
            records.keep_attempts(records.attempts().end(self.attempt, healthy=healthy))


def served_before(
    current: Mapping[str, Pin | None], pin: Pin, records: Callable[[Pin], Records]
) -> dict[str, Pin | None]:
    """What each service served before `pin`, and was healthy: what an abort goes back to.

    Args:
        current: What each is pinned to now: perhaps the version itself, or another whose promotion
            was never brought to an end.
        pin: The version that is to be promoted.
        records: What the registry keeps of a version.
    """

    def settled(name: str, found: Pin | None) -> Pin | None:
        if found is None or found.model != pin.model:
            return found
        kept = records(found)
        in_trial = found == pin or kept.state() in IN_TRIAL
        return kept.before().get(name, found) if in_trial else found

    return {name: settled(name, found) for name, found in current.items()}


def begin(
    records: Records,
    pin: Pin,
    current: Mapping[str, Pin | None],
    before: Mapping[str, Pin | None],
    state: str,
) -> None:
    """Record that a version is about to be pinned or proposed, and what it replaces.

    Where every service is pinned to it already, what is recorded stays.
    """
    if dict.fromkeys(current, pin) != current:
        records.keep_before(before)
        records.say(state)
