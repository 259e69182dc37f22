"""Apply an environment's objects in dependency order, wait for them, prune what is gone."""

from __future__ import annotations

import copy
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

from stanchion_cli.deploy import readiness
from stanchion_cli.deploy.api import FIELD_MANAGER, Api, Manifest, Ref
from stanchion_cli.deploy.applyset import ApplySet
from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import detail, step

READY_TIMEOUT_SECONDS = 600
HOPELESS_SECONDS = 15
"""How long a failure must stand: right after a change, what is told is still the one before."""
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Planned:
    """One object to apply.

    Attributes:
        manifest: The object.
        after: The objects that must be ready before it.
        ignored: Paths of mappings' keys, as `spec.selector`, whose values belong to others once
            the object exists.
    """

    manifest: Manifest
    after: tuple[Ref, ...]
    ignored: tuple[str, ...] = ()

    @property
    def ref(self) -> Ref:
        """Which object it is."""
        return Ref.of(self.manifest)


@dataclass(frozen=True)
class Applied:
    """What an `up` did, object by object."""

    created: tuple[Ref, ...]
    changed: tuple[Ref, ...]
    unchanged: tuple[Ref, ...]
    pruned: tuple[Ref, ...]

    def __str__(self) -> str:
        """`3 created, 1 changed, 40 unchanged, 0 pruned`."""
        return (
            f"{len(self.created)} created, {len(self.changed)} changed, "
            f"{len(self.unchanged)} unchanged, {len(self.pruned)} pruned"
        )


def apply_all(api: Api, applyset: ApplySet, plan: Sequence[Planned]) -> Applied:
    """Apply `plan` in its order, each object once what it depends on is ready; then prune.

    Raises:
        StanchionError: naming the object that was refused or did not become ready, with the
            pod, the reason and its last log lines. Nothing is rolled back; the next run goes on.
    """
    refs = [planned.ref for planned in plan]
    outcome: dict[str, list[Ref]] = {"created": [], "changed": [], "unchanged": []}
    ready: set[Ref] = set()
    with step(f"apply {len(plan)} objects") as running:
        for planned in plan:
            for dependency in planned.after:
                if dependency not in ready:
                    _await_ready(api, dependency)
                    ready.add(dependency)
            before = api.get(planned.ref)
            manifest = planned.manifest if before is None else _as_found(planned, before)
            after = api.apply(applyset.labelled(manifest))
            if before is None:
                outcome["created"].append(planned.ref)
            elif before["metadata"]["resourceVersion"] != after["metadata"]["resourceVersion"]:
                outcome["changed"].append(planned.ref)
            else:
                outcome["unchanged"].append(planned.ref)
        running.note(", ".join(f"{len(found)} {word}" for word, found in outcome.items()))
    with step("wait until everything is ready"):
        for ref in refs:
            if ref not in ready:
                _await_ready(api, ref)
    pruned = _prune(api, applyset, keep=set(refs))
    applyset.settle(api, refs)
    return Applied(
        created=tuple(outcome["created"]),
        changed=tuple(outcome["changed"]),
        unchanged=tuple(outcome["unchanged"]),
        pruned=tuple(pruned),
    )


def _as_found(planned: Planned, live: Manifest) -> Manifest:
    """The manifest with what is ignored as the cluster has it: left out, it would be removed.

    What somebody else has written since is left out: then it stays, and a value that has changed
    again by the time it is applied is not taken back. Pulumi's Kubernetes provider does the same.
    """
    manifest: Any = copy.deepcopy(dict(planned.manifest))
    for path in planned.ignored:
        *parents, key = path.split(".")
        wanted: Any = manifest
        found: Any = live
        for parent in parents:
            wanted, found = wanted.setdefault(parent, {}), (found or {}).get(parent)
        if found and key in found and not _is_anothers(live, path):
            wanted[key] = found[key]
        else:
            wanted.pop(key, None)
    return cast("Manifest", manifest)


def _is_anothers(live: Manifest, path: str) -> bool:
    """Whether others have written a field, and we not or not since."""
    writers = {
        each.get("manager")
        for each in live.get("metadata", {}).get("managedFields", ())
        if _has(each.get("fieldsV1"), path)
    }
    return bool(writers) and FIELD_MANAGER not in writers


def _has(fields: Any, path: str) -> bool:
    for key in path.split("."):
        fields = (fields or {}).get(f"f:{key}")
    return fields is not None


def _prune(api: Api, applyset: ApplySet, *, keep: Collection[Ref]) -> list[Ref]:
    kept = {ref.identity for ref in keep}
    gone = [ref for ref in applyset.members(api) if ref.identity not in kept]
    if gone:
        with step(f"prune {len(gone)} objects"):
            delete(api, gone)
    return gone


def delete(api: Api, refs: Sequence[Ref]) -> None:
    """Delete objects, namespaces last, and wait until they are gone.

    Raises:
        StanchionError: when an object is still there after ten minutes.
    """
    # A namespace takes its content along: what lies inside goes first, by its own rules.
    ordered = sorted(refs, key=lambda ref: (ref.kind == "Namespace", not ref.namespace, ref))
    for ref in ordered:
        api.delete(ref)
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    for ref in ordered:
        while api.get(ref) is not None:
            if time.monotonic() > deadline:
                raise StanchionError(
                    "is still there ten minutes after its deletion",
                    where=str(ref),
                    fix="see its finalizers with `kubectl get -o yaml`",
                )
            time.sleep(_POLL_SECONDS)


def _await_ready(api: Api, ref: Ref) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    shown, hoped_at = "", time.monotonic()
    while True:
        live = api.get(ref)
        reason = "does not exist any more" if live is None else readiness.pending(live)
        if live is not None and not reason:
            return
        seen = "" if live is None else readiness.obstacle(api, live)
        line = f"{ref}: {reason}" + (f" ({seen})" if seen else "")
        if line != shown:
            detail(line)
            shown = line
        hopeless = "" if live is None else readiness.failed(api, live)
        if not hopeless:
            hoped_at = time.monotonic()
        if time.monotonic() > min(deadline, hoped_at + HOPELESS_SECONDS):
            found = "" if live is None else readiness.diagnosis(api, live)
            raise StanchionError(
                "\n".join(filter(None, [f"did not become ready: {hopeless or reason}", found])),
                where=str(ref),
                fix=readiness.remedy(live),
            )
        time.sleep(_POLL_SECONDS)
