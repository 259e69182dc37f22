"""Where a cluster keeps what it is: one folder per cluster, one cache for all."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stanchion_cli.cluster.model import ClusterError, checked_name
from stanchion_cli.cluster.ranges import Ranges
from stanchion_cli.progress import step

_PATIENCE_SECONDS = 300.0
_POLL_SECONDS = 0.2


def state_parent() -> Path:
    """The folder that holds a folder per cluster; `STANCHION_STATE_DIR` names another."""
    return Path(os.environ.get("STANCHION_STATE_DIR") or "/var/lib/stanchion").absolute()


def cache_folder() -> Path:
    """Where built programs stay for the next cluster."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(base).absolute() / "stanchion" / "bin"


@dataclass(frozen=True)
class Layout:
    """The paths below one cluster's folder."""

    name: str
    root: Path

    @classmethod
    def of(cls, name: str) -> Layout:
        """The layout of the cluster called `name`, which need not exist."""
        return cls(checked_name(name), state_parent() / name)

    @property
    def record(self) -> Path:
        """What must stay the same for the cluster's life: its address plan."""
        return self.root / "cluster.json"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.root / "kubeconfig"

    @property
    def certificates(self) -> Path:
        """Certificate authorities, certificates and keys."""
        return self.root / "pki"

    @property
    def configuration(self) -> Path:
        """What the components read at their start."""
        return self.root / "etc"

    @property
    def run(self) -> Path:
        """Sockets, and what the supervisor reports."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One file per component; pods' logs below `pods`."""
        return self.root / "log"

    @property
    def containerd_socket(self) -> Path:
        """Containerd's API."""
        return self.run / "containerd.sock"

    @property
    def components(self) -> Path:
        """The list that the supervisor runs."""
        return self.root / "components.json"

    @property
    def link(self) -> str:
        """The machine's end of the pair of interfaces."""
        return f"st-{self.name}"

    @property
    def node(self) -> str:
        """The node's name, its host name, and the name of its control groups."""
        return f"stanchion-{self.name}"

    def ranges(self) -> Ranges | None:
        """The recorded address plan, or None where the cluster has not got that far."""
        try:
            return Ranges(int(json.loads(self.record.read_text())["index"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise ClusterError(
                "the cluster's record cannot be read",
                where=str(self.record),
                fix=f"run `stanchion cluster down --name {self.name}`, which removes the cluster",
            ) from error


def recorded() -> list[Layout]:
    """The clusters that this machine has a folder of."""
    try:
        folders = sorted(state_parent().iterdir())
    except FileNotFoundError:
        return []
    return [Layout(folder.name, folder) for folder in folders if (folder / "cluster.json").exists()]


def write(path: Path, text: str | bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all, with its mode from the first moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    data = text.encode() if isinstance(text, str) else text
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    new.replace(path)


@contextmanager
def locked(layout: Layout, *, create: bool, patience: float = _PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the cluster's folder alone, so that two runs of `up` and `down` don't meet.

    Args:
        layout: The cluster.
        create: Make the folder where it is absent; without it, an absent folder needs no lock.
        patience: Seconds to wait for another run to end.

    Raises:
        ClusterError: Another run holds it for longer.
    """
    while True:
        if create:
            layout.root.mkdir(parents=True, exist_ok=True, mode=0o755)
        try:
            folder = os.open(layout.root, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            yield
            return
        try:
            _await_lock(folder, layout, patience)
            # The folder may have been removed, and even made anew, between open and lock.
            if layout.root.exists() and os.path.samestat(os.fstat(folder), layout.root.stat()):
                yield
                return
        finally:
            os.close(folder)


def _await_lock(folder: int, layout: Layout, patience: float) -> None:
    if _lock(folder):
        return
    with step(f"wait for the command that is working on the cluster {layout.name!r}"):
        limit = time.monotonic() + patience
        while not _lock(folder):
            if time.monotonic() > limit:
                raise ClusterError(
                    f"another command is working on the cluster {layout.name!r}",
                    where=str(layout.root),
                    fix="wait for it to end, then run this again",
                )
            time.sleep(_POLL_SECONDS)


def _lock(folder: int) -> bool:
    """Lock an open folder unless another command has; whether that was possible."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
