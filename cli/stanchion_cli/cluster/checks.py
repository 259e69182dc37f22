"""What the bundled node needs of a machine, looked at before anything is touched.

Ports are not among it: the node has a network of its own, where every port is free.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from stanchion_cli.cluster import cgroups, packages, process, ranges, toolchain
from stanchion_cli.cluster.layout import Layout, cache_folder, recorded, state_parent
from stanchion_cli.cluster.model import DEFAULT_NAME, Check, ClusterError
from stanchion_cli.cluster.scratch import ARCHITECTURES
from stanchion_cli.cluster.toolchain import Tool

_GIB = 1024**3
DISK_COLD = 15 * _GIB
"""Modules, the compiler's cache, programs, images: what the first cluster takes."""
DISK_WARM = 5 * _GIB
"""With all programs built."""
MEMORY = 6 * _GIB
# The kernel takes a killed node's network apart behind its back: a loaded machine needs seconds.
_LEFTOVER_ROUTES_SECONDS = 10.0
# A socket's path may have 107 bytes; containerd adds `.ttrpc` to its own.
_LONGEST_STATE = 107 - len("/run/containerd.sock.ttrpc")
_UNFIT_FILESYSTEMS = {"overlay", "nfs", "nfs4", "vfat", "9p", "virtiofs", "fuse.sshfs"}
_KERNEL_TRIALS = {
    "process, mount and network namespaces": "true",
    "overlayfs": "mount -t tmpfs t /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m && "
    "mount -t overlay o -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w /mnt/m",
    "pairs of interfaces (veth)": "ip link add trial0 type veth peer name trial1",
    "nftables": "nft 'table inet trial { chain c { type nat hook prerouting priority dstnat; "
    "ct state new fib daddr type local numgen random mod 2 vmap { 0 : accept, 1 : drop }; }; "
    "chain p { type nat hook postrouting priority srcnat; masquerade; }; }'",
}


def preflight(name: str = DEFAULT_NAME, tools: Sequence[Tool] = ()) -> list[Check]:
    """Look at everything that `cluster up` needs, and change nothing.

    Args:
        name: The cluster that is meant: what is its own does not count as taken.
        tools: What it is built from beside the tools of every node.
    """
    return [
        _system(),
        _root(),
        _state_folder(name),
        _kernel(),
        _control_groups(),
        _disk(tools),
        _memory(),
        _go(tools),
        _packages(),
        _addresses(name),
    ]


def require(checks: list[Check]) -> None:
    """Go on only where every check passed.

    Raises:
        ClusterError: With each failed check and its fix, one a line.
    """
    failed = [check for check in checks if not check.ok]
    if not failed:
        return
    lines = [f"  {check.name}: {check.found}; {check.fix}" for check in failed]
    raise ClusterError(
        "the bundled node cannot run here; nothing was touched:\n" + "\n".join(lines),
        fix="\n`stanchion doctor` shows this list at any time",
    )


def _system() -> Check:
    found = f"{platform.system()} {platform.machine()}"
    fit = platform.system() == "Linux" and platform.machine() in ARCHITECTURES
    fix = "use Linux on x86_64 or aarch64, or name an existing cluster's context"
    return Check("system", fit, found, "" if fit else fix)


def _root() -> Check:
    if os.geteuid() == 0:
        return Check("root", True, "running as root")
    fix = "run it with sudo, or name an existing cluster's context"
    return Check("root", False, f"running as user {os.geteuid()}", fix)


def _state_folder(name: str) -> Check:
    root = Layout.of(name).root
    if len(os.fsencode(root)) > _LONGEST_STATE:
        fix = f"set STANCHION_STATE_DIR to a path that keeps it below {_LONGEST_STATE} bytes"
        return Check("state folder", False, f"{root} is too long for a socket's path", fix)
    if other := process.namesake(Layout.of(name)):
        fix = f"choose another name, or set STANCHION_STATE_DIR to {other.parent} to mean that one"
        return Check("state folder", False, f"a cluster {name!r} runs from {other}", fix)
    kind = _filesystem(_existing(root), Path("/proc/mounts").read_text())
    if kind in _UNFIT_FILESYSTEMS:
        fix = "set STANCHION_STATE_DIR to a folder on a local disk (ext4, xfs, btrfs)"
        return Check("state folder", False, f"{root} lies on {kind}", fix)
    return Check("state folder", True, f"{root} on {kind}")


def _filesystem(path: Path, mounts: str) -> str:
    """The type of the file system that `path` is on, from the text of `/proc/mounts`."""
    best, kind = Path(), "unknown"
    for line in mounts.splitlines():
        _, target, found, *_ = line.split()
        mount = Path(target)
        if path.is_relative_to(mount) and len(mount.parts) >= len(best.parts):
            best, kind = mount, found
    return kind


