"""What a LoRA adapter says of itself: the model that it was trained on, and its rank."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

ADAPTER_CONFIG: Final = "adapter_config.json"
ADAPTER_WEIGHTS: Final = "adapter_model.safetensors"
"""The two files that an adapter is, as PEFT writes them; neither brings code with it."""


class InvalidAdapterError(ValueError):
    """There is no adapter in what was given, or none that vLLM serves."""


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter."""

    base: str
    """Name of the model that it was trained on, `@`, and the revision."""
    rank: int

    def unfit_for(self, base: str, rank: int) -> list[str]:
        """Why a server does not take it; empty where it does.

        Args:
            base: The model that is served, as `base` says it.
            rank: The highest rank that there is room for.
        """
        found = []
        if self.base != base:
            found.append(f"was trained on {self.base}, and {base} is served")
        if self.rank > rank:
            found.append(f"has rank {self.rank}, and there is room for {rank}")
        return found


def read_adapter(folder: Path) -> Adapter:
    """The adapter in a folder.

    Its base counts with the revision alone: weights of another revision are another model. DoRA,
    biases and whole trained layers are refused as vLLM's `PEFTHelper` refuses them.

    Raises:
        InvalidAdapterError: With all that is wrong.
    """
    try:
        written: dict[str, Any] = json.loads((folder / ADAPTER_CONFIG).read_text("utf-8"))
        name, revision = written["base_model_name_or_path"], written.get("revision")
        rank, kind = written["r"], written["peft_type"]
    except FileNotFoundError:
        raise InvalidAdapterError(f"has no {ADAPTER_CONFIG}: it is no adapter of PEFT's") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidAdapterError(f"{ADAPTER_CONFIG} cannot be read: {error!r}") from None
    problems = []
    if kind != "LORA":
        problems.append(f"is {kind}, and LORA alone is served")
    if type(rank) is not int or rank < 1:
        problems.append(f"has no rank: {rank!r}")
    if not (isinstance(name, str) and name and isinstance(revision, str) and revision):
        problems.append(
            f"does not say at which revision of its base, {name}, it was trained: `revision` of "
            f"{ADAPTER_CONFIG} is {revision!r}"
        )
    if written.get("use_dora"):
        problems.append("is DoRA, which vLLM does not serve")
    if written.get("modules_to_save"):
        problems.append("has whole layers, modules_to_save, which vLLM does not serve")
    if written.get("bias", "none") != "none":
        problems.append("has biases, which vLLM does not serve")
    if problems:
        raise InvalidAdapterError("; ".join(problems))
    return Adapter(f"{name}@{revision}", rank)
