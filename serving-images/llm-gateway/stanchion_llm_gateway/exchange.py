"""One request and its answer, as metrics, the audit log and traces see them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stanchion_llm_gateway.errors import OK
from stanchion_llm_gateway.ledger import DOLLAR
from stanchion_llm_gateway.metrics import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stanchion_llm_gateway.configuration import Target
    from stanchion_llm_gateway.guardrails.hits import Hit
    from stanchion_llm_gateway.texts import Text

_CHARS_PER_TOKEN = 4
ASK: Final = "ask"
GUARD: Final = "guard"


def estimated_tokens(chars: int) -> int:
    """Tokens of a text where nobody has counted them: about one for four characters."""
    return -(-chars // _CHARS_PER_TOKEN)


@dataclass
class Step:
    """A part of the work on a request, with its times in nanoseconds since 1970."""

    name: str
    kind: str
    """`ASK` of a backend, or `GUARD`."""
    facts: dict[str, Any]
    began: int = field(default_factory=time.time_ns)
    ended: int = 0
    failed: str = ""
    """Why it failed; never a text of the request."""


@dataclass
class Spent:
    """Tokens and money."""

    input_tokens: int = 0
    output_tokens: int = 0
    microdollars: int = 0

    @classmethod
    def at(cls, target: Target, input_tokens: int, output_tokens: int) -> Spent:
        """So many tokens, at a target's prices."""
        price = microdollars(target, input_tokens, output_tokens)
        return cls(input_tokens, output_tokens, price)

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.microdollars + other.microdollars,
        )


@dataclass
class Exchange:
    """What is known of a request so far."""

    request_id: str
    path: str
    started: float = field(default_factory=time.perf_counter)
    consumer: str = UNKNOWN
    model: str = UNKNOWN
    backend: str = ""
    named_prompt: tuple[str, str] | None = None
    """Name and version of the pinned prompt that it used."""
    streamed: bool = False
    outcome: str = OK
    status: int = 200
    error: str = ""
    trace_id: str = ""
    """Of the trace that it became, 32 hex digits."""
    began: int = field(default_factory=time.time_ns)
    """When it came, and below when it ended, in nanoseconds since 1970."""
    ended: int = 0
    steps: list[Step] = field(default_factory=list)
    hits: list[tuple[str, Hit]] = field(default_factory=list)
    """Matches with their direction, input or output."""
    prompt: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    """The texts of the prompt, each with its role."""
    context: str = ""
    """What the answer was to be drawn from, where that is scored."""
    variables: dict[str, str] = field(default_factory=dict)
    """Of the pinned prompt."""
    prompt_is_clean: bool = False
    """Whether a guardrail has taken every kind of personal data out of it already."""
    prompt_chars: int = 0
    answer: list[str] = field(default_factory=list)
    answer_is_clean: bool = False
    answer_chars: int = 0
    """Of what the backend said, whether the client saw it or not."""
    longest: int = 0
    """Most tokens that its answers may have together; 0 where it sets no limit."""
    in_vain: list[Target] = field(default_factory=list)
    """Who worked on it without an answer: too long, until the client left, or no answer's form."""
    spent: Spent = field(default_factory=Spent)
    """By the answer, and by those in vain."""
    usage: tuple[int, int] | None = None
    """The backend's own count of the answer, input and output."""
    waited: float = 0.0
    """Seconds spent waiting for others."""

    @property
    def seconds(self) -> float:
        """Since the request came."""
        return time.perf_counter() - self.started

    @property
    def counted(self) -> bool:
        """Whether a backend has counted all of the tokens; else some are estimated."""
        return self.usage is not None and not self.in_vain

    def note(self, direction: str, hits: Iterable[Hit]) -> None:
        """Keep what guardrails found."""
        self.hits += [(direction, hit) for hit in hits]

    @contextmanager
    def step(self, name: str, kind: str = GUARD, **facts: Any) -> Iterator[Step]:
        """The block is a step of the work; what it raises says why it failed."""
        step = Step(name, kind, facts)
        self.steps.append(step)
        try:
            yield step
        except BaseException as error:
            step.failed = getattr(error, "reason", "") or type(error).__name__
            raise
        finally:
            step.ended = time.time_ns()

    def read(self, texts: Iterable[Text]) -> None:
        """Keep the words of the prompt as they are now."""
        self.said = [(text.role, text.value) for text in texts]
        self.prompt = [value for _, value in self.said]

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The time inside is not the gateway's own."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.waited += time.perf_counter() - began

    def count(self, usage: object) -> None:
        """Take the backend's own count of tokens, where it gives one."""
        if isinstance(usage, dict) and isinstance(usage.get("prompt_tokens"), int):
            self.usage = usage["prompt_tokens"], usage.get("completion_tokens") or 0

    def spend(self, target: Target, output_tokens: int) -> Spent:
        """Add what a target used: these tokens of output, where it has not counted itself."""
        used = self.usage or (estimated_tokens(self.prompt_chars), output_tokens)
        spent = Spent.at(target, *used)
        self.spent += spent
        return spent


def microdollars(target: Target, input_tokens: int, output_tokens: int) -> int:
    """What so many tokens cost at a target."""
    thousandths = input_tokens * target.input_price + output_tokens * target.output_price
    return round(thousandths / 1000 * DOLLAR)
