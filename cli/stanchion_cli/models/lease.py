"""One release of a service at a time, wherever it is started from.

The lock is a `Lease` in the tenant's namespace, one for each service. Whoever holds it renews it
while at work; a holder that was killed stops renewing, and the lease runs out.
"""

from __future__ import annotations

import getpass
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from stanchion_cli.deploy.api import Manifest, Ref
from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import step

API_VERSION = "coordination.k8s.io/v1"
DOING = "stanchion.dev/doing"
"""Annotation of a lease: what its holder is at."""


class LeaseApi(Protocol):
    """What of the cluster's API is needed here."""

    def get(self, ref: Ref) -> dict[str, Any] | None:
        """The object; None when there is none."""

    def create(self, manifest: Manifest) -> bool:
        """Create it; False when it is there already."""

    def replace(self, manifest: Manifest) -> bool:
        """Replace it; False when it has changed since it was read."""


@dataclass(frozen=True)
class Timing:
    """Seconds of a lease's life."""

    duration: float = 60
    """How long it holds without being renewed."""
    renewal: float = 10
    """How often its holder renews it."""
    watch: float = 15
    """How long one that has run out by our clock is watched before it is taken: a holder whose
    clock differs from ours renews it meanwhile."""


class LeaseLostError(StanchionError):
    """Somebody else holds the lock now; nothing more may be changed."""


class Hold:
    """Leases that are held, and renewed by a thread of their own until `release`."""

    def __init__(self, api: LeaseApi, holder: str, timing: Timing) -> None:
        self._api, self._holder, self._timing = api, holder, timing
        self._refs: list[Ref] = []
        self._renewed = time.monotonic()
        self._lost = ""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def add(self, ref: Ref) -> None:
        """Renew and release this lease, which was taken just now, with the others."""
        self._refs.append(ref)
        self._renewed = time.monotonic()
        if self._thread.ident is None:
            self._thread.start()

    def check(self) -> None:
        """Make sure that the leases are still held, before anything is changed.

        Raises:
            LeaseLostError: when they are not.
        """
        lost = self._lost
        if not lost and time.monotonic() - self._renewed > self._timing.duration:
            lost = self._renew_all()
        if lost:
            raise LeaseLostError(
                f"lost its lock: {lost}; nothing more is changed by this run",
                where=", ".join(map(str, self._refs)),
                fix="see with `stanchion status` what serves, then run this again",
            )

    def release(self) -> None:
        """Stop renewing, and let the next one in at once."""
        self._done.set()
        if self._thread.ident is not None:
            self._thread.join(self._timing.renewal)
        for ref in self._refs:
            try:
                live = self._api.get(ref)
                if live is not None and _holder(live) == self._holder:
                    del live["spec"]["holderIdentity"]
                    self._api.replace(live)
            except StanchionError:
                continue  # it runs out by itself

    def _renew(self) -> None:
        while not self._done.wait(self._timing.renewal) and not self._lost:
            self._renew_all()  # a server that is back before the lease runs out is early enough

    def _renew_all(self) -> str:
        """Renew every lease; why that was not possible, empty when it was."""
        try:
            if not all(self._renewed_one(ref) for ref in tuple(self._refs)):
                self._lost = "somebody else has taken over"
                return self._lost
        except StanchionError as error:
            return f"it could not be renewed in time ({error.reason})"
        self._renewed = time.monotonic()
        return ""

    def _renewed_one(self, ref: Ref) -> bool:
        while True:
            live = self._api.get(ref)
            if live is None or _holder(live) != self._holder:
                return False
            live["spec"]["renewTime"] = _stamp(_now())
            if self._api.replace(live):
                return True


@contextmanager
def held(
    open_api: Callable[[], LeaseApi],
    services: Mapping[str, str],
    doing: str,
    timing: Timing = Timing(),
) -> Iterator[Hold]:
    """Hold the lease of every service while the block runs.

    Args:
        open_api: Opens a connection to the cluster, used by this lock alone.
        services: Namespace of each service by its name.
        doing: What for, as the next one reads it: `promotes wine-cultivar version 3`.
        timing: How long leases live.

    Raises:
        StanchionError: when another holds one of them: who, since when, and what to do.
    """
    api, holder = open_api(), f"{who()}/{secrets.token_hex(4)}"
    hold = Hold(api, holder, timing)
    try:
        # In one order everywhere, so that two who want the same two cannot block each other.
        for name, namespace in sorted(services.items()):
            ref = Ref(API_VERSION, "Lease", namespace, f"stanchion-release-{name}")
            _take(api, name, _manifest(ref, holder, doing, timing), timing)
            hold.add(ref)
        yield hold
    finally:
        hold.release()


def who() -> str:
    """Who runs this command and where, as records name it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def _take(api: LeaseApi, service: str, wanted: dict[str, Any], timing: Timing) -> None:
    ref = Ref.of(wanted)
    try:
        if api.create(wanted):
            return
    except StanchionError as error:
        raise StanchionError(
            error.reason,
            where=error.where,
            fix=error.fix
            or "bring the platform up first; whoever promotes needs to create and change Leases "
            f"in namespace {ref.namespace}",
        ) from None
    live = api.get(ref) or {}
    if _holder(live):
        left = _seconds_left(live)
        if left > 0:
            raise _is_held(service, live, left)
        with step(f"watch the lock of {service}, whose holder {_holder(live)} has gone silent"):
            time.sleep(timing.watch)
        seen, live = live, api.get(ref) or {}
        if _version(live) != _version(seen):
            raise _is_held(service, live, timing.duration)
    # Without a version the server would replace whatever is there by now.
    wanted["metadata"]["resourceVersion"] = _version(live)
    if not _version(live) or not api.replace(wanted):
        raise _is_held(service, api.get(ref) or {}, timing.duration)


def _manifest(ref: Ref, holder: str, doing: str, timing: Timing) -> dict[str, Any]:
    now = _stamp(_now())
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {
            "name": ref.name,
            "namespace": ref.namespace,
            "labels": {"app.kubernetes.io/managed-by": "stanchion"},
            "annotations": {DOING: doing},
        },
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": max(1, round(timing.duration)),
            "acquireTime": now,
            "renewTime": now,
        },
    }


def _is_held(service: str, live: Mapping[str, Any], left: float) -> StanchionError:
    holder = (_holder(live) or "somebody").rpartition("/")[0] or "somebody"
    doing = (live.get("metadata", {}).get("annotations") or {}).get(DOING, "works on it")
    since = str(live.get("spec", {}).get("acquireTime", "just now"))
    return StanchionError(
        f"{holder} {doing}, since {since}",
        where=f"service {service}",
        fix="wait until that has ended and run this again; if it was killed, its lock runs out "
        f"in {max(1, round(left))} s",
    )


def _holder(live: Mapping[str, Any]) -> str:
    return str(live.get("spec", {}).get("holderIdentity") or "")


def _version(live: Mapping[str, Any]) -> str:
    return str(live.get("metadata", {}).get("resourceVersion") or "")


def _seconds_left(live: Mapping[str, Any]) -> float:
    spec = live["spec"]
    lasts = timedelta(seconds=float(spec.get("leaseDurationSeconds") or 0))
    return (datetime.fromisoformat(str(spec["renewTime"])) + lasts - _now()).total_seconds()


def _now() -> datetime:
    return datetime.now(UTC)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
