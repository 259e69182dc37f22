"""Language models by what their memory depends on, as the catalogue lists them."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from stanchion.catalog.machines import CatalogueError, load


class LlmWeightFormat(StrEnum):
    """How a model's weights are kept in the memory of the GPUs."""

    BF16 = "bf16"
    """16 bits each, the range of 32."""
    FP16 = "fp16"
    """16 bits each, for GPUs without bf16."""
    FP8 = "fp8"
    """8-bit floating point."""
    INT8 = "int8"
    """8-bit integers."""
    AWQ_INT4 = "awq_int4"
    """4 bits each by activation-aware quantisation, a scale and a zero point for every 128."""
    GPTQ_INT4 = "gptq_int4"
    """4 bits each by GPTQ, a scale for every 128."""
    MXFP4 = "mxfp4"
    """4-bit floating point, a scale for every 32."""

    @property
    def bits(self) -> float:
        """Bits of one weight with its share of the scales."""
        return _BITS[self]


_BITS = {
    LlmWeightFormat.BF16: 16.0,
    LlmWeightFormat.FP16: 16.0,
    LlmWeightFormat.FP8: 8.0,
    LlmWeightFormat.INT8: 8.0,
    LlmWeightFormat.AWQ_INT4: 4 + (16 + 4) / 128,
    LlmWeightFormat.GPTQ_INT4: 4 + 16 / 128,
    LlmWeightFormat.MXFP4: 4 + 8 / 32,
}


@dataclass(frozen=True)
class Experts:
    """Feed-forward layers of which few answer a token."""

    per_token: int
    intermediate: int
    """Width of one."""


@dataclass(frozen=True)
class Latent:
    """Attention that keeps one compressed vector a layer for all its heads."""

    rank: int
    rotary: int
    """Elements beside it that carry the position."""


@dataclass(frozen=True)
class Sliding:
    """Layers that see the last tokens alone."""

    layers: int
    window: int
    """Tokens that they see."""


@dataclass(frozen=True)
class LanguageModel:
    """A language model's architecture."""

    name: str
    parameters: int
    layers: int
    hidden: int
    intermediate: int
    """Width of a dense feed-forward layer."""
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    context: int
    """Longest context that it was trained for, tokens."""
    tied: bool = False
    """Whether one embedding serves input and output."""
    experts: Experts | None = None
    latent: Latent | None = None
    sliding: Sliding | None = None
    weights: LlmWeightFormat = LlmWeightFormat.BF16
    """The format that its publisher gives them."""
    unquantised: int = 0
    """Parameters that keep 16 bits besides the embeddings."""

    @property
    def embedding(self) -> int:
        """Parameters of one embedding."""
        return self.vocabulary * self.hidden

    @property
    def embeddings(self) -> int:
        """How many embeddings it has: 2, or 1 where they are tied."""
        return 1 if self.tied else 2


@cache
def language_models() -> dict[str, LanguageModel]:
    """Every model of the catalogue, by its name on the Hugging Face Hub."""
    return {
        name: described(name, facts)
        for name, facts in load("llms.yaml")["models"]["entries"].items()
    }


def language_model(name: str) -> LanguageModel:
    """A model by its name on the Hugging Face Hub.

    Raises:
        CatalogueError: with the nearest names, if the catalogue has none of that name.
    """
    known = language_models()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)
        raise CatalogueError(
            f"'{name}' is no language model of the catalogue, so its memory is unknown",
            f"name one of the same architecture, as {', '.join(near)}",
        )
    return known[name]


def described(name: str, facts: Mapping[str, Any]) -> LanguageModel:
    """A model of which the same is known as the catalogue says of its own."""
    parts: dict[str, Callable[..., Any]] = {
        "experts": Experts,
        "latent": Latent,
        "sliding": Sliding,
    }
    made = {key: made(**facts[key]) for key, made in parts.items() if key in facts}
    weights = LlmWeightFormat(facts.get("weights", LlmWeightFormat.BF16))
    return LanguageModel(**{**facts, **made, "name": name, "weights": weights})
