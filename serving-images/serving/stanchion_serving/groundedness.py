"""How much of an answer is in the text that it was to be drawn from.

The measure is K-Precision: the share of the answer's words that the given text has, after lower
case and without punctuation and articles. Of the measures by words it agreed best with people's
judgement of faithfulness (Adlakha and others, Evaluating Correctness and Faithfulness of
Instruction-Following Models for Question Answering, TACL 2024, arXiv:2307.16877).

It sees words alone. It cannot see that an answer turns the text's meaning around with the text's
own words, nor that a text supports a paraphrase; an answer that says less scores no lower, and one
that repeats the text scores 1. Words are what Unicode calls so: languages written without spaces
are not measured. Nothing here judges whether the text itself is true.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_ARTICLES: Final = frozenset({"a", "an", "the"})
_FEWEST_WORDS: Final = 3
"""Shorter answers, as Yes, have no share worth telling."""
_MOST_SHOWN: Final = 10


@dataclass(frozen=True)
class Groundedness:
    """The share of an answer's words that are in the text, 0 to 1, and the first that are not."""

    score: float
    missing: tuple[str, ...]


def groundedness(answer: str, context: str) -> Groundedness | None:
    """Measure an answer; None where it has fewer than three words, or there is no text.

    Args:
        answer: The answer.
        context: All that it was to be drawn from.
    """
    said, known = _words(answer), frozenset(_words(context))
    if len(said) < _FEWEST_WORDS or not known:
        return None
    missing = [word for word in said if word not in known]
    shown = tuple(dict.fromkeys(missing))[:_MOST_SHOWN]
    return Groundedness(1 - len(missing) / len(said), shown)


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _ARTICLES]
