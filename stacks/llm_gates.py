"""What a service file demands of a language model's answers (`gates:`).

Here is what may be written; `stanchion evaluate` asks and judges. There is no judge that is a
language model itself: every scorer is code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from secret_source import SecretName
from service_gates import NO_LESS_THAN_0, SHARE, Bounds, check_within
from validation import Strict

Scorer = Literal[
    "exactMatch",
    "contains",
    "jsonSchema",
    "refusal",
    "piiFree",
    "groundedness",
    "latencySeconds",
    "outputTokens",
]
SMALLER_IS_BETTER: tuple[Scorer, ...] = ("latencySeconds", "outputTokens")
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class LlmEvaluation(Strict):
    """Answers to a pinned data set, scored by code."""

    data: Annotated[str, Field(max_length=500, pattern=r"^[^:\s]+\.jsonl$")]
    """The data set, a file of this repository with one object per line: `inputs` with `question`
    or `messages` (for a prompt: its variables), and `expectations` with what scorers compare with:
    `expected`, `contains`, `schema`, `refusal`, `context`."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the file, as `sha256sum FILE` prints it; another file is refused."""
    credentials: SecretName
    """Secret of the tenant whose key `api-key` is the API key of one of the gateway's consumers.
    """
    scorers: Annotated[Mapping[Scorer, Bounds], Field(min_length=1)]
    """Between what each score must lie: means over the rows that expect something of the kind;
    of `latencySeconds` the 90th percentile."""
    not_worse_than_live_by: Mapping[Scorer, _NotNegative] = {}
    """By how much a score may be worse than that of the run that `evaluation` names, or for a
    prompt of the version that is pinned. Nothing live yet: nothing is compared."""
    max_tokens: Annotated[int, Field(ge=1, le=100_000)] = 512
    """Longest answer that is asked for, tokens."""
    min_rows: Annotated[int, Field(ge=1)] = 10
    """Fewest rows that the data set must have, for its scores to mean anything."""
    max_failed_rows: Annotated[int, Field(ge=0)] = 0
    """Rows that may stay without an answer; they count in no score."""

    @model_validator(mode="after")
    def _bounds_on_the_side_that_counts(self) -> Self:
        for name, bound in self.scorers.items():
            smaller = name in SMALLER_IS_BETTER
            if (bound.max if smaller else bound.min) is None:
                better, wanted = ("smaller", "max") if smaller else ("larger", "min")
                raise ValueError(f"`{name}` is better when {better}; write its `{wanted}`")
        return self

    @model_validator(mode="after")
    def _bounds_can_be_met_and_missed(self) -> Self:
        for name, bound in self.scorers.items():
            between = NO_LESS_THAN_0 if name in SMALLER_IS_BETTER else SHARE
            check_within(name, between, bound.min, bound.max)
        return self

    @model_validator(mode="after")
    def _compares_what_is_scored(self) -> Self:
        for name in self.not_worse_than_live_by:
            if name not in self.scorers:
                raise ValueError(f"`{name}` is not among `scorers`; add it there")
        return self


class LlmGates(Strict):
    """What answers must be like."""

    evaluation: LlmEvaluation
