"""Where a promotion writes its pin: into the checkout, or onto a branch for others to merge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.records import PINNED

if TYPE_CHECKING:
    from stanchion_cli.models.proposal import Proposal


class Destination(Protocol):
    """Where a pin goes."""

    @property
    def state(self) -> str:
        """What is recorded of the version that is pinned there."""

    @property
    def done(self) -> str:
        """What was done with the version then, in one word."""

    def pending(self) -> Mapping[str, Pin]:
        """Pins of models by service that are there and not in the checkout."""

    def check_merged(self, what: str) -> None:
        """Refuse a version that was proposed before, where that has to be settled first.

        Args:
            what: The version, as people call it.
        """

    def checkout(
        self, what: str, told: Sequence[str], record: Callable[[], None]
    ) -> AbstractContextManager[Path]:
        """The project in which the block writes the pin.

        Args:
            what: What is pinned, as people call it: `wine-cultivar version 3`.
            told: What its gates found, one a line.
            record: Keeps in the registry that it is pinned there.
        """


@dataclass(frozen=True)
class Here:
    """The checkout itself: the pin can be rolled out at once."""

    root: Path
    proposal: Proposal | None = None
    """How the same would be proposed."""
    state: str = PINNED
    done: str = "pinned"

    def pending(self) -> Mapping[str, Pin]:
        """None: the checkout has what it has."""
        return {}

    def check_merged(self, what: str) -> None:
        """Refuse what waits for a merge, or for a pull after it.

        Raises:
            StanchionError: with which of the two it is.
        """
        if self.proposal is not None:
            self.proposal.check_withdrawn(what)

    @contextmanager
    def checkout(
        self, what: str, told: Sequence[str], record: Callable[[], None]
    ) -> Iterator[Path]:
        """The project as it lies there; what is recorded first is what an abort goes back to."""
        del what, told
        record()
        yield self.root
