"""Where the words are in requests and answers of OpenAI's API."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from stanchion_llm_gateway.errors import BACKEND_ERROR, GatewayError, bad_request

if TYPE_CHECKING:
    from collections.abc import Iterator

USER: Final = "user"
DOCUMENT: Final = "document"
_UNTRUSTED: Final = frozenset({USER, "tool", "function", DOCUMENT})
"""Roles whose words come from outside the application."""
ANSWER_FIELDS: Final = ("content", "reasoning_content", "reasoning", "refusal")
"""Texts of a message or of a piece of one; vLLM names reasoning both ways."""
_PART_FIELDS: Final = ("text", "refusal", "thinking")
_PARTS: Final = frozenset({*_PART_FIELDS, "input_text", "output_text"})
"""Kinds of parts of a message that are text."""
_MEDIA: Final = frozenset(
    {
        "image_url", "image_pil", "image_embeds", "input_image", "input_audio", "audio_url",
        "audio_embeds", "video_url", "file", "input_file",
    }
)  # fmt: skip
"""Kinds that are not looked into."""
_SAID: Final = {"function": "arguments", "custom": "input", "function_call": "arguments"}
"""Where each way to call a tool has what it is called with; the last is the oldest."""
_SPELLING: Final = ("logprobs", "token_ids")
"""What of a choice says its text once more, token by token."""


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
    """Every text of a whole answer.

    Raises:
        GatewayError: 502, where the words cannot be read: no guardrail could hold then.
    """
    texts: list[Text] = []
    for choice in body.get("choices") or []:
        if isinstance(choice.get("text"), str):
            texts.append(Text(choice, "text", "assistant"))
        if isinstance(choice.get("message"), dict):
            try:
                texts += _of_message(choice["message"], "assistant")
            except GatewayError as error:
                told = f"the backend's answer cannot be read: {error.message}"
                raise GatewayError(
                    HTTPStatus.BAD_GATEWAY, told, BACKEND_ERROR, "bad_gateway"
                ) from None
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
    yield from _calls(delta, "assistant")


def is_readable(choice: dict[str, Any]) -> bool:
    """Whether a streamed choice's words are texts, and no lists of parts nor objects."""
    delta = choice.get("delta") or {}
    texts = all(isinstance(delta.get(field), str | None) for field in ANSWER_FIELDS)
    return texts and _has_readable_calls(delta)


def continued(name: str, text: str) -> dict[str, Any]:
    """What a choice holds for more of the text of that name, as `of_piece` names it."""
    if name == "text":
        return {"text": text}
    if name in ANSWER_FIELDS:
        return {"delta": {name: text}}
    kind, _, index = name.partition(" ")
    if not index:
        return {"delta": {kind: {_SAID[kind]: text}}}
    return {"delta": {"tool_calls": [{"index": int(index), kind: {_SAID[kind]: text}}]}}


def _plain(body: dict[str, Any], field: str, role: str) -> list[Text]:
    value = body[field]
    if value is None:
        return []
    if isinstance(value, str):
        return [Text(body, field, role)]
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return [Text(value, at, role) for at in range(len(value))]
    raise bad_request(f"{field} is neither text nor a list of texts; token numbers are not read")


def without_spelling(choice: dict[str, Any]) -> None:
    """Take out of a choice what says its text again, which no guardrail reads."""
    for field in _SPELLING:
        choice.pop(field, None)


def _of_message(message: dict[str, Any], role: str) -> Iterator[Text]:
    content = message.get("content")
    if isinstance(content, list):
        yield from _of_parts(content, role)
    elif content is not None and not isinstance(content, str):
        raise bad_request("content of a message is neither text nor a list of parts")
    for field in ANSWER_FIELDS:
        if isinstance(message.get(field), str):
            yield Text(message, field, role)
    if not _has_readable_calls(message):
        raise bad_request("what a tool is called with is no text")
    for _, said in _calls(message, role):
        yield said


def _of_parts(parts: list[Any], role: str) -> Iterator[Text]:
    for at, part in enumerate(parts):
        if isinstance(part, str):
            yield Text(parts, at, role)
            continue
        if not isinstance(part, dict):
            raise bad_request("content of a message holds what is neither text nor an object")
        kinds = {part["type"]} if isinstance(part.get("type"), str) else {*part} & (_PARTS | _MEDIA)
        if not kinds or kinds - _PARTS - _MEDIA:
            raise bad_request(
                f"parts of a message are read of the types {', '.join(sorted(_PARTS))}, and passed "
                f"on of {', '.join(sorted(_MEDIA))}"
            )
        for field in _PART_FIELDS:
            value = part.get(field)
            if isinstance(value, str):
                yield Text(part, field, role)
            elif isinstance(value, list):
                yield from _of_parts(value, role)


def _calls(message: dict[str, Any], role: str) -> Iterator[tuple[str, Text]]:
    """What tools are called with, each with a name of its own."""
    for name, called, field in _called(message):
        if isinstance(called.get(field), str):
            yield name, Text(called, field, role)


def _has_readable_calls(message: dict[str, Any]) -> bool:
    """Whether what tools are called with is text, as the API has it; some servers take objects."""
    calls = message.get("tool_calls")
    return (calls is None or isinstance(calls, list)) and all(
        isinstance(called.get(field), str | None) for _, called, field in _called(message)
    )


def _called(message: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Each call of a tool: its name here, what holds its words, and in which field."""
    calls = message.get("tool_calls")
    for at, call in enumerate(calls if isinstance(calls, list) else []):
        for kind in ("function", "custom"):
            if isinstance(call, dict) and isinstance(call.get(kind), dict):
                yield f"{kind} {call.get('index', at)}", call[kind], _SAID[kind]
    if isinstance(message.get("function_call"), dict):
        yield "function_call", message["function_call"], _SAID["function_call"]
