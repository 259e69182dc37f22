"""Finding, among many objects, the few that may have a label or ask for one.

Selectors are matched by `reading.selects`; here is what spares trying all against all. What is not
known yet is always among what may match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from stanchion_policies.reading import known
from stanchion_policies.unknown import UnknownValueError

T = TypeVar("T")

Pair = tuple[str, str]


class ByPair(Generic[T]):
    """Things by pairs of a key and a value.

    Args:
        things: The things.
        pairs: The pairs of a thing, one of which is to be looked for; None where it matches
            whatever is looked for. May raise `UnknownValueError`, which means the same.
    """

    def __init__(self, things: Sequence[T], pairs: Callable[[T], Iterable[Pair] | None]) -> None:
        self._things = things
        self._places: dict[Pair, list[int]] = {}
        self._always: list[int] = []
        for place, thing in enumerate(things):
            try:
                found = pairs(thing)
                listed = None if found is None else [*found]
            except UnknownValueError:
                listed = None
            if listed is None:
                self._always.append(place)
            for pair in listed or ():
                self._places.setdefault(pair, []).append(place)

    def matching(self, pairs: Iterable[Pair] | None) -> Sequence[T]:
        """The things that one of the pairs may match, in their order; all where it is None."""
        if pairs is None:
            return self._things
        found = {place for pair in pairs for place in self._places.get(pair, ())}
        return [self._things[place] for place in sorted({*found, *self._always})]


def labels_of(labels: Mapping[str, Any]) -> Iterator[Pair]:
    """The pairs of labels.

    Raises:
        UnknownValueError: One is not known yet.
    """
    for key in labels:
        if isinstance(labels[key], str):
            yield key, labels[key]


def asked_by(match_labels: Mapping[str, Any]) -> list[Pair] | None:
    """A pair that a selector's `matchLabels` ask for; None where they may match anything."""
    for key in match_labels:
        value = known(match_labels, key)
        if isinstance(value, str):
            return [(key, value)]
    return None
