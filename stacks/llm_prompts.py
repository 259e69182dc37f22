"""Prompts that a service of language models applies by name, and what the lock file pins of them.

A prompt's versions live in MLflow's prompt registry. The lock file holds the words of the one that
is served, so that a change of them is reviewed as any other and a gateway starts without MLflow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field
from validation import Strict

PromptName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class PromptPinMessage(Strict):
    """One message of a pinned prompt."""

    role: Annotated[str, Field(pattern=r"^[a-z]{1,20}$")]
    content: Annotated[str, Field(max_length=100_000)]


class PromptPin(Strict):
    """The one version of a prompt that a service applies, with its words."""

    version: Annotated[str, Field(pattern=r"^[1-9]\d*$")]
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    messages: Annotated[tuple[PromptPinMessage, ...], Field(min_length=1)]


PromptPins = Mapping[str, Mapping[str, PromptPin]]
"""By service, and then by prompt."""


def unpinned(service: str, prompts: Iterable[str], pins: PromptPins, stack: str) -> list[str]:
    """What is declared and not pinned, and so not served."""
    return [
        f"services/{service}: prompt {name} is not pinned, so it is not served; "
        f"run `stanchion promote {name} VERSION --prompt --env {stack}`"
        for name in prompts
        if name not in pins.get(service, {})
    ]
