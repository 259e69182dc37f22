"""Where the words are in requests and answers of OpenAI's API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stanchion_llm_gateway.errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Iterator

USER: Final = "user"
DOCUMENT: Final = "document"
_UNTRUSTED: Final = frozenset({USER, "tool", "function", DOCUMENT})
"""Roles whose words come from outside the application."""
ANSWER_FIELDS: Final = ("content", "reasoning_content", "reasoning", "refusal")
"""Texts of a message or of a piece of one; vLLM names reasoning both ways."""


@dataclass
class Text:
    """A text in a body, which may be replaced there."""

    holder: Any
    key: Any
    role: str

    @property
    def value(self) -> str:
        """The text."""
        return str(self.holder[self.key])

    @value.setter
    def value(self, text: str) -> None:
        self.holder[self.key] = text

    @property
    def trusted(self) -> bool:
        """Whether the application itself wrote it, rather than a user or a tool."""
        return self.role not in _UNTRUSTED


def of_prompt(body: dict[str, Any]) -> list[Text]:
    """Every text of a request for a chat, a completion or embeddings.

    Images and sound in it are not looked into.

    Raises:
        GatewayError: 400, where the words cannot be read: no guardrail could hold then.
    """
    texts: list[Text] = []
    for field, role in (("prompt", USER), ("suffix", USER), ("input", DOCUMENT)):
        if field in body:
            texts += _plain(body, field, role)
    if isinstance(body.get("user"), str):
        texts.append(Text(body, "user", "application"))
    messages = body.get("messages", [])
    if not isinstance(messages, list):
        raise bad_request("messages is no list")
    for message in messages:
        if not isinstance(message, dict):
            raise bad_request("messages holds what is no object")
        texts += _of_message(message, str(message.get("role", USER)))
    return texts


def of_answer(body: dict[str, Any]) -> list[Text]:
    """Every text of a whole answer."""
    texts: list[Text] = []
    for choice in body.get("choices") or []:
        if isinstance(choice.get("text"), str):
            texts.append(Text(choice, "text", "assistant"))
        if isinstance(choice.get("message"), dict):
            texts += _of_message(choice["message"], "assistant")
    return texts


def of_piece(choice: dict[str, Any]) -> Iterator[tuple[str, Text]]:
    """The texts of one choice of a streamed piece, each with the name of what it continues."""
    if isinstance(choice.get("text"), str):
        yield "text", Text(choice, "text", "assistant")
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return
    for field in ANSWER_FIELDS:
        if isinstance(delta.get(field), str):
            yield field, Text(delta, field, "assistant")
    for call, arguments in _calls(delta, "assistant"):
        yield f"tool {call.get('index', 0)}", arguments


def _plain(body: dict[str, Any], field: str, role: str) -> list[Text]:
    value = body[field]
    if value is None:
        return []
    if isinstance(value, str):
        return [Text(body, field, role)]
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return [Text(value, at, role) for at in range(len(value))]
    raise bad_request(f"{field} is neither text nor a list of texts; token numbers are not read")


def _of_message(message: dict[str, Any], role: str) -> Iterator[Text]:
    content = message.get("content")
    if isinstance(content, list):
        for part in content:
            if isinstance(part, dict):
                for field in ("text", "refusal"):
                    if isinstance(part.get(field), str):
                        yield Text(part, field, role)
    elif content is not None and not isinstance(content, str):
        raise bad_request("content of a message is neither text nor a list of parts")
    for field in ANSWER_FIELDS:
        if isinstance(message.get(field), str):
            yield Text(message, field, role)
    for _, arguments in _calls(message, role):
        yield arguments


def _calls(message: dict[str, Any], role: str) -> Iterator[tuple[dict[str, Any], Text]]:
    """What tools are called with."""
    for call in message.get("tool_calls") or []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("arguments"), str):
            yield call, Text(function, "arguments", role)
