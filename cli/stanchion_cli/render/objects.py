"""Kubernetes objects out of registered resources, with the order the engine would keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from stanchion_cli.errors import StanchionError
from stanchion_cli.preview.model import UNKNOWN, Preview, Resource, Secret, leaves
from stanchion_cli.preview.urn import name_of

_REPLICAS = "spec.replicas"
_OPAQUE = {
    "helm.sh": "a chart is installed by the provider and its insides are not ours to render",
    "kustomize": "it is expanded by the provider",
    "yaml": "it is expanded by the provider",
}


@dataclass(frozen=True, slots=True)
class KubernetesObject:
    """One object of the cluster.

    Attributes:
        urn: The resource it comes from.
        manifest: The object. Secrets are plain in it, so it is left out of `repr`; unknown values
            are `UNKNOWN`.
        depends_on: URNs of the objects that must exist before it, through components and other
            resources as the engine would wait for them.
        unknowns: Paths of the values that are not known before deployment.
        secrets: Paths of the values that must not be shown.
        protected: Whether the program protects it from deletion.
        retained: Whether the program keeps it in the cluster when it is no longer declared.
        ignored: Paths whose values the program leaves to others once the object exists.
    """

    urn: str
    manifest: Mapping[str, Any] = field(repr=False)
    depends_on: tuple[str, ...] = ()
    unknowns: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    protected: bool = False
    retained: bool = False
    ignored: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """`Deployment`, for example."""
        return str(self.manifest["kind"])

    @property
    def namespace(self) -> str:
        """Empty for an object of the cluster, or one that names none."""
        return str(self.manifest["metadata"].get("namespace") or "")

    @property
    def name(self) -> str:
        """The object's own name; the resource's where the provider would generate one."""
        name = self.manifest["metadata"].get("name")
        return name if isinstance(name, str) else name_of(self.urn)

    def __str__(self) -> str:
        """`Deployment demo/web`."""
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"


@dataclass(frozen=True, slots=True)
class NotRendered:
    """A resource of Kubernetes that is no single object, and why it is left out."""

    urn: str
    type: str
    reason: str


def objects(preview: Preview) -> list[KubernetesObject]:
    """Every Kubernetes object of a preview, each after those it depends on.

    Raises:
        StanchionError: Two resources stand for the same object.
    """
    order = _Order(preview.resources)
    found: dict[tuple[str, str, str, str], KubernetesObject] = {}
    for resource in preview.resources:
        if not _is_object(resource):
            continue
        item = _object(resource, order.before(resource))
        identity = (*_group_kind(item), item.namespace, item.name)
        if identity in found:
            raise StanchionError(
                f"{item} is declared twice, by {found[identity].urn} and by {item.urn}",
                fix="give one of them another name or namespace",
            )
        found[identity] = item
    return _sorted(found.values())


def _sorted(items: Iterable[KubernetesObject]) -> list[KubernetesObject]:
    """Each after all it depends on, otherwise in the order given."""
    waiting = {item.urn: item for item in items}
    done: list[KubernetesObject] = []

    def emit(urn: str) -> None:
        item = waiting.pop(urn, None)
        if item is not None:
            for needed in item.depends_on:
                emit(needed)
            done.append(item)

    for urn in list(waiting):
        emit(urn)
    return done


def for_repository(item: KubernetesObject) -> KubernetesObject:
    """An object as a file that somebody applies again and again.

    The number of replicas that it begins with is left out: each time, the one that its autoscaler
    has found would be lost. Of what else it leaves to others, `ignored` keeps what it states.
    """
    manifest = dict(item.manifest)
    if _REPLICAS in item.ignored and isinstance(manifest.get("spec"), Mapping):
        manifest["spec"] = {k: v for k, v in manifest["spec"].items() if k != "replicas"}
    stated = [path for path in item.ignored if _states(manifest, path)]
    return replace(item, manifest=manifest, ignored=tuple(stated))


def _states(manifest: Mapping[str, Any], path: str) -> bool:
    found: Any = manifest
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return False
        found = found[key]
    return True


def not_rendered(preview: Preview) -> list[NotRendered]:
    """Resources of Kubernetes that `objects` leaves out, and why."""
    return [
        NotRendered(resource.urn, resource.type, reason)
        for resource in preview.resources
        if (reason := _why_not(resource)) is not None
    ]


def _is_object(resource: Resource) -> bool:
    return (
        resource.custom
        and not resource.external
        and resource.type.startswith("kubernetes:")
        and _why_not(resource) is None
    )


def _why_not(resource: Resource) -> str | None:
    if not resource.type.startswith("kubernetes:"):
        return None
    _, module, kind = resource.type.split(":", 2)
    for prefix, reason in _OPAQUE.items():
        if module.startswith(prefix):
            return reason
    if kind.endswith("Patch"):
        return "it changes fields of an object that someone else owns"
    if kind.endswith("List") and isinstance(resource.inputs.get("items"), list):
        return "it is a list of objects: declare each by itself"
    return "it is read, not managed" if resource.external else None


def _object(resource: Resource, depends_on: tuple[str, ...]) -> KubernetesObject:
    version, kind = _kind_of(resource)
    inputs = {**resource.inputs, "apiVersion": version, "kind": kind}
    inputs.setdefault("metadata", {})
    inputs = {key: inputs[key] for key in sorted(inputs, key=_position)}
    manifest = _plain(inputs)
    return KubernetesObject(
        urn=resource.urn,
        manifest=manifest,
        depends_on=depends_on,
        unknowns=tuple(path for path, value in leaves(manifest) if value is UNKNOWN),
        secrets=tuple(_secret_paths(inputs)),
        protected=resource.options.protect,
        retained=resource.options.retain_on_delete,
        ignored=resource.options.ignore_changes,
    )


def _kind_of(resource: Resource) -> tuple[str, str]:
    """As the inputs say, or as the type says: what the provider falls back to."""
    _, group_version, kind = resource.type.split(":", 2)
    version = resource.inputs.get("apiVersion") or group_version.removeprefix("core/")
    return str(version), str(resource.inputs.get("kind") or kind)


def _position(key: str) -> tuple[int, str]:
    order = {"apiVersion": 0, "kind": 1, "metadata": 2}
    return order.get(key, 3), key


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return _plain(value.value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _secret_paths(inputs: Mapping[str, Any]) -> Iterator[str]:
    for path, value in leaves(inputs):
        if isinstance(value, Secret):
            yield from (inner for inner, _ in leaves(_plain(value), path))


def _group_kind(item: KubernetesObject) -> tuple[str, str]:
    return str(item.manifest["apiVersion"]).rpartition("/")[0], item.kind


class _Order:
    """Which objects come before a resource.

    A resource waits for what it depends on, for its provider, and for everything its ancestors
    wait for: a child is only registered once its component is, and a component that depends on
    something waits for it. What a component stands for is its children.
    """

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._by_urn = {resource.urn: resource for resource in resources}
        self._children: dict[str, list[str]] = {}
        for resource in self._by_urn.values():
            if resource.parent:
                self._children.setdefault(resource.parent, []).append(resource.urn)

    def before(self, resource: Resource) -> tuple[str, ...]:
        """URNs of objects, in the order of registration."""
        found = self._objects(self._waits_for(resource), {resource.urn})
        return tuple(urn for urn in self._by_urn if urn in found)

    def _waits_for(self, resource: Resource) -> Iterator[str]:
        yield from resource.dependencies
        for urns in resource.property_dependencies.values():
            yield from urns
        if resource.provider:
            yield resource.provider
        parent = self._by_urn.get(resource.parent or "")
        if parent is not None:
            if parent.custom:
                yield parent.urn
            yield from self._waits_for(parent)

    def _objects(self, urns: Iterable[str], seen: set[str]) -> set[str]:
        """The nearest objects behind `urns`: what is no object is looked through."""
        found: set[str] = set()
        for urn in urns:
            resource = self._by_urn.get(urn)
            if resource is None or urn in seen:
                continue
            seen.add(urn)
            if _is_object(resource):
                found.add(urn)
                continue
            behind = self._waits_for(resource)
            children = self._children.get(urn, ()) if not resource.custom else ()
            found |= self._objects([*behind, *children], seen)
        return found
