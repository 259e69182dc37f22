"""How much of a traced answer is in what it was to be drawn from, as feedback on its trace."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from stanchion_serving.groundedness import groundedness

from stanchion_llm_gateway.errors import OK

if TYPE_CHECKING:
    from stanchion_serving.groundedness import Groundedness as Found

    from stanchion_llm_gateway.exchange import Exchange
    from stanchion_llm_gateway.tracing.configuration import Groundedness as Configured

MOST_CHARS: Final = 64_000
"""Of what an answer was to be drawn from; with more a request is not scored, for a part of it would
make the rest look invented."""
_NAME: Final = "groundedness"


def context_of(exchange: Exchange, configured: Configured) -> str:
    """What the answer was to be drawn from; empty where there is nothing, or too much."""
    if exchange.outcome != OK:
        return ""
    parts = [value for name, value in exchange.variables.items() if name in configured.variables]
    parts += [text for role, text in exchange.said if role in configured.roles]
    context = "\n".join(parts)
    return context if len(context) + exchange.answer_chars <= MOST_CHARS else ""


def score(exchange: Exchange) -> Found | None:
    """The score of an answer whose request had something that it was to be drawn from."""
    return groundedness("".join(exchange.answer), exchange.context) if exchange.context else None


def assessment(exchange: Exchange, found: Found, missing: str) -> dict[str, Any]:
    """The score as MLflow's feedback.

    Args:
        exchange: The request, with its trace's id.
        found: The score.
        missing: Words that are not in it, as they may be kept.
    """
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {
        "assessment_name": _NAME,
        "trace_id": f"tr-{exchange.trace_id}",
        "source": {"source_type": "CODE", "source_id": "stanchion/k-precision"},
        "create_time": now,
        "last_update_time": now,
        "feedback": {"value": round(found.score, 4)},
        "rationale": f"not in what was given: {missing}" if missing else "",
        "valid": True,
    }
