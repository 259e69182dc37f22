"""Which nodes a workload goes to, and the refusal of what none of them can hold.

`GpuPool` publishes it and workloads receive it: neither types it a second time.
"""

from typing import NotRequired, TypedDict

from stanchion.checks import Checks


class Toleration(TypedDict):
    """A taint that pods of the pool tolerate, in the notation of Kubernetes."""

    key: str
    """Key of the taint."""
    operator: str
    """Always Equal."""
    value: str
    """Value of the taint."""
    effect: str
    """Always NoSchedule."""


class Placement(TypedDict):
    """What a workload needs to land on a pool, and how much it may ask for there."""

    pool: str
    """Name of the pool."""
    node_selector: dict[str, str]
    """Labels of its nodes."""
    tolerations: list[Toleration]
    """Taints of its nodes; none for CPU pools."""
    device: str
    """Resource a container asks for, nvidia.com/gpu; empty for CPU pools."""
    devices_per_node: int
    """How many of it one node has: GPUs, or slices of them."""
    devices_per_container: int
    """How many of it one container may ask for: 1 where GPUs are shared in turns."""
    max_devices: int
    """How many of it the pool has when it is at its largest."""
    device_memory: NotRequired[float]
    """GiB that a program finds on one of them. Default: not known, as of GPUs shared in turns."""
    nvme_cache: NotRequired[bool]
    """Whether its nodes keep temporary files on local NVMe disks. Default: false."""
    cloud: NotRequired[str]
    """Whose nodes they are, aws or gcp. Default: not known."""
    min_nodes: NotRequired[int]
    """Nodes that are always there. Default: 0."""
    max_cpu: NotRequired[int]
    """Cores that all its nodes together have for pods at the least, when it is at its largest.
    Default: not known."""
    max_memory: NotRequired[int]
    """GiB of RAM, likewise. Default: not known."""
    image_streaming: NotRequired[bool]
    """Whether containers start before all of their image is there. Default: false."""


def check_gpus(check: Checks, gpus: int, at: Placement | None) -> bool:
    """Note GPUs that no node is known to have, and those of a pool that would stay unused.

    Returns:
        Whether the number goes with the pool, so that more can be judged of it.
    """
    if gpus < 0:
        check.refuse("gpus", f"is {gpus}", "write how many, or leave it out")
    elif at is None:
        if gpus:
            check.refuse(
                "gpus",
                f"is {gpus}, but without placement no node is known to have any",
                "add placement, that of a pool of GPUs",
            )
    elif at["device"] and not gpus:
        check.refuse(
            "gpus",
            f"is 0, but pool '{at['pool']}' is of GPU nodes, which would be paid for unused",
            "write how many a replica needs, or use a pool of CPUs",
        )
    else:
        check_devices(check, "gpus", gpus, at)
        return 0 < gpus <= at["devices_per_container"]
    return False


def check_devices(check: Checks, field: str, asked: int, at: Placement) -> None:
    """Note a container that asks for more GPUs than a node of the pool has, with the numbers."""
    if asked and not at["device"]:
        check.refuse(
            field,
            f"is {asked}, and nodes of pool '{at['pool']}' have no GPU",
            "leave it out, or use a pool of GPUs",
        )
    elif asked > at["devices_per_container"]:
        check.refuse(
            field,
            f"{asked} is more than the {at['devices_per_container']} that a container may have of "
            f"the {at['devices_per_node']} GPUs or slices on a node of pool '{at['pool']}'",
            f"write at most {at['devices_per_container']}, or use a pool with more",
        )


def check_together(check: Checks, field: str, pods: int, gpus: int, at: Placement) -> None:
    """Note pods that begin together or not at all, and that a pool of GPUs cannot all hold.

    Args:
        check: Where it is noted.
        field: The argument that says how many there are.
        pods: How many there are.
        gpus: GPUs of each, no more than a container may have.
        at: The pool.
    """
    room = pods_with(gpus, at)
    if pods > room:
        check.refuse(
            field,
            f"{pods} with gpus: {gpus} begin together, and the {at['max_devices']} GPUs or slices "
            f"of pool '{at['pool']}' at its largest hold {room}",
            f"write at most {room}, or raise max_nodes of the pool",
        )


def pods_with(gpus: int, at: Placement) -> int:
    """How many pods of so many GPUs each a pool holds at its largest; none spans two nodes."""
    return at["max_devices"] // at["devices_per_node"] * (at["devices_per_node"] // gpus)
