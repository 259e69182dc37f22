"""Where workloads of a pool go."""

import re

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
    offered: Placement = {
        "pool": plan.name,
        "node_selector": {POOL_LABEL: plan.name, **parts.node_selector},
        "tolerations": [*([gpu_toleration()] if devices else []), *parts.tolerations],
        "device": GPU_DEVICE if devices else "",
        "devices_per_node": devices,
        "devices_per_container": 1 if "time_slices" in args else devices,
        "max_devices": parts.max_nodes * devices,
        "nvme_cache": args.get("nvme_cache", False),
        "cloud": args["location"]["cloud"],
        "min_nodes": plan.min_nodes,
        "max_cpu": parts.max_nodes * min(each.cores_for_pods for each in plan.machines),
        "max_memory": parts.max_nodes * min(each.memory_for_pods for each in plan.machines),
        "image_streaming": parts.image_streaming,
    }
    memory = _device_memory(args, plan)
    if memory is not None:
        offered["device_memory"] = memory
    return offered


def _device_memory(args: GpuPoolArgs, plan: PoolPlan) -> float | None:
    """GiB of a GPU or a slice of one; None where several share it in turns, or there is none."""
    name = plan.machines[0].accelerator
    if name is None or "time_slices" in args:
        return None
    gpu = accelerator(name)
    sliced = re.search(r"\.(\d+)gb", args.get("mig_profile", ""))
    return round(gpu.usable * int(sliced[1]) / gpu.memory, 1) if sliced else gpu.usable
