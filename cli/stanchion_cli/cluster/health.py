"""What has become of a cluster, part by part."""

from __future__ import annotations

import os

from stanchion_cli.cluster import operators, process, waiting
from stanchion_cli.cluster.addons import DEPLOYMENTS
from stanchion_cli.cluster.layout import Layout
from stanchion_cli.cluster.lifecycle import find
from stanchion_cli.cluster.model import (
    DEFAULT_NAME,
    Cluster,
    ClusterError,
    ClusterState,
    ClusterStatus,
    ComponentStatus,
)

COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "containerd",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
)


def status(name: str = DEFAULT_NAME) -> ClusterStatus:
    """Look at the cluster called `name` and change nothing.

    Returns:
        The state as a whole, and of each part: processes first, then what they should achieve.

    Raises:
        ClusterError: Its files can be read by root only, and this is not root.
    """
    layout = Layout.of(name)
    if not layout.root.exists():
        return ClusterStatus(name, ClusterState.ABSENT)
    cluster = find(name)
    pid = process.first_process(layout)
    if pid is None or cluster is None:
        return ClusterStatus(name, ClusterState.STOPPED, (), cluster)
    if os.geteuid() != 0:
        raise ClusterError("only root can look into a cluster", fix="run it with sudo")
    parts = [*_processes(layout, pid), *_achievements(cluster, layout)]
    whole = ClusterState.RUNNING if all(part.ok for part in parts) else ClusterState.PARTIAL
    return ClusterStatus(name, whole, tuple(parts), cluster)


def _processes(layout: Layout, pid: int) -> list[ComponentStatus]:
    running = process.running(pid, layout)
    parts = []
    for name in COMPONENTS:
        part = running.get(name)
        if part is None:
            parts.append(ComponentStatus(name, False, "it was never started"))
        elif not part.pid:
            said = " ".join(waiting.last_lines(layout, name, 1))[:300]
            parts.append(ComponentStatus(name, False, f"ended with {part.last_exit}: {said}"))
        else:
            again = f"restarted {part.restarts} times, last {part.last_exit}"
            parts.append(ComponentStatus(name, True, again if part.restarts else ""))
    return parts


def _achievements(cluster: Cluster, layout: Layout) -> list[ComponentStatus]:
    answer = cluster.kubectl("get", "--raw=/readyz", "--request-timeout=5s", check=False)
    if answer.returncode != 0:
        said = answer.stderr.strip().splitlines() or ["no answer"]
        return [ComponentStatus("API", False, said[-1])]
    node = waiting.node_problem(cluster, layout)
    problems = waiting.addon_problems(cluster)
    controllers = operators.installed(layout)
    lacking = waiting.operator_problems(cluster, controllers)
    return [
        ComponentStatus("API", True),
        ComponentStatus("node", not node, node),
        *(
            ComponentStatus(name, name not in problems, problems.get(name, ""))
            for name in DEPLOYMENTS
        ),
        *(
            ComponentStatus(each.name, each.name not in lacking, lacking.get(each.name, ""))
            for each in controllers
        ),
    ]
