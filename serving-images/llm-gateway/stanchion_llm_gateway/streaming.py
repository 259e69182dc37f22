"""Guarding a streamed answer: piece in, safe pieces out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stanchion_llm_gateway.texts import (
    ANSWER_FIELDS,
    continued,
    is_readable,
    of_piece,
    without_spelling,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stanchion_llm_gateway.guardrails.hits import Hit
    from stanchion_llm_gateway.guardrails.window import Window
    from stanchion_llm_gateway.texts import Text

Piece = dict[str, Any]


class GuardedStream:
    """Looks through the texts of a streamed answer, each choice's and each tool call's apart.

    Args:
        window: Makes what holds the end of one text back.
        active: Whether there is anything to look for; else pieces pass as they are.
    """

    def __init__(self, window: Callable[[], Window], *, active: bool) -> None:
        self._window, self._active = window, active
        self._windows: dict[tuple[int, str], Window] = {}
        self._last: Piece = {}

    @property
    def hits(self) -> list[Hit]:
        """What was found so far."""
        return [hit for window in self._windows.values() for hit in window.hits]

    def push(self, piece: Piece) -> Iterator[Piece]:
        """What may go out now that this piece is here; it is changed in place.

        Raises:
            BlockedError: where a match refuses the answer.
            ValueError: where its words cannot be read.
        """
        choices = piece.get("choices") or []
        if not self._active or not choices:
            yield piece
            return
        self._last = {key: value for key, value in piece.items() if key != "usage"}
        worth_sending = piece.get("usage") is not None
        for choice in choices:
            index = choice.get("index", 0)
            if not is_readable(choice):
                raise ValueError("its words are no texts, which alone are read in a stream")
            without_spelling(choice)
            last: dict[str, Text] = {}
            for name, text in of_piece(choice):
                if (index, name) not in self._windows:
                    self._windows[index, name] = self._window()
                window = self._windows[index, name]
                text.value = window.push(text.value)
                last[name] = text
                worth_sending |= bool(text.value)
            if choice.get("finish_reason") is not None:
                for name, text in last.items():
                    text.value += self._windows[index, name].flush()
                yield from self._rest(index)  # of texts that this piece does not continue
                worth_sending = True
            worth_sending |= _says_more(choice)
        if worth_sending:
            yield piece

    def finish(self) -> Iterator[Piece]:
        """What is still held back, where an answer ends without saying so.

        Raises:
            BlockedError: where a match refuses the answer.
        """
        for index in sorted({index for index, _ in self._windows}):
            yield from self._rest(index)

    def cut_off(self, index: int = 0) -> Piece:
        """The last piece of an answer that was refused in the middle."""
        choice: Piece = {"index": index, "finish_reason": "content_filter"}
        if "text" in dict(self._names(index)):
            choice["text"] = ""
        else:
            choice["delta"] = {}
        return {**self._last, "choices": [choice]}

    def _rest(self, index: int) -> Iterator[Piece]:
        for name, window in self._names(index):
            if rest := window.flush():
                choice = {"index": index, "finish_reason": None, **continued(name, rest)}
                yield {**self._last, "choices": [choice]}

    def _names(self, index: int) -> list[tuple[str, Window]]:
        return [(name, window) for (at, name), window in self._windows.items() if at == index]


def _says_more(choice: Piece) -> bool:
    """Whether a piece holds more than texts, as a role or the name of a tool."""
    delta = choice.get("delta") or {}
    if any(value for key, value in delta.items() if key not in (*ANSWER_FIELDS, "tool_calls")):
        return True
    return any(
        "id" in call or any("name" in call.get(kind, {}) for kind in ("function", "custom"))
        for call in delta.get("tool_calls") or []
    )
