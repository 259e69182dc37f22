"""What a running platform leaves on a machine, so that `down` can be held to leave nothing."""

from __future__ import annotations

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
            processes=_lines("ps", "-eo", "args", "--no-headers", only="stanchion"),
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


def _lines(*command: str, only: str = "") -> frozenset[str]:
    try:
        printed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return frozenset()
    ours = {"pytest", "ps -eo"}
    return frozenset(
        line.strip()
        for line in printed.splitlines()
        if only in line and not any(word in line for word in ours)
    )


def _file(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
