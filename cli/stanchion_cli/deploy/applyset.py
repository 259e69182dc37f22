"""An environment's objects as one ApplySet, so that what it no longer declares is pruned.

The labels and annotations are those of KEP-3659, so `kubectl apply --applyset` and other
tools recognise the set.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from stanchion_cli.deploy.api import Api, Manifest, Ref
from stanchion_cli.errors import StanchionError

SYSTEM_NAMESPACE = "stanchion-system"
PART_OF = "applyset.kubernetes.io/part-of"
_ID = "applyset.kubernetes.io/id"
_TOOLING = "applyset.kubernetes.io/tooling"
_KINDS = "applyset.kubernetes.io/contains-group-kinds"
_NAMESPACES = "applyset.kubernetes.io/additional-namespaces"
_VERSIONS = "stanchion.dev/contains-api-versions"
_ENGINE_MANAGER = "pulumi-kubernetes"


@dataclass(frozen=True)
class ApplySet:
    """The set of one environment; its parent is a ConfigMap in `stanchion-system`."""

    environment: str

    @property
    def parent(self) -> Ref:
        """The object that stands for the set."""
        return Ref("v1", "ConfigMap", SYSTEM_NAMESPACE, f"stanchion-{self.environment}")

    @property
    def id(self) -> str:
        """The set's identity, computed as KEP-3659 prescribes."""
        seed = f"{self.parent.name}.{self.parent.namespace}.ConfigMap."
        digest = hashlib.sha256(seed.encode()).digest()
        return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"

    def labelled(self, manifest: Manifest) -> dict[str, Any]:
        """The manifest as a member of the set."""
        metadata = dict(manifest["metadata"])
        metadata["labels"] = {**(metadata.get("labels") or {}), PART_OF: self.id}
        return {**manifest, "metadata": metadata}

    def exists(self, api: Api) -> bool:
        """Whether this environment was brought up this way."""
        return api.get(self.parent) is not None

    def check_owner(self, api: Api, refs: Sequence[Ref]) -> None:
        """Refuse, before anything is touched, when an object belongs to someone else.

        Raises:
            StanchionError: naming the owner and the way out.
        """
        for ref in refs:
            live = api.get(ref)
            if live is None:
                continue
            managers = {entry["manager"] for entry in live["metadata"].get("managedFields") or []}
            member_of = (live["metadata"].get("labels") or {}).get(PART_OF)
            if any(manager.startswith(_ENGINE_MANAGER) for manager in managers):
                raise StanchionError(
                    "is managed by the Pulumi engine",
                    where=str(ref),
                    fix=f"go on with `stanchion up {self.environment} --engine`, or give it up "
                    f"first with `stanchion down {self.environment} --engine`",
                )
            if member_of is None:
                raise StanchionError(
                    "exists already and is not Stanchion's",
                    where=str(ref),
                    fix="choose another name in the environment file, or delete the object",
                )
            if member_of != self.id:
                raise StanchionError(
                    f"belongs to another ApplySet ({member_of})",
                    where=str(ref),
                    fix="choose another name in the environment file, or remove it from that set",
                )

    def announce(self, api: Api, refs: Sequence[Ref]) -> None:
        """Record on the parent what is about to be in the set, besides what is in it already.

        A run that is interrupted can so be cleaned up by the next one.
        """
        self._write_parent(api, {*refs, *self._recorded(api)})

    def settle(self, api: Api, refs: Sequence[Ref]) -> None:
        """Record on the parent exactly what is in the set, after pruning."""
        self._write_parent(api, refs)

    def members(self, api: Api) -> list[Ref]:
        """Every live object of the set, of the kinds that the parent records.

        Each kind is listed once, under a version that the cluster serves now: the recorded ones may
        be several, or served no more. A kind that the cluster no longer has took its objects along.
        What a controller made of one, with its labels, is the controller's: KEDA's autoscaler of a
        ScaledObject, deleted, would be there again.
        """
        kinds = {(ref.group, ref.kind) for ref in self._recorded(api)}
        served = {(api.serves(group, kind), kind) for group, kind in kinds}
        selector = f"{PART_OF}={self.id}"
        return sorted(
            Ref.of(item)
            for api_version, kind in served
            if api_version
            for item in api.list(api_version, kind, selector=selector)
            if not any(
                owner.get("controller") for owner in item["metadata"].get("ownerReferences") or ()
            )
        )

    def bookkeeping(self, api: Api) -> list[Ref]:
        """What to delete when the members are gone: the parent, and its namespace after the last.

        The namespace takes along what else this command keeps there.
        """
        parents = api.list("v1", "ConfigMap", namespace=SYSTEM_NAMESPACE, selector=_ID)
        others = [item for item in parents if item["metadata"]["name"] != self.parent.name]
        return (
            [self.parent] if others else [self.parent, Ref("v1", "Namespace", "", SYSTEM_NAMESPACE)]
        )

    def _recorded(self, api: Api) -> set[Ref]:
        live = api.get(self.parent)
        annotations = (live or {}).get("metadata", {}).get("annotations") or {}
        versions = filter(None, annotations.get(_VERSIONS, "").split(","))
        namespaces = [*filter(None, annotations.get(_NAMESPACES, "").split(",")), ""]
        pairs = [entry.rpartition(":")[::2] for entry in versions]
        return {Ref(version, kind, place, "") for version, kind in pairs for place in namespaces}

    def _write_parent(self, api: Api, refs: Iterable[Ref]) -> None:
        known = list(refs)
        api.apply(_namespace(SYSTEM_NAMESPACE))
        api.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": self.parent.name,
                    "namespace": self.parent.namespace,
                    "labels": {_ID: self.id},
                    "annotations": {
                        _TOOLING: "stanchion/v0.1",
                        _KINDS: _joined(
                            f"{r.kind}.{r.group}" if r.group else r.kind for r in known
                        ),
                        _NAMESPACES: _joined(
                            r.namespace for r in known if r.namespace not in {"", SYSTEM_NAMESPACE}
                        ),
                        # Group and kind alone do not say under which version to ask for them.
                        _VERSIONS: _joined(f"{r.api_version}:{r.kind}" for r in known),
                    },
                },
            }
        )


def _joined(values: Iterable[str]) -> str:
    return ",".join(sorted(set(values)))


def _namespace(name: str) -> dict[str, Any]:
    restricted = {
        f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")
    }
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": restricted},
    }
