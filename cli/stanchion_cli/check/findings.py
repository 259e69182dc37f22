"""What the rules say, in the order of reports, without all of it in memory."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from stanchion_cli.check.spool import Spool
from stanchion_cli.policies.model import Finding, PolicyInfo
from stanchion_cli.report.model import Rank, rank_of
from stanchion_cli.report.place import Place


class Told(NamedTuple):
    """What a rule says of an object.

    Attributes:
        policy: The policy's place among those that were asked.
        message: What it says.
        undecided: Whether the rule could not decide.
        exemption: The exemption's place in the policy's settings, -1 where there is none.
        urn: The object.
        title: How messages name it.
        file: Where its manifest stands.
        line: Where that begins.
    """

    policy: int
    message: str
    undecided: bool
    exemption: int
    urn: str
    title: str
    file: str
    line: int


class Findings(Collection[Finding]):
    """Findings that are put aside in a file, to be gone over any number of times.

    What refuses comes first, then the worst, then as they were added.

    Args:
        policies: The policies that were asked.
    """

    def __init__(self, policies: Sequence[PolicyInfo]) -> None:
        self._policies = policies
        self._spool = Spool()
        self._ranked: dict[Rank, array[int]] = {}
        self._rank = lru_cache(None)(self._rank_of)

    def add(self, told: Told) -> None:
        """Take in the next."""
        rank = self._rank(told.policy, told.undecided)
        self._ranked.setdefault(rank, array("I")).append(len(self._spool))
        self._spool.append(tuple(told))

    def __len__(self) -> int:
        """How many there are."""
        return len(self._spool)

    def __iter__(self) -> Iterator[Finding]:
        """One after the other."""
        for each in sorted(self._ranked):
            for place in self._ranked[each]:
                yield self._finding(Told(*self._spool[place]))

    def __contains__(self, finding: Any) -> bool:
        """Whether it is one of them."""
        return any(each == finding for each in self)

    def _rank_of(self, policy: int, undecided: bool) -> Rank:
        return rank_of(self._policies[policy].finding("", "", undecided=undecided))

    def _finding(self, told: Told) -> Finding:
        policy = self._policies[told.policy]
        return policy.finding(
            told.message,
            told.urn,
            undecided=told.undecided,
            exemption=policy.exemptions[told.exemption] if told.exemption >= 0 else None,
            title=told.title,
            place=Place(told.file, told.line),
        )
