"""From nothing to a cluster and back: `up`, `down`, `status`, `find`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from stanchion_cli.cluster import (
    addons,
    certificates,
    cgroups,
    network,
    operators,
    packages,
    process,
    toolchain,
    waiting,
)
from stanchion_cli.cluster.checks import plan_for, preflight, require
from stanchion_cli.cluster.components import components
from stanchion_cli.cluster.configuration import write_configuration, write_kubeconfigs
from stanchion_cli.cluster.layout import Layout, cache_folder, locked, state_parent, write
from stanchion_cli.cluster.model import DEFAULT_NAME, Cluster, ClusterError
from stanchion_cli.cluster.ranges import Ranges
from stanchion_cli.cluster.toolchain import KUBERNETES
from stanchion_cli.images.engine import cache_directory
from stanchion_cli.progress import step


def up(name: str = DEFAULT_NAME, wanted: Iterable[str] = ()) -> Cluster:
    """Make sure that the bundled node called `name` runs, whatever state it is in.

    Safe to run at any time: what is there stays, what has died is started, what changed is
    replaced, and an interrupted run goes on from where it was.

    Args:
        name: 1 to 12 lower-case letters, digits and dashes.
        wanted: The operators that it is to have, of `operator_list.OPERATORS`, beside those that
            it was given before; `drop_operators` takes some away.

    Returns:
        The cluster: its node is ready, and DNS, metrics, storage and the operators work.

    Raises:
        ClusterError: The machine does not fit, before anything was touched; or a part of the
            node failed, with what it said.
    """
    layout = Layout.of(name)
    given = [operator.name for operator in operators.installed(layout)]
    controllers = operators.named([*given, *wanted])
    tools = operators.tools_of(each.name for each in controllers)
    with step(f"check the machine for cluster {name!r}"):
        require(preflight(name, tools))
    with locked(layout, create=True):
        if packages.ensure_packages():
            require(preflight(name, tools))
        toolchain.build_missing(tools)
        plan = _recorded_plan(layout)
        cluster = _cluster(layout, plan)
        with step(f"start node {layout.node} at {plan.node_address}") as running:
            running.note(_start(layout, plan))
            waiting.for_containerd(layout)
        # While the API server starts, which takes longer.
        with step("load the node's images") as running:
            images = [image for controller in controllers for image in controller.images()]
            running.note(f"{addons.load_images(cluster, layout, images)} new")
        with step("wait for the API server"):
            waiting.for_api(cluster, layout)
        with step("cluster DNS, metrics and storage"):
            addons.apply(cluster, layout, plan)
            waiting.for_node(cluster, layout)
            waiting.for_addons(cluster, layout, str(plan.dns_service))
        if controllers:
            with step(f"operators: {', '.join(each.name for each in controllers)}"):
                operators.bring(cluster, layout, controllers)
                waiting.for_operators(cluster, layout, controllers)
        return cluster


def drop_operators(name: str, keep: Iterable[str]) -> None:
    """Take the operators away that the node was given and that are not kept, with their kinds.

    Raises:
        ClusterError: Another command works on the cluster, for minutes.
    """
    layout = Layout.of(name)
    going = {operator.name for operator in operators.installed(layout)} - {*keep}
    if going and (cluster := find(name)) is not None:
        with step(f"take away operators: {', '.join(sorted(going))}"), locked(layout, create=False):
            operators.take_away(cluster, layout, keep)


def down(name: str = DEFAULT_NAME) -> list[Path]:
    """Remove the bundled node called `name`: processes, mounts, interfaces, groups and files.

    What its volumes hold goes with it. A cluster that does not exist is removed already.

    Returns:
        The caches that stay for the next cluster; see also `installed_packages`.

    Raises:
        ClusterError: No root, another command works on the cluster for minutes, or a process hangs.
    """
    layout = Layout.of(name)
    if not layout.root.exists():
        return caches()
    if os.geteuid() != 0:
        raise ClusterError("only root can remove a cluster", fix="run it with sudo")
    with step(f"remove cluster {name!r}"), locked(layout, create=False):
        process.end(layout)
        network.remove(layout)
        cgroups.remove(layout.node)
        _refuse_foreign_mounts(layout.root)
        shutil.rmtree(layout.root)
    if not any(state_parent().iterdir()):
        state_parent().rmdir()
    return caches()


def find(name: str = DEFAULT_NAME) -> Cluster | None:
    """The bundled node called `name` as it was set up, running or not; None where there is none."""
    layout = Layout.of(name)
    plan = layout.ranges()
    if plan is None or not layout.kubeconfig.exists():
        return None
    return _cluster(layout, plan)


def inside(cluster: Cluster, *command: str) -> list[str]:
    """The command line that runs `command`, a program of this machine, in the node's network.

    For looks at what only the node's kernel tables tell, such as `conntrack -L` or `nft list`.

    Raises:
        ClusterError: The node does not run.
    """
    pid = process.first_process(Layout.of(cluster.name))
    if pid is None:
        raise ClusterError(
            "the node does not run",
            where=f"cluster {cluster.name}",
            fix=f"run `stanchion cluster up --name {cluster.name}`",
        )
    return network.command_inside(pid, *command)


def caches() -> list[Path]:
    """The folders outside any cluster that its programs and images were built in and stay in."""
    found = [cache_folder(), cache_directory()]
    compiler, _ = toolchain.go()
    if compiler is not None:
        said = subprocess.run(
            [str(compiler), "env", "-json", "GOCACHE", "GOMODCACHE"],
            capture_output=True,
            text=True,
            check=False,
        )
        if said.returncode == 0:
            found += [Path(folder) for folder in json.loads(said.stdout).values()]
    return [folder for folder in found if folder.exists()]


def _cluster(layout: Layout, plan: Ranges) -> Cluster:
    return Cluster(
        name=layout.name,
        kubeconfig=layout.kubeconfig,
        context=layout.node,
        node_address=str(plan.node_address),
        pod_range=str(plan.pods),
        service_range=str(plan.services),
        kubectl_path=KUBERNETES.path("kubectl"),
    )


def _recorded_plan(layout: Layout) -> Ranges:
    plan = plan_for(layout)
    if layout.ranges() is None:
        write(layout.record, json.dumps({"index": plan.index, "pods": str(plan.pods)}))
    return plan


def _start(layout: Layout, plan: Ranges) -> str:
    """Bring files, namespaces and processes to what they should be; say what was done."""
    for folder in (layout.run, layout.logs, layout.root / "etcd", layout.root / "volumes"):
        folder.mkdir(parents=True, exist_ok=True)
    (layout.root / "etcd").chmod(0o700)
    certificates.ensure(layout, plan)
    write_kubeconfigs(layout, plan)
    write_configuration(layout, plan, addons.node_image().reference)
    wanted = json.dumps([part.listed() for part in components(layout, plan)], indent=2)
    pid = process.first_process(layout)
    if pid is not None and not process.is_current(pid):
        process.end(layout)
        network.remove(layout)
        pid = None
    cgroups.ensure(layout.node)
    said = "was running"
    if pid is None:
        (layout.run / "status.json").unlink(missing_ok=True)
        pid, said = process.launch(layout), "started"
    network.ensure(pid, layout, plan)
    changed = not layout.components.exists() or layout.components.read_text() != wanted
    write(layout.components, wanted, 0o600)
    if changed and said != "started":
        said = "restarted what changed"
    # Told in any case: an earlier run may have been interrupted just before it did so.
    process.reload(pid, layout)
    return said


def _refuse_foreign_mounts(root: Path) -> None:
    """The node's own mounts are in its namespace and gone: a mount here is someone else's."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        mount = Path(line.split()[1])
        if mount.is_relative_to(root):
            raise ClusterError(
                "something is mounted in the cluster's folder, which would be deleted with it",
                where=str(mount),
                fix=f"run `umount {mount}`, then this again",
            )
