"""What a guardrail found, and text without it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from stanchion_llm_gateway.errors import BLOCKED, GatewayError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PII: Final = "pii"
INJECTION: Final = "injection"
POLICY: Final = "policy"
GUARD_MODEL: Final = "guard_model"
KINDS: Final = (PII, INJECTION, POLICY, GUARD_MODEL)
REDACT: Final = "redact"
REPORT: Final = "report"
BLOCK: Final = "block"
ACTIONS: Final = (REDACT, REPORT, BLOCK)

_SLICE: Final = 4096
_OVERLAP: Final = 512


@dataclass(frozen=True)
class Hit:
    """A match: what kind, which rule, what follows, and where in the text."""

    kind: str
    name: str
    action: str
    start: int = 0
    end: int = 0


class BlockedError(GatewayError):
    """A guardrail refuses the prompt or the answer. Names the rules, never what they matched."""

    def __init__(self, hits: Sequence[Hit], what: str) -> None:
        rules = ", ".join(sorted({f"{hit.kind}/{hit.name}" for hit in hits}))
        super().__init__(
            HTTPStatus.BAD_REQUEST,
            f"the {what} was refused by a guardrail: {rules}",
            BLOCKED,
            "content_filter",
        )
        self.hits = tuple(hits)
        self.reason = rules


def slices(text: str) -> Iterator[tuple[int, str]]:
    """A long text in parts that overlap, each with where it begins.

    A pattern holds Python's lock while it searches; between two parts others may go on.
    """
    for start in range(0, max(1, len(text) - _OVERLAP), _SLICE - _OVERLAP):
        yield start, text[start : start + _SLICE]


def found(hits: Iterable[Hit]) -> list[str]:
    """What was found, each rule once with what follows, as `pii/CREDIT_CARD: redact`."""
    return sorted({f"{hit.kind}/{hit.name}: {hit.action}" for hit in hits})


def blocking(hits: Iterable[Hit]) -> list[Hit]:
    """Those that refuse."""
    return [hit for hit in hits if hit.action == BLOCK]


def redacted(text: str, hits: Iterable[Hit], start: int = 0, end: int | None = None) -> str:
    """`text[start:end]` with each match to be taken out replaced by its name, as <CREDIT_CARD>.

    Matches may overlap; the earliest, and of those the longest, gives the name.
    """
    end = len(text) if end is None else end
    parts: list[str] = []
    done = start
    spans = [hit for hit in hits if hit.action == REDACT]
    for hit in sorted(spans, key=lambda hit: (hit.start, -hit.end)):
        if hit.end <= done or hit.start >= end:
            continue
        if hit.start >= done:
            parts += [text[done : hit.start], f"<{hit.name}>"]
        elif done == start:  # it began before the part that is asked for
            parts.append(f"<{hit.name}>")
        done = min(hit.end, end)
    parts.append(text[done:end])
    return "".join(parts)
