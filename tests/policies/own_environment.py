"""Our own environments, as policies are asked about them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from policies.conftest import ROOT
from policies.manifests import UNKNOWN, struct
from stanchion_cli import preview
from stanchion_cli.policies import AnalyzedResource
from stanchion_cli.preview import Asset, Resource, ResourceReference, Secret


@cache
def registered(environment: str) -> tuple[AnalyzedResource, ...]:
    """Every resource that an environment registers, in order."""
    planned = preview.run(environment, root=ROOT, policies=False)
    return tuple(map(analyzed, planned.resources))


def analyzed(resource: Resource) -> AnalyzedResource:
    """A previewed resource as a policy is asked about it."""
    return AnalyzedResource(
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        properties=struct(_sent(resource.inputs)),
        parent=resource.parent or "",
        dependencies=resource.dependencies,
        property_dependencies=resource.property_dependencies,
    )


def _sent(value: Any) -> Any:  # noqa: PLR0911  one return per kind of value
    if value is preview.UNKNOWN:
        return UNKNOWN
    if isinstance(value, Secret):
        return _sent(value.value)
    if isinstance(value, Asset):
        return str(value.content)
    if isinstance(value, ResourceReference):
        return _sent(value.id)
    if isinstance(value, Mapping):
        return {key: _sent(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sent(item) for item in value]
    return value
