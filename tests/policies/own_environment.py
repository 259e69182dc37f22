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
    return tuple(map(analyzed, _previewed(environment)))


@cache
def deployed(environment: str) -> tuple[AnalyzedResource, ...]:
    """The same, where what AWS calls its resources is known."""
    made = {
        resource.urn: {
            "id": resource.name,
            "arn": f"arn:aws:stand-in:us-east-1:333333333333:{resource.name}",
            "url": f"https://stand-in.example/{resource.name}",
        }
        for resource in _previewed(environment)
        if resource.type.startswith("aws:")
    }
    return tuple(map(analyzed, _previewed(environment, made)))


def _previewed(
    environment: str, outputs: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[Resource, ...]:
    return preview.run(environment, root=ROOT, policies=False, outputs=outputs).resources


def analyzed(resource: Resource) -> AnalyzedResource:
    """A previewed resource as a policy is asked about it."""
    return AnalyzedResource(
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        properties=struct(_sent(resource.inputs)),
        parent=resource.parent or "",
        ignore_changes=resource.options.ignore_changes,
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
