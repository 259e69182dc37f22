"""Where a promotion writes its pin: into the checkout, or onto a branch for others to merge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.records import PINNED


class Destination(Protocol):
    """Where a pin goes."""

    @property
    def state(self) -> str:
        """What is recorded of the version once the pin is there."""

    @property
    def done(self) -> str:
        """What was done with the version then, in one word."""

    def pending(self) -> Mapping[str, Pin]:
        """Pins of models by service that are there and not in the checkout."""

    def checkout(self, what: str, told: Sequence[str]) -> AbstractContextManager[Path]:
        """The project in which the block writes the pin.

        Args:
            what: What is pinned, as people call it: `wine-cultivar version 3`.
            told: What its gates found, one a line.
        """


@dataclass(frozen=True)
class Here:
    """The checkout itself: the pin can be rolled out at once."""

    root: Path
    state: str = PINNED
    done: str = "pinned"

    def pending(self) -> Mapping[str, Pin]:
        """None: the checkout has what it has."""
        return {}

    @contextmanager
    def checkout(self, what: str, told: Sequence[str]) -> Iterator[Path]:
        """The project as it lies there."""
        del what, told
        yield self.root
