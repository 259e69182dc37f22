"""Guarding a text that comes in pieces, without waiting for its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stanchion_llm_gateway.guardrails.chain import ANSWER
from stanchion_llm_gateway.guardrails.hits import BlockedError, Hit, blocking, redacted

if TYPE_CHECKING:
    from collections.abc import Callable

_CONTEXT: Final = 64
"""How much of what was let go is kept, for the words that explain a match."""
_LONGEST: Final = 16_384
"""Most characters that are held back for the end of a match."""


class Window:
    """Holds the end of a text back until what follows shows that no match begins there.

    The last `size` characters are held back, so every match up to that length is seen whole,
    however it was cut into pieces; and what `unfinished` says may go on, as keys do, until it has
    ended. It is looked through once for each further half a window, not for each piece.

    Args:
        find: Every match in a text.
        unfinished: Where a match begins that may go on after a text's end; else that end.
        size: Characters held back.
    """

    def __init__(
        self, find: Callable[[str], list[Hit]], unfinished: Callable[[str], int], size: int
    ) -> None:
        self._find, self._unfinished = find, unfinished
        self._size, self._step = size, max(1, size // 2)
        self._due = size + self._step
        self._context = self._held = ""
        self.hits: list[Hit] = []
        """What was found in what was let go."""

    def push(self, piece: str) -> str:
        """Add a piece; what may go to the client now.

        Raises:
            BlockedError: where a match refuses the answer.
        """
        self._held += piece
        if len(self._held) < self._due:
            return ""
        begin = len(self._context)
        count = len(self._held) - self._size
        goes_on = self._unfinished(self._context + self._held) - begin
        if 0 <= goes_on < count and len(self._held) < _LONGEST:
            count = goes_on
        safe = self._release(count)
        # A long match is looked at now and then, lest each piece of it cost as much as all before.
        self._due = max(self._size + self._step, len(self._held) * 3 // 2)
        return safe

    def flush(self) -> str:
        """The rest, at the text's end.

        Raises:
            BlockedError: where a match refuses the answer.
        """
        return self._release(len(self._held)) if self._held else ""

    def _release(self, count: int) -> str:
        text, begin = self._context + self._held, len(self._context)
        cut = begin + count
        hits = sorted(
            (hit for hit in self._find(text) if hit.end > begin), key=lambda hit: hit.start
        )
        cut = _between(hits, begin, cut)
        gone = [hit for hit in hits if hit.end <= cut]
        if blocking(gone):
            raise BlockedError(gone, ANSWER)
        self.hits += gone
        safe = redacted(text, gone, begin, cut)
        self._context, self._held = text[max(0, cut - _CONTEXT) : cut], text[cut:]
        return safe


def _between(hits: list[Hit], begin: int, cut: int) -> int:
    """The nearest place to cut that is in no match: before it, or after one that fills the window.

    Matches may overlap, so that one which ends before the cut goes on in another.
    """
    while across := [hit for hit in hits if hit.start < cut < hit.end]:
        first = min(hit.start for hit in across)
        if first <= begin:
            return _after(hits, cut)
        cut = first
    return cut


def _after(hits: list[Hit], cut: int) -> int:
    while across := [hit.end for hit in hits if hit.start < cut < hit.end]:
        cut = max(across)
    return cut
