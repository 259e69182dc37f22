"""Where workloads of a pool go."""

from stanchion.catalog.machines import accelerator
from stanchion.foundation.gpu_pool.contract import (
    GPU_DEVICE,
    GPU_TAINT_VALUE,
    POOL_LABEL,
    GpuPoolArgs,
    PoolParts,
    PoolPlan,
)
from stanchion.placement import Placement, Toleration


def gpu_toleration() -> Toleration:
    """Of the taint on every node with a GPU."""
    return no_schedule(GPU_DEVICE, GPU_TAINT_VALUE)


def no_schedule(key: str, value: str) -> Toleration:
    """Of a taint that keeps other pods away."""
    return {"key": key, "operator": "Equal", "value": value, "effect": "NoSchedule"}


def placement(args: GpuPoolArgs, plan: PoolPlan, parts: PoolParts) -> Placement:
    """What a workload that names the pool receives."""
    slices = args.get("time_slices", 1)
    if "mig_profile" in args:
        gpu = plan.machines[0].accelerator or ""
        slices = accelerator(gpu).mig[args["mig_profile"]]
    devices = plan.gpus * slices
    return {
        "pool": plan.name,
        "node_selector": {POOL_LABEL: plan.name, **parts.node_selector},
        "tolerations": [*([gpu_toleration()] if devices else []), *parts.tolerations],
        "device": GPU_DEVICE if devices else "",
        "devices_per_node": devices,
        "devices_per_container": 1 if "time_slices" in args else devices,
        "max_devices": parts.max_nodes * devices,
    }