def _existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _kernel() -> Check:
    """Try each feature in namespaces that end with the trial."""
    title = "kernel"
    if os.geteuid() != 0:
        return Check(title, True, f"{platform.release()}, features not tried without root")
    lacking = []
    for feature, trial in _KERNEL_TRIALS.items():
        needed = {"veth": "ip", "nftables": "nft"}
        if any(word in feature and not _has(name) for word, name in needed.items()):
            continue
        done = subprocess.run(
            ["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-c", trial],
            capture_output=True,
            check=False,
            env=os.environ | {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
        )
        if done.returncode != 0:
            lacking.append(feature)
    if lacking:
        fix = (
            "use a kernel of version 5.13 or newer with them, in a machine or privileged container"
        )
        return Check(title, False, f"{platform.release()} lacks {', '.join(lacking)}", fix)
    return Check(title, True, f"{platform.release()} with {', '.join(_KERNEL_TRIALS)}")


def _has(name: str) -> bool:
    try:
        packages.program(name)
    except ClusterError:
        return False
    return True


def _control_groups() -> Check:
    trees = cgroups.hierarchies()
    available = frozenset[str]().union(*(tree.controllers for tree in trees))
    lacking = [controller for controller in cgroups.NEEDED if controller not in available]
    if lacking:
        fix = "mount the cgroup file system with them, as systemd does, or run the container "
        fix += "privileged with the host's cgroup namespace"
        return Check("control groups", False, f"no controller {', '.join(lacking)}", fix)
    versions = sorted({tree.version for tree in trees if tree.controllers})
    found = f"version {' and '.join(map(str, versions))} with {', '.join(cgroups.NEEDED)}"
    return Check("control groups", True, found)


def _disk(tools: Sequence[Tool]) -> Check:
    needed = DISK_COLD if toolchain.missing(tools) else DISK_WARM
    folders = {_existing(state_parent()), _existing(cache_folder())}
    free, where = min((shutil.disk_usage(folder).free, folder) for folder in folders)
    found = f"{free / _GIB:.0f} GiB free at {where}"
    if free < needed:
        fix = f"free {needed / _GIB:.0f} GiB, or point STANCHION_STATE_DIR and XDG_CACHE_HOME "
        return Check("disk", False, found, fix + "to a larger disk")
    return Check("disk", True, found)


def _memory() -> Check:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    found = f"{pages / _GIB:.0f} GiB"
    if pages < MEMORY:
        return Check("memory", False, found, f"use a machine with {MEMORY / _GIB:.0f} GiB")
    return Check("memory", True, found)


def _go(tools: Sequence[Tool]) -> Check:
    path, version = toolchain.go()
    wanted = ".".join(map(str, toolchain.OLDEST_GO))
    lacking = toolchain.missing(tools)
    if path is not None and version >= toolchain.OLDEST_GO:
        return Check("Go toolchain", True, f"{'.'.join(map(str, version))} at {path}")
    if not lacking:
        return Check("Go toolchain", True, "not needed: every program is built")
    found = f"{'.'.join(map(str, version))} at {path}" if path else "none"
    fix = f"install Go {wanted} or newer: https://go.dev/dl, unpacked to /usr/local/go"
    return Check("Go toolchain", False, found, fix)


def _packages() -> Check:
    lacking = packages.missing_packages()
    if not lacking:
        return Check("system packages", True, ", ".join(packages.PACKAGES))
    if shutil.which("apt-get"):
        return Check("system packages", True, f"`cluster up` installs {', '.join(lacking)}")
    fix = "install them with your system's package manager (names are Debian's)"
    return Check("system packages", False, f"missing {', '.join(lacking)}", fix)


def _addresses(name: str) -> Check:
    title = "address ranges"
    if not _has("ip"):
        return Check(title, True, "not looked at before iproute2 is installed")
    try:
        plan = plan_for(Layout.of(name))
    except ClusterError as error:
        return Check(title, False, error.reason, error.fix)
    return Check(title, True, f"{plan.whole} is free")


def plan_for(layout: Layout) -> ranges.Ranges:
    """The cluster's recorded address plan, else the first that is free.

    A recorded one may be routed still for moments after its node was killed: waits for that to go.

    Raises:
        ClusterError: None is free, or something else has taken the recorded one.
    """
    own = layout.ranges()
    occupied = ranges.occupied(ignored_interface=layout.link)
    if own is None:
        others = [plan.index for other in recorded() if (plan := other.ranges())]
        return ranges.choose(occupied, others)
    limit = time.monotonic() + _LEFTOVER_ROUTES_SECONDS
    while taken := [network for network in occupied if own.whole.overlaps(network)]:
        if time.monotonic() > limit:
            raise ClusterError(
                f"the cluster's addresses {own.whole} are now routed elsewhere, to {taken[0]}",
                fix=f"remove that route, or the cluster: "
                f"`stanchion cluster down --name {layout.name}`",
            )
        time.sleep(0.2)
        occupied = ranges.occupied(ignored_interface=layout.link)
    return own
