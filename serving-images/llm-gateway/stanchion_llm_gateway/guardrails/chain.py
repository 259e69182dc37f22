"""All guardrails of one direction, over all texts of a request or an answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from stanchion_llm_gateway.configuration import ConfigurationError
from stanchion_llm_gateway.guard_configuration import PiiAction, RuleAction
from stanchion_llm_gateway.guardrails.hits import REDACT, BlockedError, Hit, blocking, redacted
from stanchion_llm_gateway.guardrails.injection import InjectionFinder
from stanchion_llm_gateway.guardrails.pii import PiiFinder
from stanchion_llm_gateway.guardrails.policy import PolicyFinder, Topics
from stanchion_llm_gateway.texts import USER, Text, of_answer, without_spelling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stanchion_llm_gateway.guard_configuration import InputGuard, OutputGuard, Pii

_LARGE: Final = 8192
"""Characters from which looking through takes long enough for other requests to notice."""
PROMPT: Final = "prompt"
ANSWER: Final = "answer"


def _takes_all_out(pii: Pii) -> bool:
    """Whether no kind of personal data is left in what passes."""
    return pii.entities is None and pii.action is not PiiAction.OFF


def _finder(pii: Pii, path: str) -> PiiFinder:
    try:
        return PiiFinder(pii.entities, pii.minimum_score)
    except ValueError as error:
        raise ConfigurationError([f"{path}.entities: {error}"]) from None


class PromptGuard:
    """What happens to prompts before any backend sees them.

    Raises:
        ConfigurationError: for a kind of personal data that is not known.
    """

    def __init__(self, configured: InputGuard) -> None:
        self._pii = _finder(configured.pii, "guardrails.input.pii")
        self._everything = PiiFinder(minimum_score=configured.pii.minimum_score)
        self._pii_action = configured.pii.action
        self._injection = InjectionFinder()
        self._injection_action = configured.injection
        self._policy = PolicyFinder(configured.policy)
        self._topics = Topics(configured.allowed_topics)
        self.cleans = _takes_all_out(configured.pii)
        """Whether no kind of personal data is left in a prompt that passed."""
        self.rules_date = self._injection.date
        """Date of the list of injection rules."""

    async def check(self, texts: Sequence[Text]) -> list[Hit]:
        """Look through all texts, and take out of them what is to be taken out.

        Raises:
            BlockedError: with what was found, where that refuses the prompt.
        """
        found = await _apart(texts, self._look_through)
        said = [text.value for text in texts if text.role == USER]
        topics = self._topics.find(said[-1] if said else "")
        hits = [*topics, *(hit for of_one in found for hit in of_one)]
        if blocking(hits):
            raise BlockedError(hits, PROMPT)
        _take_out(texts, found)
        return hits

    async def redact(self, texts: Sequence[Text]) -> list[Hit]:
        """Take every kind of personal data out, as before a text leaves the platform."""
        found = await _apart(texts, lambda text: self._everything.find(text.value, REDACT))
        _take_out(texts, found)
        return [hit for of_one in found for hit in of_one]

    def redacted(self, text: str) -> str:
        """A text as it may be kept."""
        return redacted(text, self._everything.find(text, REDACT))

    def _look_through(self, text: Text) -> list[Hit]:
        value = text.value
        hits = self._policy.find(value)
        if self._pii_action is not PiiAction.OFF:
            hits += self._pii.find(value, self._pii_action)
        if self._injection_action is not RuleAction.OFF and not text.trusted:
            hits += self._injection.find(value, self._injection_action)
        return hits


class AnswerGuard:
    """What happens to answers before the client sees them.

    Raises:
        ConfigurationError: for a kind of personal data that is not known.
    """

    def __init__(self, configured: OutputGuard) -> None:
        self._pii = _finder(configured.pii, "guardrails.output.pii")
        self._action = configured.pii.action
        self._policy = PolicyFinder(configured.policy)
        self.active = self._action is not PiiAction.OFF or bool(configured.policy)
        """Whether there is anything to look for."""
        self.cleans = _takes_all_out(configured.pii)
        """Whether no kind of personal data is left in an answer that passed."""

    def find(self, text: str) -> list[Hit]:
        """Every match in a text."""
        hits = self._policy.find(text)
        if self._action is not PiiAction.OFF:
            hits += self._pii.find(text, self._action)
        return hits

    def unfinished(self, text: str) -> int:
        """Where a match begins that may go on after the text's end; else that end."""
        return len(text) if self._action is PiiAction.OFF else self._pii.unfinished(text)

    async def check(self, body: dict[str, Any]) -> list[Hit]:
        """Look through a whole answer, and take out of it what is to be taken out.

        Raises:
            BlockedError: with what was found, where that refuses the answer.
        """
        texts = of_answer(body)
        found = await _apart(texts, lambda text: self.find(text.value))
        hits = [hit for of_one in found for hit in of_one]
        if blocking(hits):
            raise BlockedError(hits, ANSWER)
        if _take_out(texts, found):
            for choice in body["choices"]:
                without_spelling(choice)
        return hits


async def _apart(texts: Sequence[Text], look: Any) -> list[list[Hit]]:
    """What `look` finds in each, beside the event loop where that takes long."""

    def all_of_them() -> list[list[Hit]]:
        return [look(text) for text in texts]

    if sum(len(text.value) for text in texts) < _LARGE:
        return all_of_them()
    return await asyncio.to_thread(all_of_them)


def _take_out(texts: Sequence[Text], found: Sequence[list[Hit]]) -> bool:
    """Redact the texts; whether any was changed."""
    changed = False
    for text, hits in zip(texts, found, strict=True):
        if any(hit.action == REDACT for hit in hits):
            text.value = redacted(text.value, hits)
            changed = True
    return changed
