"""kube-linter: `tests/checks/*`, judged as `e2etests/bats-tests.sh` says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.policies.agreement.labels import Label, Manifest, ask, identity, read

POLICIES = {
    "access-to-create-pods": ask("rbac-no-pod-creation-bound"),
    "access-to-secrets": ask("rbac-no-secrets-read-bound"),
    "cluster-admin-role-binding": ask("rbac-no-cluster-admin"),
    "dangling-horizontalpodautoscaler": ask("autoscaler-target-exists"),
    "dangling-ingress": ask("ingress-backend-exists"),
    "dangling-networkpolicy": ask("network-policy-selects-something"),
    "dangling-networkpolicypeer-podselector": ask("network-policy-peer-exists"),
    "drop-net-raw-capability": ask("pod-drops-net-raw"),
    "dangling-service": ask("service-selects-pods"),
    "default-service-account": ask("pod-service-account"),
    "docker-sock": ask("pod-no-runtime-socket"),
    "duplicate-env-var": ask("workload-env-unique"),
    "env-var-secret": ask("no-credentials-in-clear"),
    "exposed-services": ask("service-type"),
    "host-ipc": ask("pod-no-host-ipc"),
    "host-network": ask("pod-no-host-network"),
    "host-pid": ask("pod-no-host-pid"),
    "hpa-minimum-three-replicas": ask("autoscaler-bounds", minimum=3),
    "job-ttl-seconds-after-finished": ask("job-time-to-live"),
    "latest-tag": ask("image-pinned"),
    "liveness-port": ask("workload-probe-ports"),
    "minimum-three-replicas": ask("workload-replicas", minimum=3),
    "mismatching-selector": ask("selector-matches-template"),
    "no-anti-affinity": ask("topology-spread"),
    "no-extensions-v1beta": ask("api-version-served"),
    "no-liveness-probe": ask("workload-liveness-probe"),
    "no-read-only-root-fs": ask("pod-read-only-root"),
    "no-readiness-probe": ask("workload-readiness-probe"),
    "non-existent-service-account": ask("service-account-exists"),
    "non-isolated-pod": ask("network-policy-selects-pod", egress=False),
    "pdb-max-unavailable": ask("disruption-budget-permits-eviction"),
    "pdb-min-available": ask(
        "disruption-budget-permits-eviction", "disruption-budget-below-autoscaler"
    ),
    "priority-class-name": ask(
        "workload-priority-class", allowed=["system-cluster-critical", "system-node-critical"]
    ),
    "privilege-escalation-container": ask("pod-no-privilege-escalation"),
    "privileged-container": ask("pod-not-privileged"),
    "read-secret-from-env-var": ask("secrets-as-files"),
    "readiness-port": ask("workload-probe-ports"),
    "run-as-non-root": ask("pod-non-root", "pod-no-root-group"),
    "sensitive-host-mounts": ask("pod-no-host-path"),
    "startup-port": ask("workload-probe-ports"),
    "unsafe-proc-mount": ask("pod-proc-mount"),
    "unsafe-sysctls": ask("pod-sysctls"),
    "unset-cpu-requirements": ask("workload-cpu-request", "workload-cpu-limit"),
    "unset-memory-requirements": ask("workload-memory-request", "workload-memory-limit"),
    "use-namespace": ask("namespace-stated"),
    "wildcard-in-rules": ask("rbac-no-wildcards"),
    "writable-host-mount": ask("pod-no-host-path"),
}

_TEST = re.compile(r'@test "([^"]+)" \{(.*?)\n\}', re.DOTALL)
_MESSAGE = re.compile(r'"\$\{message\d+\}" == "(\w+)(?: ([\w-]+))?:')
_CLEAN = re.compile(r"(dont|do-not)-fire|^(good|should-pass|valid)|-ok$")


def labels(root: Path) -> Iterator[Label]:
    """A label for each object of a kind that the test expects reports about."""
    script = (root / "e2etests" / "bats-tests.sh").read_text()
    for check, body in _TEST.findall(script):
        file = re.search(r'tmp="([^"]+)"', body)
        path = root / file[1] if file else root
        reported = _MESSAGE.findall(body)
        if path.is_file() and reported:
            yield from _of(check, path.name, read(path), [kind for kind, _name in reported])


def _of(
    check: str, file: str, objects: tuple[Manifest, ...], kinds: Sequence[str]
) -> Iterator[Label]:
    meant = [identity(body) for body in objects if body["kind"] in kinds]
    broken = [each for each in meant if not _CLEAN.search(each[1])]
    for each in meant:
        if _CLEAN.search(each[1]):
            yield Label(check, f"{file} {each[1]}", objects, violated=False, subject=each)
    if len(broken) == len({*broken}) == len(kinds):
        for each in broken:
            yield Label(check, f"{file} {each[1]}", objects, violated=True, subject=each)
    else:
        yield Label(check, file, objects, violated=True)
