"""Pools of GPU nodes: kept for those who need them, bounded, and gone when nobody does."""

from __future__ import annotations

from collections.abc import Iterator

from stanchion_policies.pools import POOLS, pool_of
from stanchion_policies.rules import Settings, Severity, flag, resource_policy
from stanchion_policies.stack import CloudResource

_OWN_PREFIXES = ("karpenter.", "cloud.google.com/", "eks.amazonaws.com/", "node.kubernetes.io/")


@resource_policy(
    "gpu-pool-tainted",
    kinds=POOLS,
    severity=Severity.HIGH,
    fix="Taint its nodes, nvidia.com/gpu=present:NoSchedule for instance.",
)
def tainted(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A pool of GPUs keeps away what does not ask for them."""
    pool = pool_of(item.resource)
    if pool is not None and pool.has_gpus and not pool.taints:
        yield "has GPUs and no taint, so any pod may fill its nodes; add a NoSchedule taint"


@resource_policy(
    "gpu-pool-bounded",
    kinds=POOLS,
    severity=Severity.HIGH,
    fix="Set a maximum (spec.limits of Karpenter, scalingConfig.maxSize, autoscaling) and give its "
    "nodes labels that workloads select.",
)
def bounded(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A pool of GPUs has a maximum, and labels to select it by."""
    pool = pool_of(item.resource)
    if pool is None or not pool.has_gpus:
        return
    if not pool.bounded:
        yield "has GPUs and no maximum; bound it, or a mistake buys GPUs without end"
    if not any(not label.startswith(_OWN_PREFIXES) for label in pool.labels):
        yield "has GPUs and no label of its own; add one that workloads can select"


@resource_policy(
    "gpu-pool-idle",
    kinds=POOLS,
    severity=Severity.MEDIUM,
    fix="Let the pool's minimum be 0: nodes come when a pod asks for a GPU.",
    settings={"toZero": flag("Whether a pool of GPUs must scale to zero.", default=True)},
)
def idle(item: CloudResource, settings: Settings) -> Iterator[str]:
    """A pool of GPUs scales to zero where nobody is promised one at once."""
    pool = pool_of(item.resource)
    if pool is not None and pool.has_gpus and settings.flag("toZero") and pool.minimum > 0:
        yield f"keeps {pool.minimum} of its GPU nodes while nobody asks for one; write 0"
