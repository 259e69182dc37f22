"""What a running platform leaves on a machine, so that `down` can be held to leave nothing."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path

_FOLDERS = ("/var/lib/stanchion", "/etc/cni", "/var/lib/cni", "/var/lib/kubelet", "/var/log/pods")


@dataclass(frozen=True)
class Traces:
    """Everything that a node of ours could leave behind, as sets of lines."""

    processes: frozenset[str]
    mounts: frozenset[str]
    interfaces: frozenset[str]
    routes: frozenset[str]
    namespaces: frozenset[str]
    rules: frozenset[str]
    control_groups: frozenset[str]
    folders: frozenset[str]

    @classmethod
    def of_machine(cls) -> Traces:
        """Look at this machine now."""
        return cls(
            processes=_processes(),
            mounts=frozenset(line.split()[1] for line in _file("/proc/mounts")),
            interfaces=frozenset(path.name for path in Path("/sys/class/net").iterdir()),
            routes=_lines("ip", "route", "show", "table", "all"),
            namespaces=_lines("ip", "netns", "list"),
            rules=_lines("nft", "list", "ruleset"),
            control_groups=frozenset(
                str(path) for path in Path("/sys/fs/cgroup").glob("*/*stanchion*")
            ),
            folders=frozenset(str(path) for parent in _FOLDERS for path in Path(parent).glob("*")),
        )

    def left_over(self, before: Traces) -> dict[str, list[str]]:
        """What is there now and was not `before`, by kind."""
        found = {
            field.name: sorted(getattr(self, field.name) - getattr(before, field.name))
            for field in fields(self)
        }
        return {name: lines for name, lines in found.items() if lines}


def _processes() -> frozenset[str]:
    """Processes that name us, without those of other tests that run on the machine as well."""
    rows = [line.split(maxsplit=2) for line in _lines("ps", "-eo", "pid,ppid,args", "--no-headers")]
    called = {int(pid): args for pid, _, args in rows}
    parents = {int(pid): int(parent) for pid, parent, _ in rows}

    def of_other_tests(pid: int) -> bool:
        while pid in called and pid != os.getpid():
            if "pytest" in called[pid]:
                return True
            pid = parents[pid]
        return False

    return frozenset(
        args for pid, args in called.items() if "stanchion" in args and not of_other_tests(pid)
    )


def _lines(*command: str) -> frozenset[str]:
    try:
        printed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return frozenset()
    return frozenset(line.strip() for line in printed.splitlines())


def _file(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
