"""LoRA adapters of a language model's service, and what the lock file pins of them.

An adapter comes from the hub, at a commit that its service's file names, or from the model
registry, at the version that the lock file pins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator
from validation import Strict

if TYPE_CHECKING:
    from llm_service import LlmServiceFile

_Text = Annotated[str, Field(min_length=1, max_length=500)]


class LlmAdapter(Strict):
    """A LoRA adapter that is served beside the model: `model`, or `hubName` at `revision`."""

    name: _Text
    """Name by which requests ask for it."""
    rank: Annotated[int, Field(ge=1, le=256)]
    """Highest rank that there is room for: 8, 16, 32, 64, 128 or 256; the hub's has this rank."""
    model: (
        Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9][-A-Za-z0-9_.]*$")]
        | None
    ) = None
    """Its name in the model registry; the lock file pins its version."""
    hub_name: _Text | None = None
    """Name on the Hugging Face Hub."""
    revision: _Text | None = None
    """Commit there, 40 hex digits."""

    @model_validator(mode="after")
    def _of_one_place(self) -> Self:
        of_hub = (self.hub_name is not None, self.revision is not None)
        if of_hub != ((False, False) if self.model is not None else (True, True)):
            raise ValueError(
                "needs either `model`, or both `hubName` and `revision`; write the one or both"
            )
        return self


class AdapterPin(Strict):
    """The one version of a registered adapter that a service serves."""

    version: Annotated[str, Field(pattern=r"^[1-9]\d*$")]
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    base: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
    """The model that it was trained on: name, `@`, revision."""
    rank: Annotated[int, Field(ge=1)]


AdapterPins = Mapping[str, Mapping[str, AdapterPin]]
"""By service, and then by the adapter's name in the registry."""


def served(file: LlmServiceFile, pins: AdapterPins) -> list[tuple[LlmAdapter, AdapterPin | None]]:
    """The adapters that a service serves, with the pins of those of the registry."""
    pinned = pins.get(file.name, {})
    return [
        (adapter, pinned.get(adapter.model) if adapter.model is not None else None)
        for adapter in file.adapters
        if adapter.model is None or adapter.model in pinned
    ]


def arguments(adapter: LlmAdapter, pin: AdapterPin | None) -> dict[str, Any]:
    """The adapter as the component takes it."""
    args = adapter.model_dump(exclude={"model"}, exclude_none=True)
    if pin is not None:
        version = {"name": adapter.model, "version": pin.version, "digest": pin.digest}
        args["registered"] = version
    return args


def unpinned(file: LlmServiceFile, pins: AdapterPins, stack: str) -> list[str]:
    """What is declared and not pinned, and so not served."""
    return [
        f"services/{file.name}: adapter {adapter.model} is not pinned, so it is not served; "
        f"run `stanchion promote {adapter.model} VERSION --env {stack}`"
        for adapter in file.adapters
        if adapter.model is not None and adapter.model not in pins.get(file.name, {})
    ]


def fitting(files: Sequence[LlmServiceFile], pins: AdapterPins) -> AdapterPins:
    """The pins without those that do not go with their services' models."""
    return {
        file.name: {
            adapter: pin
            for adapter, pin in pins.get(file.name, {}).items()
            if not adapter_problems(file, {file.name: {adapter: pin}})
        }
        for file in files
    }


def adapter_problems(file: LlmServiceFile, pins: AdapterPins) -> list[str]:
    """Pinned adapters that do not go with the service's model, or with the room for them."""
    if file.model is None:
        return []
    base, problems = f"{file.model.name}@{file.model.revision}", []
    for at, adapter in enumerate(file.adapters):
        pin = pins.get(file.name, {}).get(adapter.model or "")
        if pin is None:
            continue
        pinned = f"adapters[{at}].model: version {pin.version} of {adapter.model}"
        if pin.base != base:
            problems.append(
                f"{pinned} was trained on {pin.base}, and {base} is served; promote a version that "
                "was trained on it, or serve its base"
            )
        if pin.rank > adapter.rank:
            problems.append(
                f"{pinned} has rank {pin.rank}, and there is room for {adapter.rank}; raise "
                f"adapters[{at}].rank"
            )
    return problems
