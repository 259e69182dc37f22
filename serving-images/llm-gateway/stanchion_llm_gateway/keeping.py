"""What is kept of a text: without personal data, and not too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_AROUND: Final = 256
"""What is looked through beyond what is kept, so that no half of a match is left at the end."""


class Keeping:
    """Makes of a text what audit log and traces may hold.

    Args:
        longest: Most characters of one text.
        redacted: Takes personal data out of a text.
    """

    def __init__(self, longest: int, redacted: Callable[[str], str]) -> None:
        self._longest, self._redacted = longest, redacted

    def beginning(self, text: str) -> str:
        """As much of a text as has to be held until it is kept."""
        return text[: self._longest + _AROUND]

    def kept(self, text: str, *, clean: bool) -> str:
        """The text as it may be kept.

        Args:
            text: The text, or its beginning.
            clean: Whether a guardrail has taken every kind of personal data out already.
        """
        kept = text if clean else self._redacted(self.beginning(text))
        return kept if len(kept) <= self._longest else kept[: self._longest] + "…"
