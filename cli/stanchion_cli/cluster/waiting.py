"""Waiting for the node's parts, and saying which one failed and what it said."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence

from stanchion_cli.cluster import process
from stanchion_cli.cluster.addons import DEPLOYMENTS
from stanchion_cli.cluster.layout import Layout
from stanchion_cli.cluster.model import Cluster, ClusterError
from stanchion_cli.cluster.operator_list import BundledOperator
from stanchion_cli.cluster.packages import program

_PATIENCE = 180.0
_SYSTEM = "kube-system"
_KINDS = {"deployments.apps": "Deployment", "statefulsets.apps": "StatefulSet"}
METRICS_API = "v1beta1.metrics.k8s.io"


def for_api(cluster: Cluster, layout: Layout) -> None:
    """Wait until the API server is ready for use."""

    def ready() -> bool:
        return cluster.kubectl("get", "--raw=/readyz", check=False, timeout=30).returncode == 0

    _until(ready, "the API server is not ready", layout, ("etcd", "kube-apiserver"))


def for_containerd(layout: Layout) -> None:
    """Wait until containerd answers on its socket."""
    command = [str(program("ctr")), f"--address={layout.containerd_socket}", "version"]

    def ready() -> bool:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    _until(ready, "containerd does not answer", layout, ("containerd",))


def for_node(cluster: Cluster, layout: Layout) -> None:
    """Wait until the node reports that it takes pods."""

    def ready() -> bool:
        return node_problem(cluster, layout) == ""

    _until(ready, "the node is not ready", layout, ("kubelet", "containerd"))


def for_addons(cluster: Cluster, layout: Layout, dns: str) -> None:
    """Wait until DNS, metrics and storage work, and the first usage was measured.

    After a node's restart, the API server still tells what was before it. So the DNS service at
    the address `dns` is called, through the node's packet rules, and usage is asked for.
    """

    def ready() -> bool:
        return not addon_problems(cluster)

    def answers() -> bool:
        try:
            socket.create_connection((dns, 53), timeout=1).close()
        except OSError:
            return False
        return True

    def measured() -> bool:
        return cluster.kubectl("top", "nodes", check=False).returncode == 0

    try:
        _until(ready, "DNS, metrics or storage are not available", layout, ())
    except ClusterError as error:
        problems = addon_problems(cluster)
        lines = [f"  {name}: {why}" for name, why in problems.items()]
        lines += _pods_of(cluster, _SYSTEM, [f"deployments.apps/{name}" for name in problems])
        raise ClusterError(
            "\n".join([error.reason, *lines]), where=error.where, fix=error.fix
        ) from error
    _until(answers, "the cluster's DNS does not answer", layout, ("kube-proxy",))
    _until(measured, "no usage was measured", layout, ("kubelet",))


def for_operators(cluster: Cluster, layout: Layout, operators: Sequence[BundledOperator]) -> None:
    """Wait until what each operator runs is there."""

    def ready() -> bool:
        return not operator_problems(cluster, operators)

    try:
        _until(ready, "operators are not available", layout, ())
    except ClusterError as error:
        lines = [
            line
            for operator in operators
            for name, why in _problems(cluster, operator.namespace, operator.workloads).items()
            for line in (f"  {name}: {why}", *_pods_of(cluster, operator.namespace, [name]))
        ]
        raise ClusterError(
            "\n".join([error.reason, *lines]), where=error.where, fix=error.fix
        ) from error


def _pods_of(cluster: Cluster, namespace: str, workloads: Iterable[str]) -> list[str]:
    """What holds up the pods of these workloads, with what they logged last."""
    from stanchion_cli.deploy.api import Api, Ref
    from stanchion_cli.deploy.readiness import diagnosis

    api = Api(cluster.kubeconfig, cluster.context)
    found = [
        api.get(Ref("apps/v1", _KINDS[resource], namespace, name))
        for resource, _, name in (workload.partition("/") for workload in workloads)
    ]
    return [f"  {line}" for live in found if live for line in diagnosis(api, live).splitlines()]


def node_problem(cluster: Cluster, layout: Layout) -> str:
    """Why the node takes no pods; empty where it does."""
    done = cluster.kubectl("get", "node", layout.node, "--output=json", check=False)
    if done.returncode != 0:
        return "it has not registered yet"
    for condition in json.loads(done.stdout)["status"]["conditions"]:
        if condition["type"] == "Ready":
            return "" if condition["status"] == "True" else str(condition["message"])
    return "it has reported nothing yet"


def addon_problems(cluster: Cluster) -> dict[str, str]:
    """The deployments of DNS, metrics and storage that do not work, each with why."""
    wanted = [f"deployments.apps/{name}" for name in DEPLOYMENTS]
    found = _problems(cluster, _SYSTEM, wanted)
    problems = {workload.partition("/")[2]: why for workload, why in found.items()}
    if (why := _metrics_problem(cluster)) and "metrics-server" not in problems:
        problems["metrics-server"] = why
    return problems


def operator_problems(cluster: Cluster, operators: Iterable[BundledOperator]) -> dict[str, str]:
    """The operators that do not work, each with why."""
    found = {
        operator.name: _problems(cluster, operator.namespace, operator.workloads)
        for operator in operators
    }
    return {
        name: "; ".join(f"{workload}: {why}" for workload, why in problems.items())
        for name, problems in found.items()
        if problems
    }


def _problems(cluster: Cluster, namespace: str, workloads: Sequence[str]) -> dict[str, str]:
    """The workloads, as `deployments.apps/NAME`, that do not work, each with why."""
    from stanchion_cli.deploy.readiness import pending

    place = f"--namespace={namespace}"
    found = ("--ignore-not-found", "--output=json")
    done = cluster.kubectl("get", place, *found, *workloads, check=False)
    read = json.loads(done.stdout or "{}") if done.returncode == 0 else {}
    live = {
        (item["kind"], item["metadata"]["name"]): pending(item)
        for item in read.get("items", [read] if read else [])
    }
    problems = {}
    for workload in workloads:
        resource, _, name = workload.partition("/")
        if why := live.get((_KINDS[resource], name), "not there yet"):
            problems[workload] = why
    return problems


def _metrics_problem(cluster: Cluster) -> str:
    done = cluster.kubectl("get", "apiservice", METRICS_API, "--output=json", check=False)
    if done.returncode != 0:
        return "its API is not registered"
    for condition in json.loads(done.stdout).get("status", {}).get("conditions", []):
        if condition["type"] == "Available":
            return "" if condition["status"] == "True" else str(condition["message"])
    return "its API has not been looked at yet"


def last_lines(layout: Layout, component: str, count: int = 5) -> list[str]:
    """The end of a component's log."""
    path = layout.logs / f"{component}.log"
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 16_384))
        text = file.read().decode(errors="replace")
    return text.splitlines()[-count:]


def _until(
    ready: Callable[[], bool], problem: str, layout: Layout, suspects: tuple[str, ...]
) -> None:
    """Try until `ready`; after the limit, or when the node has ended, tell what the suspects said.

    Raises:
        ClusterError: With the last log lines of each suspect.
    """
    limit = time.monotonic() + _PATIENCE
    while not ready():
        pid = process.first_process(layout)
        if pid is not None and time.monotonic() < limit:
            time.sleep(0.3)
            continue
        if pid is None:
            problem, suspects = "the node ended while it started", ("node",)
        lines = [
            f"  {name}: {line[:300]}" for name in suspects for line in last_lines(layout, name)
        ]
        raise ClusterError(
            "\n".join([problem, *lines]),
            where=f"cluster {layout.name}",
            fix=f"\nall logs are in {layout.logs}; run the same command again to go on",
        )
