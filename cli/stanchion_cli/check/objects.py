"""The objects of manifests as rules see them, of which few are in memory at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, overload

from stanchion_cli.check.manifests import Manifest
from stanchion_cli.check.spool import Spool
from stanchion_cli.report.place import Place
from stanchion_policies import RULES
from stanchion_policies.among import Among, Identities
from stanchion_policies.kubernetes import KubernetesObject, objects_of
from stanchion_policies.pools import POOLS
from stanchion_policies.rules import OF_OBJECTS
from stanchion_policies.stack import CloudResource

_KEPT: Final = 512
"""Objects in memory: those that are looked at together mostly stand together."""
_RESOURCES: Final = POOLS.union(*(rule.kinds for rule in RULES if rule.scope not in OF_OBJECTS))
"""Types that rules look at as resources: node pools, of what manifests can hold."""


@dataclass(slots=True)
class _Declared:
    """A manifest as rules see resources."""

    resource_type: str
    props: Mapping[str, Any]
    urn: str
    name: str
    provider: None = None
    opts: None = None


class Held(NamedTuple):
    """An object, and where its manifest begins."""

    item: KubernetesObject
    place: Place


class Objects(Sequence[KubernetesObject]):
    """Objects that are put aside in a file as they are read and fetched as they are looked at.

    Attributes:
        identities: What they are.
        resources: Those that rules look at as resources as well, by their URN.
    """

    def __init__(self) -> None:
        self.identities = Identities()
        self.resources: dict[str, CloudResource] = {}
        self._spool = Spool()
        self._file, self._in_file = "", Counter[str]()
        self.held = lru_cache(_KEPT)(self._fetched)

    def add(self, manifest: Manifest) -> None:
        """Take in the next object, unless it is of a kind that no rule can look at."""
        place, body = manifest
        declared = self._declared(place, body)
        for item in objects_of(declared):
            self.identities.add(item)
            # What a controller makes of the manifest is held beside it.
            token = (
                declared.resource_type
                if item.body is body
                else f"kubernetes:{item.group}/v1:{item.kind}"
            )
            self._spool.append((*place, item.urn, item.resource_name, token, item.body))
            if declared.resource_type in _RESOURCES:
                self.resources[item.urn] = CloudResource(declared)

    def settle(self) -> None:
        """Make what was added readable for processes that are forked now."""
        self._spool.flush()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._spool)

    @overload
    def __getitem__(self, index: int) -> KubernetesObject: ...
    @overload
    def __getitem__(self, index: slice) -> Among: ...
    def __getitem__(self, index: int | slice) -> KubernetesObject | Among:
        """One, or a part of which each is fetched when it is looked at."""
        if isinstance(index, slice):
            return Among(self, range(len(self))[index])
        return self.held(index).item

    def _declared(self, place: Place, body: Mapping[str, Any]) -> _Declared:
        token = f"kubernetes:{body['apiVersion']}:{body['kind']}"
        metadata = body.get("metadata")
        known = metadata if isinstance(metadata, dict) else {}
        name = str(known.get("name") or known.get("generateName") or "")
        where = f"{known['namespace']}/" if known.get("namespace") else ""
        urn = f"urn:pulumi:check::manifests::{token}::{place.file}#{where}{name}"
        if place.file != self._file:
            self._file, self._in_file = place.file, Counter()
        self._in_file[urn] += 1
        if self._in_file[urn] > 1:
            urn = f"{urn}#{self._in_file[urn]}"
        return _Declared(token, body, urn, name)

    def _fetched(self, place: int) -> Held:
        file, line, urn, name, token, body = self._spool[place]
        item, *_ = objects_of(_Declared(token, body, urn, name))
        return Held(item, Place(file, line))
