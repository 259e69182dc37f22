"""Releases while something else goes away: never a wrong version, never stuck."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from e2e.platform import Platform, eventually
from e2e.releases import (
    CANARY,
    OPERATORS,
    champion_of,
    meanwhile,
    phase,
    restart_controller,
    served,
)
from e2e.traffic import Traffic

pytestmark = [
    pytest.mark.node,
    pytest.mark.usefixtures("unbroken"),
    pytest.mark.full,
]


def test_a_release_outlives_its_controller(platform: Platform) -> None:
    platform.enable(OPERATORS)
    platform.declare(rollout=CANARY, gates=None)
    platform.stanchion("up", "local")
    with _release(platform) as version:
        restart_controller(platform)
    _ended(platform, version)


def test_a_release_without_prometheus_is_taken_back(platform: Platform) -> None:
    before = platform.pinned_version()
    with _release(platform, succeeds=False):
        _prometheus(platform, replicas=0)
    _prometheus(platform, replicas=1)
    _ended(platform, before)


def test_a_release_waits_for_a_registry_that_comes_back(platform: Platform) -> None:
    version = platform.train("--regularisation", "0.4")
    with Traffic(platform.address(), platform.request(), pause=0.05) as traffic:
        with meanwhile(platform, "promote", "wine-cultivar", version) as promoted:
            # Its first replica has yet to fetch the model. Before that, `up` brings MLflow back.
            eventually(lambda: version in served(platform), seconds=420, what="a new replica")
            _registry(platform, replicas=0)
            time.sleep(60)
            assert version not in traffic.versions
            _registry(platform, replicas=1)
            began = time.monotonic()
        assert promoted().returncode == 0
        print(f"the release ended {time.monotonic() - began:.0f} s after the registry came back")
    assert traffic.failures == []
    _ended(platform, version)


def test_a_release_outlives_the_node_that_its_new_replicas_are_drained_from(
    platform: Platform,
) -> None:
    (node,) = (each["metadata"]["name"] for each in platform.get("nodes")["items"])
    with _release(platform) as version:
        labels = f"app.kubernetes.io/instance=wine,app.kubernetes.io/version={version}"
        drain = ["drain", node, "--delete-emptydir-data", "--timeout=120s"]
        platform.kubectl(*drain, "--pod-selector", labels)
        platform.kubectl("uncordon", node)
    _ended(platform, version)


def test_a_disturbed_service_goes_back_to_rolling(platform: Platform) -> None:
    platform.declare(rollout=None)
    platform.enable([])
    platform.stanchion("up", "local")


@contextmanager
def _release(platform: Platform, *, succeeds: bool = True) -> Iterator[str]:
    """Promote another good version under traffic; the block is run in its first step."""
    version = platform.train("--regularisation", f"{time.time() % 1 + 0.2:.4f}")
    with Traffic(platform.address(), platform.request(), pause=0.05) as traffic:
        with meanwhile(platform, "promote", "wine-cultivar", version) as promoted:
            eventually(lambda: version in traffic.versions, seconds=420, what="the canary")
            began = time.monotonic()
            yield version
        assert promoted().returncode == (0 if succeeds else 1)
        print(f"the release ended {time.monotonic() - began:.0f} s after it was disturbed")
    assert traffic.failures == []


def _ended(platform: Platform, version: str) -> None:
    eventually(lambda: phase(platform) == "Healthy", seconds=120, what="an end of the release")
    eventually(lambda: served(platform) == {version}, seconds=120, what="one version alone")
    assert (platform.pinned_version(), champion_of(platform)) == (version, version)


def _prometheus(platform: Platform, *, replicas: int) -> None:
    patch = f'{{"spec": {{"replicas": {replicas}}}}}'
    platform.kubectl(
        "patch", "prometheus", "platform", "-n", "monitoring", "--type=merge", "-p", patch
    )


def _registry(platform: Platform, *, replicas: int) -> None:
    tracking = ("-n", "tracking")
    platform.kubectl("scale", "deployment", "mlflow", *tracking, f"--replicas={replicas}")
    if replicas == 0:
        # At once: while it drains, it still answers.
        gone = ("-l", "app.kubernetes.io/name=mlflow", "--grace-period=0", "--force")
        platform.kubectl("delete", "pods", *tracking, *gone)
