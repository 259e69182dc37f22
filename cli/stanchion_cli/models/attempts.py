"""Which trial of a version it is.

Argo Rollouts goes back at once, without steps and analysis, to pods that it knows and that are
older than those that serve, whether they ever were found good or not. So a version whose last trial
did not end well gets, with the number of its next one, pods that are like no others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from stanchion_cli.models.lockfile import Pin


@dataclass(frozen=True)
class Attempts:
    """The trials of one version in one environment, numbered from 1."""

    begun: int = 0
    """The last one; 0: none."""
    healthy: int = 0
    """The last one that ended healthy at full weight; 0: none, or it has failed since."""

    @property
    def next(self) -> int:
        """The one that begins now: a new one, unless the last one ended well."""
        return max(self.begun, 1) if self.begun == self.healthy else self.begun + 1

    @property
    def served(self) -> int:
        """The one whose pods are gone back to."""
        return self.healthy or self.begun or 1

    def begin(self, attempt: int) -> Self:
        """Also this one."""
        return replace(self, begun=max(self.begun, attempt))

    def end(self, attempt: int, *, healthy: bool) -> Self:
        """This one has ended, healthy at full weight or taken back."""
        begun = self.begin(attempt)
        if healthy:
            return replace(begun, healthy=attempt)
        return replace(begun, healthy=0) if self.healthy == attempt else begun


def pinned(current: Iterable[Pin | None], model: str, version: str) -> int:
    """The trial of a version that is pinned already, somewhere among `current`; 0: none is."""
    found = (pin for pin in current if pin is not None)
    return max(
        (pin.attempt for pin in found if (pin.model, pin.version) == (model, version)), default=0
    )
