"""Resources of any provider, and all of a stack together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stanchion_policies.cluster import Cluster
from stanchion_policies.kubernetes import Resource


@dataclass(frozen=True)
class CloudResource:
    """A resource of any provider.

    Attributes:
        resource: The resource as the engine shows it.
    """

    resource: Resource

    @property
    def urn(self) -> str:
        """Its URN."""
        return self.resource.urn

    @property
    def type(self) -> str:
        """Its type token, `aws:s3/bucket:Bucket` for instance."""
        return self.resource.resource_type

    @property
    def props(self) -> Mapping[str, Any]:
        """Its inputs in a preview; all its properties in a stack policy after a deployment."""
        return self.resource.props

    @property
    def title(self) -> str:
        """`Bucket artifacts`, for messages."""
        return f"{self.type.rpartition(':')[2]} {self.resource.name}"


class Stack:
    """All resources of a stack.

    Args:
        resources: The resources, in the order of their registration.
        cluster: The Kubernetes objects they declare.
    """

    def __init__(self, resources: Sequence[Resource], cluster: Cluster) -> None:
        self.resources = [CloudResource(resource) for resource in resources]
        self.cluster = cluster

    def of(self, *types: str) -> list[CloudResource]:
        """The resources of some types."""
        return [item for kind in types for item in self._by_type.get(kind, ())]

    def sources(self, item: CloudResource, prop: str) -> list[CloudResource]:
        """The resources that a top-level property of `item` is derived from."""
        derived: Mapping[str, Sequence[Resource]] = getattr(
            item.resource, "property_dependencies", {}
        )
        return [CloudResource(source) for source in derived.get(prop, ())]

    @cached_property
    def _by_type(self) -> Mapping[str, list[CloudResource]]:
        found: dict[str, list[CloudResource]] = {}
        for item in self.resources:
            found.setdefault(item.type, []).append(item)
        return found
