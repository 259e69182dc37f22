"""The system packages that the node stands on, and their installation where that is possible."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stanchion_cli.cluster.layout import write
from stanchion_cli.cluster.model import ClusterError
from stanchion_cli.progress import step

# Debian package, and a file that is there exactly when what we need of it is.
PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "containernetworking-plugins": "/usr/lib/cni/ptp",
    "nftables": "nft",
    "conntrack": "conntrack",
    "iproute2": "ip",
    "util-linux": "nsenter",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
}
_SEARCH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
_POLICY = Path("/usr/sbin/policy-rc.d")


def program(name: str) -> Path:
    """The path of a program that one of the packages brings.

    Raises:
        ClusterError: It is not installed.
    """
    found = shutil.which(name, path=_SEARCH)
    if found is None:
        raise ClusterError(f"the program {name} is not installed", fix="see `stanchion doctor`")
    return Path(found)


def missing_packages() -> list[str]:
    """The packages whose programs are not here, in the order of `PACKAGES`."""
    return [
        package
        for package, sign in PACKAGES.items()
        if not (Path(sign).exists() if sign.startswith("/") else shutil.which(sign, path=_SEARCH))
    ]


def ensure_packages() -> list[str]:
    """Install what is missing, on Debian and its relatives, without starting any service.

    Returns:
        The packages installed just now, also noted for `installed_packages`.

    Raises:
        ClusterError: This is no such system, or apt failed.
    """
    if not missing_packages():
        return []
    _note().parent.mkdir(parents=True, exist_ok=True)
    with _note().with_suffix(".lock").open("w") as lock:
        # Images are built beside the node: only one of them installs, the other waits for it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        lacking = missing_packages()
        if lacking:
            _install(lacking)
    return lacking


def _install(lacking: list[str]) -> None:
    names = " ".join(lacking)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise ClusterError(
            f"system packages are missing: {names}",
            fix="install them with your system's package manager (names are Debian's)",
        )
    with step(f"install system packages: {names}"), _no_service_starts():
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=600"]
        install = [*apt, "install", "--no-install-recommends", *lacking]
        done = _run(install, environment)
        if done.returncode != 0:
            _run([*apt, "update"], environment)
            done = _run(install, environment)
    if done.returncode != 0 or missing_packages():
        last = " ".join(done.stderr.strip().splitlines()[-3:])
        raise ClusterError(
            f"apt-get could not install {names}: {last}",
            fix=f"run `apt-get update && apt-get install {names}` and see what it says",
        )
    noted = sorted({*installed_packages(), *lacking})
    write(_note(), "".join(f"{package}\n" for package in noted))


def installed_packages() -> list[str]:
    """The packages that `ensure_packages` has installed on this machine and that are still here."""
    try:
        noted = _note().read_text().split()
    except FileNotFoundError:
        return []
    lacking = set(missing_packages())
    return [package for package in noted if package not in lacking]


def _note() -> Path:
    """With the caches, not the cluster: it outlives every cluster, as the packages do."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(base).absolute() / "stanchion" / "installed-packages"


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Debian starts a package's service at installation unless this file says no."""
    if _POLICY.exists():
        yield
        return
    with tempfile.NamedTemporaryFile("w", dir=_POLICY.parent, delete=False) as file:
        file.write("#!/bin/sh\nexit 101\n")
    Path(file.name).chmod(0o755)
    Path(file.name).rename(_POLICY)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
