"""What the chapters on releases share."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from e2e.platform import Platform
from e2e.registry import MODEL, Registry

OPERATORS = ["kube-prometheus-stack", "argo-rollouts"]
INTERVAL_SECONDS = 15
CANARY: dict[str, Any] = {
    "strategy": "canary",
    "steps": [{"weight": 33, "goodIntervals": 4}, {"weight": 50}],
    "analysis": {
        "intervalSeconds": INTERVAL_SECONDS,
        "minRequests": 30,
        # Two cores carry the node, its builds and the traffic: only what a person would notice.
        "latencyFloorMs": 400,
        "deadlineSeconds": 300,
    },
}
BLUE_GREEN: dict[str, Any] = {
    "strategy": "blueGreen",
    "scaleDownDelaySeconds": 30,
    "analysis": CANARY["analysis"],
}


@contextmanager
def meanwhile(
    platform: Platform, *command: str
) -> Iterator[Callable[[], subprocess.CompletedProcess[str]]]:
    """Run a command beside the block; afterwards what it came to, by calling what is given."""
    ended: list[subprocess.CompletedProcess[str]] = []

    def run() -> None:
        ended.append(platform.stanchion(*command, check=False))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield lambda: ended[0]
    finally:
        thread.join()


def phase(platform: Platform) -> str:
    """Where the release stands, in the words of Argo Rollouts."""
    live = platform.get("rollout.argoproj.io", "wine", "-n", "demo")
    return str(live.get("status", {}).get("phase", ""))


def served(platform: Platform) -> set[str]:
    """The versions of the pods that requests may reach."""
    pods = platform.get("pods", "-n", "demo", "-l", "app.kubernetes.io/instance=wine")["items"]
    return {
        pod["metadata"]["labels"]["app.kubernetes.io/version"]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
    }


def restart_controller(platform: Platform) -> None:
    """Delete the controller of releases; another one comes and reads what there is."""
    platform.kubectl("delete", "pods", "-n", "argo-rollouts", "--all", "--wait=false")


def champion_of(platform: Platform) -> str:
    """The version that the registry calls champion."""
    return Registry(platform).alias(MODEL, "champion")
