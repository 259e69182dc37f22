"""The control groups that a node's containers run in, on cgroups of version 1, 2 or both."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stanchion_cli.cluster.model import ClusterError

NEEDED = ("cpu", "memory", "pids")
_V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids")


@dataclass(frozen=True)
class Hierarchy:
    """One mounted tree of control groups; `controllers` is empty for one that only names."""

    mount: Path
    version: int
    controllers: frozenset[str]


def hierarchies(mounts: str | None = None) -> list[Hierarchy]:
    """The trees mounted on this machine.

    Args:
        mounts: Text in the form of `/proc/mounts`, which is read where this is None.
    """
    text = Path("/proc/mounts").read_text() if mounts is None else mounts
    found = []
    for line in text.splitlines():
        _, mount, kind, options, *_ = line.split()
        folder = Path(mount)
        if kind == "cgroup":
            named = frozenset(options.split(",")) & {
                "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids",
                "hugetlb", "net_cls", "net_prio", "perf_event", "rdma", "misc",
            }  # fmt: skip
            found.append(Hierarchy(folder, 1, named))
        elif kind == "cgroup2":
            available = folder / "cgroup.controllers"
            names = available.read_text().split() if available.exists() else []
            found.append(Hierarchy(folder, 2, frozenset(names)))
    return found


def ensure(name: str) -> None:
    """Make the group `name` in every tree that controls anything."""
    for tree in hierarchies():
        if not tree.controllers:
            continue
        group = tree.mount / name
        group.mkdir(exist_ok=True)
        if tree.version == 2:
            for parent in (tree.mount, group):
                for controller in _V2_CONTROLLERS:
                    if controller in tree.controllers:
                        with suppress(OSError):  # one that is busy elsewhere cannot be handed down
                            (parent / "cgroup.subtree_control").write_text(f"+{controller}")
        elif "cpuset" in tree.controllers:
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if not (group / setting).read_text().strip():
                    (group / setting).write_text((tree.mount / setting).read_text())


def remove(name: str, patience: float = 10.0) -> None:
    """Remove the group `name` and all below it from every tree, deepest first.

    Raises:
        ClusterError: A process is left in one.
    """
    limit = time.monotonic() + patience
    while True:
        left = [group for tree in hierarchies() for group in below(tree.mount / name)]
        if not left:
            return
        for group in left:
            with suppress(OSError):
                group.rmdir()
        if time.monotonic() > limit:
            raise ClusterError(
                f"{len(left)} control groups are still in use",
                where=str(left[-1]),
                fix="end the processes listed in its cgroup.procs, then run this again",
            )
        time.sleep(0.02)


def below(group: Path) -> list[Path]:
    """`group` and every group in it, deepest first; empty where it does not exist."""
    if not group.is_dir():
        return []
    inner = [deeper for child in group.iterdir() if child.is_dir() for deeper in below(child)]
    return [*inner, group]
