"""MLflow's server stopped for as long as its databases are replaced, and started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from stanchion_cli.deploy import readiness
from stanchion_cli.deploy.api import Api, Ref
from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import step

REPLICAS = "stanchion.dev/replicas-before-restore"
"""Annotation that outlives an interrupted restore: the next one starts as many again."""
MANAGER = "stanchion-restore"
_SECONDS = 600
_POLL_SECONDS = 1.0


@contextmanager
def stopped(api: Api, tracking: Mapping[str, Any], *, allowed: bool) -> Iterator[None]:
    """No replica runs inside the block; as many as before run after it, even when it fails.

    Args:
        api: The cluster.
        tracking: The environment's output of that name.
        allowed: Whether a server that runs may be stopped.

    Raises:
        StanchionError: when it runs and may not be stopped, does not stop, or does not come back.
    """
    ref = Ref("apps/v1", "Deployment", tracking["namespace"], tracking["service"])
    live = api.get(ref)
    if live is None:
        raise StanchionError(
            "does not exist yet", where=str(ref), fix="bring the platform up with `stanchion up`"
        )
    replicas, owners = _replicas(live), _owners(live)
    if live["spec"]["replicas"] and not allowed:
        raise StanchionError(
            f"runs with {replicas} replicas, and would write into what is replaced",
            where=str(ref),
            fix="add --stop-server: it is stopped, and started again afterwards",
        )
    try:
        _stop(api, ref, live, replicas)
        yield
    finally:
        _start(api, ref, replicas, owners)


def _owners(live: Mapping[str, Any]) -> list[Any]:
    """Who declares which field, but for a restore that was interrupted."""
    owners = live["metadata"].get("managedFields") or []
    return [each for each in owners if each.get("manager") != MANAGER]


def _replicas(live: Mapping[str, Any]) -> int:
    """How many run, or ran before a restore that was interrupted."""
    remembered = (live["metadata"].get("annotations") or {}).get(REPLICAS)
    return int(remembered) if remembered else int(live["spec"]["replicas"])


def _stop(api: Api, ref: Ref, live: Mapping[str, Any], replicas: int) -> None:
    selector = ",".join(f"{k}={v}" for k, v in live["spec"]["selector"]["matchLabels"].items())

    def pods() -> str:
        left = [*api.list("v1", "Pod", namespace=ref.namespace, selector=selector)]
        return f"{len(left)} pods are left" if left else ""

    with step(f"stop MLflow's server ({replicas} replicas)"):
        change = {"metadata": {"annotations": {REPLICAS: str(replicas)}}, "spec": {"replicas": 0}}
        api.patch(ref, change, manager=MANAGER)
        _await(ref, pods)


def _start(api: Api, ref: Ref, replicas: int, owners: list[Any]) -> None:
    def unready() -> str:
        live = api.get(ref)
        return "is gone" if live is None else readiness.pending(live)

    with step(f"start MLflow's server ({replicas} replicas)"):
        change = {"metadata": {"annotations": {REPLICAS: None}}, "spec": {"replicas": replicas}}
        api.patch(ref, change, manager=MANAGER)
        # Whoever declares them would find them taken: an owner's next change would be refused,
        # and one that changes nothing would still be a change.
        api.patch(ref, {"metadata": {"managedFields": owners}}, manager=MANAGER)
        _await(ref, unready)


def _await(ref: Ref, reason: Callable[[], str]) -> None:
    deadline = time.monotonic() + _SECONDS
    while why := reason():
        if time.monotonic() > deadline:
            raise StanchionError(
                f"after {_SECONDS} s: {why}",
                where=str(ref),
                fix="look at its pods with `kubectl describe`, then run the same command again",
            )
        time.sleep(_POLL_SECONDS)
