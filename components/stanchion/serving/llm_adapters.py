"""LoRA adapters beside a language model, of the hub or of the model registry."""

import re
from collections.abc import Sequence
from typing import NotRequired, TypedDict

from stanchion.checks import Checks
from stanchion.serving.arguments import ModelPin, check_model

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
COMMIT = re.compile(r"[0-9a-f]{40}")
RANKS = (8, 16, 32, 64, 128, 256)
"""Ranks that vLLM makes room for."""
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,62}")


class LlmAdapter(TypedDict):
    """A LoRA adapter that is served beside the model: `registered`, or `hub_name` at `revision`."""

    name: str
    """Name by which requests ask for it, as a model's."""
    rank: int
    """Highest rank that there is room for: 8, 16, 32, 64, 128 or 256. The hub's has this rank."""
    registered: NotRequired[ModelPin]
    """The version of the model registry that it is. Its digest, its rank and the base model that
    it was trained on, with the revision, are held to those of the service before vLLM starts.
    Default: it comes from the hub."""
    hub_name: NotRequired[str]
    """Its name on the Hugging Face Hub; not with `storage.cache` bucketMount. Default: it is
    `registered`."""
    revision: NotRequired[str]
    """The commit there, 40 hex digits. Default: it is `registered`."""


def check_adapters(check: Checks, service: str, adapters: Sequence[LlmAdapter]) -> None:
    """Note what is wrong with a service's adapters.

    Args:
        check: Where it is noted.
        service: Name of the model in requests.
        adapters: The adapters.
    """
    check.unique("adapters", [service, *(adapter["name"] for adapter in adapters)])
    for at, adapter in enumerate(adapters):
        where = f"adapters[{at}]"
        if not _NAME.fullmatch(adapter["name"]):
            check.refuse(f"{where}.name", f"'{adapter['name']}' is no name", "write letters")
        if adapter["rank"] not in RANKS:
            check.refuse(
                f"{where}.rank",
                f"{adapter['rank']} is a rank that vLLM makes no room for",
                f"write one of {', '.join(map(str, RANKS))}",
            )
        _check_source(check, where, adapter)


def _check_source(check: Checks, where: str, adapter: LlmAdapter) -> None:
    of_hub = "hub_name" in adapter and "revision" in adapter
    some_of_hub = "hub_name" in adapter or "revision" in adapter
    if ("registered" in adapter) == some_of_hub or some_of_hub != of_hub:
        check.refuse(
            where,
            "is not of one place",
            "write either registered, or both hub_name and revision",
        )
        return
    if "registered" in adapter:
        check_model(check, adapter["registered"], at=f"{where}.registered")
        return
    if not HUB_NAME.fullmatch(adapter["hub_name"]):
        check.refuse(
            f"{where}.hub_name",
            f"'{adapter['hub_name']}' is no name on the hub",
            "write its owner and name",
        )
    if not COMMIT.fullmatch(adapter["revision"]):
        check.refuse(
            f"{where}.revision",
            f"'{adapter['revision']}' pins nothing",
            "write the commit's 40 hexadecimal digits",
        )
