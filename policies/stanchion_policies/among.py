"""Many objects of which few are looked at: what they are is kept, the objects need not be."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

from stanchion_policies.kubernetes import KubernetesObject
from stanchion_policies.unknown import UnknownValueError

Places = Sequence[int]
"""Where objects stand among all."""


class Identities:
    """The kind, namespace and name of every object, a few hundred bytes each.

    Args:
        objects: Those there are already.
    """

    def __init__(self, objects: Iterable[KubernetesObject] = ()) -> None:
        self._by_kind: dict[str, array[int]] = {}
        self._namespaces: list[str | UnknownValueError] = []
        self._named: dict[tuple[str, str, str], int] = {}
        self._texts: dict[str, str] = {}
        for item in objects:
            self.add(item)

    def add(self, item: KubernetesObject) -> None:
        """Take in the next object; one of a group that its kind is not of has a place alone."""
        place = len(self._namespaces)
        namespace: str | UnknownValueError
        try:
            namespace = self._texts.setdefault(item.namespace, item.namespace)
        except UnknownValueError as unknown:
            namespace = unknown.with_traceback(None)
        self._namespaces.append(namespace)
        if not item.is_a(item.kind):
            return
        self._by_kind.setdefault(item.kind, array("I")).append(place)
        try:
            if isinstance(namespace, str):
                kind = self._texts.setdefault(item.kind, item.kind)
                self._named.setdefault((kind, namespace, item.name), place)
        except UnknownValueError:
            pass  # it cannot be referred to by a name

    def of(self, *kinds: str) -> Places:
        """The places of the objects of some kinds, ascending."""
        found = array("I")
        for kind in {*kinds}:
            found.extend(self._by_kind.get(kind, ()))
        return found if len(kinds) == 1 else array("I", sorted(found))

    def named(self, kind: str, namespace: str, name: str) -> int | None:
        """The place of the first object of that name."""
        return self._named.get((kind, namespace, name))

    def namespace(self, place: int) -> str:
        """The namespace of an object.

        Raises:
            UnknownValueError: It is not known yet.
        """
        found = self._namespaces[place]
        if isinstance(found, UnknownValueError):
            raise found.with_traceback(None)
        return found


class Among(Sequence[KubernetesObject]):
    """Some of many objects, in their order: each is fetched when it is looked at.

    Args:
        objects: All.
        places: Which.
    """

    def __init__(self, objects: Sequence[KubernetesObject], places: Places) -> None:
        self._objects, self._places = objects, places

    def __len__(self) -> int:
        """How many."""
        return len(self._places)

    def __iter__(self) -> Iterator[KubernetesObject]:
        """One after the other."""
        return map(self._objects.__getitem__, self._places)

    @overload
    def __getitem__(self, index: int) -> KubernetesObject: ...
    @overload
    def __getitem__(self, index: slice) -> Among: ...
    def __getitem__(self, index: int | slice) -> KubernetesObject | Among:
        """One, or a part."""
        if isinstance(index, slice):
            return Among(self._objects, self._places[index])
        return self._objects[self._places[index]]

    def where(self, predicate: Callable[[KubernetesObject], bool]) -> Among:
        """Those of which something holds."""
        held = (place for place in self._places if predicate(self._objects[place]))
        return Among(self._objects, array("I", held))


class ByNamespace:
    """Objects by the namespaces they are in; an unknown namespace may be any.

    Args:
        objects: All objects.
        places: Which of them are meant.
        identities: Their namespaces.
    """

    def __init__(
        self, objects: Sequence[KubernetesObject], places: Places, identities: Identities
    ) -> None:
        self._objects = objects
        self._known: dict[str, array[int]] = {}
        self._anywhere = array("I")
        self._unknown: UnknownValueError | None = None
        for place in places:
            try:
                self._known.setdefault(identities.namespace(place), array("I")).append(place)
            except UnknownValueError as unknown:
                self._unknown = self._unknown or unknown
                self._anywhere.append(place)

    def within(self, namespace: str) -> Among:
        """The objects in `namespace`, in their order.

        Raises:
            UnknownValueError: The namespace of one of all objects is not known yet.
        """
        if self._unknown is not None:
            raise self._unknown.with_traceback(None)
        return Among(self._objects, self._known.get(namespace, ()))

    def possibly_within(self, namespace: str) -> Among:
        """The objects in `namespace`, then those that may be there."""
        return Among(self._objects, [*self._known.get(namespace, ()), *self._anywhere])
