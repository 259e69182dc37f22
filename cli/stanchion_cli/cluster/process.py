"""The node's first process: found by what it is, never by a number alone.

Every process of a node lives in one process namespace. Its first process is ours, holds the
node's mounts and network in namespaces of its own, and starts and restarts the components. When
it ends, the kernel ends the others and drops mounts, interfaces and packet rules with it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stanchion_cli.cluster.layout import Layout
from stanchion_cli.cluster.model import ClusterError
from stanchion_cli.cluster.toolchain import NODE

_PROGRAM = "stanchion-node"
_PROC = Path("/proc")
_REAPING_SECONDS = 3.0


@dataclass(frozen=True)
class Running:
    """What the supervisor says of one component."""

    pid: int
    restarts: int
    last_exit: str


def state_of(arguments: list[str], namespace_pids: list[int]) -> Path | None:
    """The state folder of the node whose first process has these marks.

    Args:
        arguments: Its command line.
        namespace_pids: Its ids, from the outermost process namespace to its own (`NSpid`).

    Returns:
        None where it is not the first process of any node.
    """
    if (
        len(arguments) == 3
        and Path(arguments[0]).name == _PROGRAM
        and arguments[1] == "init"
        and len(namespace_pids) > 1
        and namespace_pids[-1] == 1
    ):
        return Path(arguments[2])
    return None


def first_process(layout: Layout) -> int | None:
    """The id of the node's first process, or None where the node does not run."""
    return next((pid for pid, state in _nodes() if state == layout.root), None)


def namesake(layout: Layout) -> Path | None:
    """The state folder of a running node that has this one's name and lies elsewhere.

    It holds the interface and the control groups that this one would be given.
    """
    others = (state for _, state in _nodes() if state != layout.root)
    return next((state for state in others if state.name == layout.name), None)


def _nodes() -> Iterator[tuple[int, Path]]:
    """Each running node of this machine: its first process and its state folder."""
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (state := _state_of(int(entry.name))) is not None:
            yield int(entry.name), state


def _state_of(pid: int) -> Path | None:
    """The state folder of the node whose first process this is; None where it is no such one."""
    try:
        arguments = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")[:-1]
        if len(arguments) != 3 or not arguments[0].endswith(_PROGRAM.encode()):
            return None
        status = (_PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    pids = next((line.split()[1:] for line in status if line.startswith("NSpid:")), [])
    return state_of([os.fsdecode(argument) for argument in arguments], [int(pid) for pid in pids])


def launch(layout: Layout) -> int:
    """Start the node's first process, which waits for `reload`, and return its id.

    Raises:
        ClusterError: The kernel refused a namespace or a mount.
    """
    done = subprocess.run(
        [str(NODE.path(_PROGRAM)), "launch", str(layout.root)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    if done.returncode != 0:
        raise ClusterError(
            f"the node's namespaces could not be made: {done.stderr.strip()}",
            fix="see `stanchion doctor`; in a container, it must be a privileged one",
        )
    return int(done.stdout)


def is_current(pid: int) -> bool:
    """Whether the node's first process runs the program that is in the cache now."""
    started_as = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")[0]
    return started_as.decode() == str(NODE.path(_PROGRAM))


def reload(pid: int, layout: Layout) -> None:
    """Have the supervisor read `components.json`: what changed in it is started anew."""
    _signal(pid, layout, signal.SIGHUP)


def end(layout: Layout, patience: float = 30.0) -> bool:
    """End the node and wait until the kernel has ended all its processes.

    Args:
        layout: The cluster.
        patience: Seconds to wait.

    Returns:
        Whether there was one to end.

    Raises:
        ClusterError: A process hangs in the kernel.
    """
    pid = first_process(layout)
    if pid is None:
        return False
    handle = _signal(pid, layout, signal.SIGKILL)
    if handle is None:
        return True
    try:
        ended, _, _ = select.select([handle], [], [], patience)
    finally:
        os.close(handle)
    if not ended:
        raise ClusterError(
            f"the node's processes did not end within {patience:.0f} s",
            where=f"process {pid}",
            fix="one of them waits for a disk or network device; see `ps -o pid,stat,wchan,cmd`",
        )
    _await_reaping(pid)
    return True


def _await_reaping(pid: int) -> None:
    """Give the machine's first process a moment to clear the ended one from the process list.

    Where nobody does so, as in a container without an init, an entry without substance stays.
    """
    limit = time.monotonic() + _REAPING_SECONDS
    while (_PROC / str(pid)).exists() and time.monotonic() < limit:
        time.sleep(0.02)


def _signal(pid: int, layout: Layout, number: signal.Signals) -> int | None:
    """Signal through a handle, checked after it was opened: no other process can be hit.

    Returns:
        For SIGKILL, the handle, readable when the process has ended; else None.
    """
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if _state_of(pid) != layout.root:
        os.close(handle)
        return None
    signal.pidfd_send_signal(handle, number)
    if number is signal.SIGKILL:
        return handle
    os.close(handle)
    return None


def running(pid: int, layout: Layout) -> dict[str, Running]:
    """The supervisor's own account, checked against the processes that exist."""
    try:
        said = json.loads((layout.run / "status.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    found = {}
    for name, part in said.items():
        alive = part["pid"] and (_PROC / str(pid) / "root/proc" / str(part["pid"])).exists()
        found[name] = Running(part["pid"] if alive else 0, part["restarts"], part["last_exit"])
    return found
