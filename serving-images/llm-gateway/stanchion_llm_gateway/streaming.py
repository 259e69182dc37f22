"""Guarding a streamed answer: piece in, safe pieces out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stanchion_llm_gateway.guardrails.window import Window
from stanchion_llm_gateway.texts import ANSWER_FIELDS, of_piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stanchion_llm_gateway.guardrails.hits import Hit
    from stanchion_llm_gateway.texts import Text

Piece = dict[str, Any]


class GuardedStream:
    """Looks through the texts of a streamed answer, each choice's and each tool call's apart.

    Args:
        find: What a text holds.
        size: Characters held back of each.
        active: Whether there is anything to look for; else pieces pass as they are.
    """

    def __init__(self, find: Callable[[str], list[Hit]], size: int, *, active: bool) -> None:
        self._find, self._size, self._active = find, size, active
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
        """
        choices = piece.get("choices") or []
        if not self._active or not choices:
            yield piece
            return
        self._last = {key: value for key, value in piece.items() if key != "usage"}
        worth_sending = piece.get("usage") is not None
        for choice in choices:
            index = choice.get("index", 0)
            choice.pop("logprobs", None)  # they spell the text out before it is safe
            last: dict[str, Text] = {}
            for name, text in of_piece(choice):
                window = self._windows.setdefault((index, name), Window(self._find, self._size))
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
                yield {**self._last, "choices": [_choice(index, name, rest)]}

    def _names(self, index: int) -> list[tuple[str, Window]]:
        return [(name, window) for (at, name), window in self._windows.items() if at == index]


def _choice(index: int, name: str, text: str) -> Piece:
    choice: Piece = {"index": index, "finish_reason": None}
    if name == "text":
        return {**choice, "text": text}
    if name in ANSWER_FIELDS:
        return {**choice, "delta": {name: text}}
    call = {"index": int(name.removeprefix("tool ")), "function": {"arguments": text}}
    return {**choice, "delta": {"tool_calls": [call]}}


def _says_more(choice: Piece) -> bool:
    """Whether a piece holds more than texts, as a role or the name of a tool."""
    delta = choice.get("delta") or {}
    if any(value for key, value in delta.items() if key not in (*ANSWER_FIELDS, "tool_calls")):
        return True
    return any(
        "id" in call or "name" in call.get("function", {}) for call in delta.get("tool_calls") or []
    )
