"""Values as reports may show them: no secret, and a mark for what is not known yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stanchion_cli.preview.model import UNKNOWN, Asset, ResourceReference, Secret

MASKED_SECRET, MASKED_UNKNOWN = "[secret]", "[unknown]"


def masked(value: Any) -> Any:  # noqa: PLR0911  one return per kind of value
    """`value` as it may be shown: plain JSON, secrets and unknowns as marks."""
    if isinstance(value, Secret):
        return MASKED_SECRET
    if value is UNKNOWN:
        return MASKED_UNKNOWN
    if isinstance(value, Asset):
        return f"[{value.kind}: {value.source}]"
    if isinstance(value, ResourceReference):
        return f"[resource {value.urn}]"
    if isinstance(value, Mapping):
        return {str(key): masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value


def unknowns_in(value: Any) -> int:
    """How many values in `value` are unknown, those in secrets too."""
    if isinstance(value, Secret):
        return unknowns_in(value.value)
    if isinstance(value, Mapping):
        return sum(unknowns_in(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(unknowns_in(item) for item in value)
    return int(value is UNKNOWN)
