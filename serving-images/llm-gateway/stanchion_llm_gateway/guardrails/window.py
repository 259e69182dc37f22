"""Guarding a text that comes in pieces, without waiting for its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stanchion_llm_gateway.guardrails.chain import ANSWER
from stanchion_llm_gateway.guardrails.hits import BlockedError, Hit, blocking, redacted

if TYPE_CHECKING:
    from collections.abc import Callable

_CONTEXT: Final = 64
"""How much of what was let go is kept, for the words that explain a match."""


class Window:
    """Holds the end of a text back until what follows shows that no match begins there.

    The last `size` characters are held back, so every match up to that length is seen whole,
    however it was cut into pieces. It is looked through once for each further half a window, not
    for each piece.
    """

    def __init__(self, find: Callable[[str], list[Hit]], size: int) -> None:
        self._find, self._size, self._step = find, size, max(1, size // 2)
        self._context = self._held = ""
        self.hits: list[Hit] = []
        """What was found in what was let go."""

    def push(self, piece: str) -> str:
        """Add a piece; what may go to the client now.

        Raises:
            BlockedError: where a match refuses the answer.
        """
        self._held += piece
        if len(self._held) < self._size + self._step:
            return ""
        return self._release(len(self._held) - self._size)

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
        for hit in hits:
            if hit.start < cut < hit.end:
                # Whole, or not yet; one that fills the window is not waited for any longer.
                cut = hit.start if hit.start > begin else hit.end
        gone = [hit for hit in hits if hit.end <= cut]
        if blocking(gone):
            raise BlockedError(gone, ANSWER)
        self.hits += gone
        safe = redacted(text, gone, begin, cut)
        self._context, self._held = text[max(0, cut - _CONTEXT) : cut], text[cut:]
        return safe
