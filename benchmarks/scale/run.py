"""One run: a bundled node of its own, simulated nodes beside it, and all that tenants ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stanchion_cli import cluster, preview
from stanchion_cli.cluster import toolchain
from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import step
from stanchion_cli.render import KubernetesObject, objects

from benchmarks.checkouts import ENVIRONMENT
from benchmarks.scale import placing
from benchmarks.scale.environment import Scale, checkout, workloads
from benchmarks.scale.findings import Findings, judge
from benchmarks.scale.kwok import KWOK, kwok
from benchmarks.scale.nodes import GPU, POOL, simulated

CLUSTER: Final = "bench-scale"
_READY_SECONDS: Final = 600
_STUCK_SECONDS: Final = 300
_SECONDS_A_TENTH: Final = 600


@dataclass(frozen=True)
class Run:
    """What one run found."""

    scale: Scale
    nodes: Mapping[str, int]
    """Simulated nodes by pool, those without GPUs included."""
    devices: Mapping[str, int]
    """GPUs, or slices of them, by pool."""
    applied: int
    """Objects of the tenants."""
    left_out: placing.LeftOut
    findings: Findings


def run(scale: Scale, folder: Path) -> Run:
    """Render the environment, apply it to a cluster with its nodes, and judge what became of it.

    The cluster `bench-scale` is made anew, and taken down at the end, whatever happens.

    Args:
        scale: How much of the full size.
        folder: For the checkout and KWOK's log.

    Raises:
        StanchionError: The program does not evaluate, the node does not come up, or something
            neither moved nor had a reason.
    """
    wanted = workloads(scale)
    rendered = _rendered(checkout(folder, scale))
    nodes = simulated(rendered)
    with _node() as node, kwok(node, folder):
        with step(f"make {len(nodes)} simulated nodes"):
            placing.create(node, nodes)
            placing.ready(node, len(nodes), seconds=_READY_SECONDS)
        with step("apply the tenants' objects") as running:
            tenants = {workload.tenant for workload in wanted}
            applied, left_out = placing.apply_tenants(node, rendered, tenants)
            running.note(f"{applied} objects")
        outcome = placing.settle(
            node, wanted, seconds=scale.tenths * _SECONDS_A_TENTH, seconds_still=_STUCK_SECONDS
        )
    counts, devices = Counter[str](), Counter[str]()
    for each in nodes:
        pool = each["metadata"]["annotations"][POOL]
        counts[pool] += 1
        devices[pool] += int(each["status"]["allocatable"].get(GPU, 0))
    return Run(
        scale=scale,
        nodes=counts,
        devices=devices,
        applied=applied,
        left_out=left_out,
        findings=judge(wanted, outcome),
    )


def _rendered(root: Path) -> Sequence[KubernetesObject]:
    with step("evaluate the program") as running:
        evaluated = preview.run(ENVIRONMENT, root=root, policies=False)
        running.note(f"{len(evaluated.resources)} resources")
    if evaluated.problems:
        raise StanchionError("; ".join(map(str, evaluated.problems)), where=ENVIRONMENT)
    return objects(evaluated)


@contextmanager
def _node() -> Iterator[cluster.Cluster]:
    """A bundled node that takes no pod: its own run already, and the tenants' are not for it."""
    cluster.down(CLUSTER)  # what an interrupted run left
    try:
        node = cluster.up(CLUSTER)
        toolchain.build_missing([KWOK])
        node.kubectl("cordon", node.context)
        yield node
    finally:
        cluster.down(CLUSTER)
