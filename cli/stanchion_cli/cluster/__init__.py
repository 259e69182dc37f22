"""The bundled node: a real single-node Kubernetes on a Linux machine, without Docker."""

from __future__ import annotations

from stanchion_cli.cluster import images, operators
from stanchion_cli.cluster.checks import preflight
from stanchion_cli.cluster.health import status
from stanchion_cli.cluster.lifecycle import caches, down, drop_operators, find, inside, up
from stanchion_cli.cluster.model import (
    DEFAULT_NAME,
    Check,
    Cluster,
    ClusterError,
    ClusterState,
    ClusterStatus,
    ComponentStatus,
)
from stanchion_cli.cluster.packages import ensure_packages, installed_packages

__all__ = [
    "DEFAULT_NAME",
    "Check",
    "Cluster",
    "ClusterError",
    "ClusterState",
    "ClusterStatus",
    "ComponentStatus",
    "caches",
    "down",
    "drop_operators",
    "ensure_packages",
    "find",
    "images",
    "inside",
    "installed_packages",
    "operators",
    "preflight",
    "status",
    "up",
]
