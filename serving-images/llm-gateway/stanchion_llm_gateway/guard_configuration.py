"""The part of the configuration that says what guardrails look for and what they do."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

import regex
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic import model_validator as checked_together

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,199}$")]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class Part(BaseModel):
    """A part of the file: no field that is not known, none that changes later."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PiiAction(StrEnum):
    """What happens to personal data."""

    OFF = "off"
    REDACT = "redact"
    BLOCK = "block"


class RuleAction(StrEnum):
    """What happens where a rule applies."""

    OFF = "off"
    REPORT = "report"
    BLOCK = "block"


class PolicyRule(Part):
    """A pattern that is refused or taken out."""

    name: Name
    pattern: str
    """A regular expression, without regard to case."""
    action: Annotated[str, StringConstraints(pattern=r"^(redact|report|block)$")] = "block"

    @checked_together(mode="after")
    def _compiles(self) -> Self:
        _compiled(self.pattern)
        return self


class Pii(Part):
    """Personal data and credentials."""

    action: PiiAction = PiiAction.REDACT
    entities: list[str] | None = None
    """Kinds looked for, as CREDIT_CARD. Default: all that are found without a language model."""
    minimum_score: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Confidence from which a match counts."""


class InputGuard(Part):
    """What is looked for in prompts."""

    pii: Pii = Pii()
    injection: RuleAction = RuleAction.BLOCK
    policy: tuple[PolicyRule, ...] = ()
    allowed_topics: tuple[str, ...] = ()
    """Regular expressions; where there are some, what a user last said must match one."""

    @checked_together(mode="after")
    def _compiles(self) -> Self:
        for pattern in self.allowed_topics:
            _compiled(pattern)
        return self


class OutputGuard(Part):
    """What is looked for in answers."""

    pii: Pii = Pii()
    policy: tuple[PolicyRule, ...] = ()
    window_chars: Annotated[int, Field(ge=32, le=4096)] = 128
    """How much of a streamed answer is held back, so that a match split over chunks is seen
    whole. Longer matches may slip through."""


class GuardModel(Part):
    """A classifier behind an OpenAI-compatible API that answers `safe`, or `unsafe` and why."""

    backend: Name
    model: Name
    on: tuple[Annotated[str, StringConstraints(pattern=r"^(input|output)$")], ...] = ("input",)
    seconds: Seconds = 2.0
    """Longest wait for its verdict."""
    on_failure: Annotated[str, StringConstraints(pattern=r"^(block|allow)$")] = "block"
    """What a missing or unreadable verdict means."""


class Guardrails(Part):
    """All guardrails."""

    input: InputGuard = InputGuard()
    output: OutputGuard = OutputGuard()
    model: GuardModel | None = None


def _compiled(pattern: str) -> None:
    try:
        regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"'{pattern}' is no regular expression: {error}; correct it") from None
