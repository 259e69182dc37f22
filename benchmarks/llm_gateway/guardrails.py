"""What the guardrails find of the labelled prompts, asked through the gateway's process."""

from __future__ import annotations

from dataclasses import dataclass

from stanchion_cli.errors import StanchionError

from benchmarks.llm_gateway import samples
from benchmarks.llm_gateway.process import Running

INJECTION = "injections"
PERSONAL = "personal data and credentials"
NEAR = "harmless near misses"
ORDINARY = "ordinary prompts"


@dataclass(frozen=True)
class Found:
    """Of one kind of prompt, how many were flagged, and which were judged wrongly."""

    flagged: int
    total: int
    wrong: tuple[str, ...]


def judged(gateway: Running) -> dict[str, Found]:
    """Send every prompt to a gateway that refuses whatever it finds."""
    kinds = {
        INJECTION: (samples.INJECTIONS, True),
        PERSONAL: (samples.PERSONAL, True),
        NEAR: (samples.NEAR_MISSES, False),
        ORDINARY: (samples.ORDINARY, False),
    }
    return {kind: _of(gateway, prompts, bad) for kind, (prompts, bad) in kinds.items()}


def _of(gateway: Running, prompts: tuple[str, ...], bad: bool) -> Found:
    flagged = [prompt for prompt in prompts if _refused(gateway, prompt)]
    wrong = [prompt for prompt in prompts if (prompt in flagged) != bad]
    return Found(len(flagged), len(prompts), tuple(wrong))


def _refused(gateway: Running, prompt: str) -> bool:
    body = {"model": "assistant", "messages": [{"role": "user", "content": prompt}]}
    status, _, raw = gateway.ask("/v1/chat/completions", body)
    if status not in (200, 400):
        raise StanchionError(f"status {status} for {prompt!r}: {raw!r}")
    return status == 400
