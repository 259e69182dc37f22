"""What the rest of Stanchion knows of the bundled node: its names, addresses and state."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from stanchion_cli.errors import Exit, StanchionError

DEFAULT_NAME = "local"
# The name ends up in a network interface's name, of which Linux allows 15 characters.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,10}[a-z0-9]|[a-z]")


class ClusterError(StanchionError):
    """The bundled node cannot be started, stopped or used: what, why, and the way out."""


@dataclass(frozen=True)
class Cluster:
    """A bundled node that exists: how to reach it.

    Attributes:
        name: The name given to `stanchion cluster up`.
        kubeconfig: A file of mode 0600 with an administrator's client certificate.
        context: The context's name in that file, `stanchion-<name>`.
        node_address: IPv4 address of the node, reachable from this machine alone.
        pod_range: CIDR of pod addresses, reachable from this machine.
        service_range: CIDR of Service addresses, reachable from this machine.
        kubectl_path: The kubectl that belongs to the node's version.
    """

    name: str
    kubeconfig: Path
    context: str
    node_address: str
    pod_range: str
    service_range: str
    kubectl_path: Path = field(compare=False)

    def kubectl(
        self, *args: str, stdin: str | None = None, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl against this node and return what it said.

        Args:
            args: Its arguments, without `--kubeconfig` and `--context`.
            stdin: Text for its standard input.
            check: Raise where it ends with a status other than zero.
            timeout: Seconds after which it is ended.

        Raises:
            ClusterError: It failed and `check` is set, or it ran into `timeout`.
        """
        command = [str(self.kubectl_path), f"--kubeconfig={self.kubeconfig}", *args]
        try:
            done = subprocess.run(
                command,
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
                env=os.environ | {"NO_PROXY": self.node_address, "no_proxy": self.node_address},
            )
        except subprocess.TimeoutExpired as error:
            raise ClusterError(
                f"kubectl {' '.join(args[:3])} had no answer within {timeout:.0f} s",
                where=f"cluster {self.name}",
                fix=f"look at `stanchion cluster status --name {self.name}`",
            ) from error
        if check and done.returncode != 0:
            raise ClusterError(
                f"kubectl {' '.join(args[:3])} failed: {done.stderr.strip()}",
                where=f"cluster {self.name}",
            )
        return done


@dataclass(frozen=True)
class Check:
    """One requirement of the bundled node, looked at without changing anything.

    Attributes:
        name: What was looked at.
        ok: Whether the node can run as far as this requirement goes.
        found: What is there.
        fix: What to do; empty where `ok`.
    """

    name: str
    ok: bool
    found: str
    fix: str = ""


class ClusterState(StrEnum):
    """What has become of a cluster as a whole."""

    ABSENT = "absent"
    """Nothing of it is on this machine."""
    STOPPED = "stopped"
    """Its state is there and no process: after a reboot, or when it was killed."""
    PARTIAL = "partial"
    """It runs, and at least one component does not do its work."""
    RUNNING = "running"


@dataclass(frozen=True)
class ComponentStatus:
    """One part of the node; `reason` says why it is not `ok`."""

    name: str
    ok: bool
    reason: str = ""


@dataclass(frozen=True)
class ClusterStatus:
    """The state of a cluster and of each of its parts, in the order in which they depend."""

    name: str
    state: ClusterState
    components: tuple[ComponentStatus, ...] = ()
    cluster: Cluster | None = None


def checked_name(name: str) -> str:
    """Return `name` where it can name a cluster.

    Raises:
        ClusterError: It cannot; exit status 2.
    """
    if not _NAME.fullmatch(name):
        raise ClusterError(
            f"{name!r} cannot name a cluster",
            where="--name",
            fix="use 1 to 12 lower-case letters, digits and dashes, a letter first",
            exit=Exit.BAD_INPUT,
        )
    return name
