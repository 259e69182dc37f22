"""Two evaluations of one environment compared, resource by resource, property by property."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from stanchion_cli.preview.model import Resource, leaves
from stanchion_cli.report.replacement import loss, replacing

Action = Literal["add", "change", "replace", "remove"]
SIGNS: dict[Action, str] = {"add": "+", "change": "~", "replace": "±", "remove": "-"}
"""How every format marks what happens to a resource."""
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property; `before` or `after` is None where the property is not there. Masked."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that is added, removed, changed or replaced; `was`: its former URN if it moved.

    `replaced_by` are the changed properties that make the engine replace it, where that is known.
    """

    action: Action
    urn: str
    type: str
    title: str
    properties: tuple[PropertyChange, ...] = ()
    was: str = ""
    replaced_by: tuple[str, ...] = ()
    protected: bool = False
    """Whether the engine refuses to delete what is there, so that the change fails."""
    retained: bool = False
    """Whether what is there stays in the cloud when the engine lets go of it."""

    @property
    def destructive(self) -> bool:
        """Whether it takes away a resource that holds data or that all else stands on."""
        return self.action in ("remove", "replace") and bool(loss(self.type))

    @property
    def warning(self) -> str:
        """What it means for the data, where it is destructive; else empty."""
        if not self.destructive:
            return ""
        if self.protected:
            return "protected: the engine refuses"
        if self.retained:
            return "what is there stays in the cloud, unmanaged"
        return loss(self.type)


def changes(
    before: Sequence[Resource], after: Sequence[Resource], masked: Callable[[Any], Any]
) -> tuple[Change, ...]:
    """What differs, in the order of registration, removals last.

    Args:
        before: The base's resources.
        after: The resources planned now.
        masked: Hides secrets; values are compared unmasked and shown masked, so that a changed
            secret is listed and not shown.
    """
    old = {resource.urn: resource for resource in before}
    found: list[Change] = []
    for resource in after:
        known_as = next(
            (urn for urn in (resource.urn, *resource.options.aliases) if urn in old), None
        )
        if known_as is None:
            found.append(Change("add", resource.urn, resource.type, resource.name))
            continue
        previous = old.pop(known_as)
        differing = _differing(_flat(previous), _flat(resource), masked)
        moved = known_as if known_as != resource.urn else ""
        if differing or moved:
            forced = replacing(resource, (item.path for item in differing))
            found.append(
                Change(
                    "replace" if forced else "change",
                    resource.urn,
                    resource.type,
                    resource.name,
                    differing,
                    moved,
                    forced,
                    previous.options.protect,
                    previous.options.retain_on_delete,
                )
            )
    found += [
        Change(
            "remove",
            gone.urn,
            gone.type,
            gone.name,
            protected=gone.options.protect,
            retained=gone.options.retain_on_delete,
        )
        for gone in old.values()
    ]
    return tuple(found)


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], masked: Callable[[Any], Any]
) -> tuple[PropertyChange, ...]:
    """What differs between two states of a resource's inputs, compared unmasked, shown masked."""
    return _differing(dict(leaves(before)), dict(leaves(after)), masked)


def _differing(
    old: Mapping[str, Any], new: Mapping[str, Any], masked: Callable[[Any], Any]
) -> tuple[PropertyChange, ...]:
    return tuple(
        PropertyChange(path, _shown(old, path, masked), _shown(new, path, masked))
        for path in dict.fromkeys([*old, *new])
        if old.get(path, _ABSENT) != new.get(path, _ABSENT)
    )


def _flat(resource: Resource) -> dict[str, Any]:
    options = {
        f"(option) {field.name}": getattr(resource.options, field.name)
        for field in fields(resource.options)
        if field.name not in ("version", "aliases")
    }
    return {**dict(leaves(resource.inputs)), **options, "(option) provider": resource.provider}


def _shown(flat: Mapping[str, Any], path: str, masked: Callable[[Any], Any]) -> Any:
    value = masked(flat.get(path))
    return None if value in ("", [], {}) and path.startswith("(option)") else value
