"""An operator's own patterns: what is not to be said, and what it is all to be about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import regex

from stanchion_llm_gateway.guardrails.hits import BLOCK, POLICY, Hit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stanchion_llm_gateway.guard_configuration import PolicyRule

_MATCH_SECONDS: Final = 0.25
"""Longest time a pattern may take: it is not ours, and may be one that never ends."""


class PolicyFinder:
    """Finds an operator's patterns; one that takes too long refuses the text."""

    def __init__(self, rules: Iterable[PolicyRule]) -> None:
        self._rules = [
            (rule.name, rule.action, regex.compile(rule.pattern, regex.IGNORECASE))
            for rule in rules
        ]

    def find(self, text: str) -> list[Hit]:
        """Every match."""
        hits: list[Hit] = []
        for name, action, pattern in self._rules:
            try:
                hits += [
                    Hit(POLICY, name, action, found.start(), found.end())
                    for found in pattern.finditer(text, timeout=_MATCH_SECONDS)
                    if found.end() > found.start()
                ]
            except TimeoutError:
                hits.append(Hit(POLICY, name, BLOCK, 0, len(text)))
        return hits


class Topics:
    """What a conversation may be about."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = [regex.compile(pattern, regex.IGNORECASE) for pattern in allowed]

    def find(self, text: str) -> list[Hit]:
        """A refusal, unless there are no topics or the text matches one."""
        if not self._allowed or any(self._about(pattern, text) for pattern in self._allowed):
            return []
        return [Hit(POLICY, "allowed_topics", BLOCK)]

    @staticmethod
    def _about(pattern: regex.Pattern[str], text: str) -> bool:
        try:
            return pattern.search(text, timeout=_MATCH_SECONDS) is not None
        except TimeoutError:
            return False
