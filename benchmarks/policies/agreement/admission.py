"""Kubernetes' own pod security admission: `test/testdata/<level>/<version>/{pass,fail}/*.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.policies.agreement.labels import Label, ask, read

_HOST = ("pod-no-host-network", "pod-no-host-pid", "pod-no-host-ipc")
POLICIES = {
    "allowprivilegeescalation": ask("pod-no-privilege-escalation"),
    "apparmorprofile": ask("pod-apparmor"),
    "capabilities_restricted": ask("pod-drops-capabilities", "pod-adds-no-capability"),
    "hostnamespaces": ask(*_HOST),
    "hostpathvolumes": ask("pod-no-host-path"),
    "hostports": ask("pod-no-host-port"),
    "hostprobesandhostlifecycle": ask("pod-probes-itself"),
    "privileged": ask("pod-not-privileged"),
    "procmount": ask("pod-proc-mount", ownUsers=True),
    "procmount_restricted": ask("pod-proc-mount"),
    "restrictedvolumes": ask("pod-volume-types"),
    "runasnonroot": ask("pod-non-root-enforced"),
    "runasuser": ask("pod-no-root-user"),
    "seccompprofile_baseline": ask("pod-seccomp-not-unconfined"),
    "seccompprofile_restricted": ask("pod-seccomp"),
    "selinuxoptions": ask("pod-selinux"),
    "sysctls": ask("pod-sysctls"),
    "windowshostprocess": ask("pod-no-host-process"),
}
"""By the file's name; `capabilities_baseline` allows what the pack does not, by default."""


def labels(root: Path) -> Iterator[Label]:
    """A label for each file of the newest version of each level."""
    for level in ("baseline", "restricted"):
        versions = (root / "test" / "testdata" / level).glob("v1.*")
        newest = max(versions, key=lambda path: int(path.name.partition(".")[2]))
        for path in sorted(newest.glob("*/*.yaml")):
            check, outcome = re.sub(r"\d*$", "", path.stem), path.parent.name
            yield Label(check, f"{level} {outcome} {path.name}", read(path), outcome == "fail")
