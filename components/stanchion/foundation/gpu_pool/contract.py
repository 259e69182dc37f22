"""What `GpuPool` takes, and what each backend is asked to do."""

from dataclasses import dataclass
from typing import NotRequired, Protocol, TypedDict

import pulumi

from stanchion.catalog.machines import Machine
from stanchion.catalog.pools import CapacityKind
from stanchion.checks import Checks
from stanchion.foundation.location import ClusterReference, Location, NetworkReference
from stanchion.placement import Toleration

POOL_LABEL = "stanchion.dev/pool"
ACCELERATOR_LABEL = "stanchion.dev/accelerator"
GPU_DEVICE = "nvidia.com/gpu"
GPU_TAINT_VALUE = "present"


class GpuPoolArgs(TypedDict):
    """Arguments of `GpuPool`."""

    location: Location
    """Cloud, account, region and zones."""
    environment: str
    """Environment it belongs to, as prod-aws: prefix of what is named in the whole account."""
    owner: str
    """Team that answers for it; becomes a tag."""
    cost_center: str
    """Where its cost is booked; becomes a tag."""
    cluster: ClusterReference
    """Cluster whose nodes it makes: the output `reference` of `Cluster`."""
    network: NetworkReference
    """Network of its nodes: the output `reference` of `Network`."""
    capacity: list[CapacityKind]
    """Ways to come by nodes, in the order in which to try them: reservation, capacity_block,
    queued, spot, on_demand. capacity_block and queued stand alone, the one on AWS, the other on
    Google Cloud. On Google Cloud each may reach `max_nodes` by itself."""
    max_nodes: int
    """Most nodes, 1 to 1000."""
    pool_name: NotRequired[str]
    """Name of the pool in its cluster, at most 28 characters. Default: the component's name."""
    accelerator: NotRequired[str]
    """GPU by its field name, as nvidia-l4. Default: none, a pool of CPUs by `machine_type`."""
    machine_type: NotRequired[str]
    """Machine type of the cloud, as m7i.2xlarge. Default: what carries the accelerator; on AWS
    every such size, the smallest elsewhere."""
    gpus_per_node: NotRequired[int]
    """GPUs of a node. Default: as few as the cloud offers."""
    min_nodes: NotRequired[int]
    """Nodes that are always there. Default: 0. Elastic pools on AWS begin at 0."""
    zones: NotRequired[list[str]]
    """Zones of the location it uses. Default: all of them. One where `efa` is asked for or a
    capacity block is used."""
    reservation: NotRequired[str]
    """Reservation to use: ID cr-... on AWS, name on Google Cloud. Default: none."""
    mig_profile: NotRequired[str]
    """Partition every GPU into slices of this MIG profile, as 1g.10gb. Default: whole GPUs."""
    time_slices: NotRequired[int]
    """Let this many containers share a GPU in turns, 2 to 48, without walls between them.
    Default: one."""
    efa: NotRequired[bool]
    """Elastic Fabric Adapters and a placement group, for training over many nodes on AWS: the
    pool is then of fixed size. Default: false."""
    nvme_cache: NotRequired[bool]
    """Use the machine's local NVMe disks for images and temporary files. Default: false."""
    expire_hours: NotRequired[int]
    """Replace a node after so many hours, 1 to 8760; fixed pools on AWS have no such clock.
    Default: 720 on elastic AWS pools, elsewhere never."""
    node_image: NotRequired[str]
    """Release of the node image, as v20250920, for elastic AWS pools, where it must be named.
    Default: elsewhere what goes with the cluster's version."""
    disk_gb: NotRequired[int]
    """Size of the root disk in GB, 50 to 16000. Default: 200."""
    keep: NotRequired[bool]
    """Whether its deletion is refused. Default: false."""


@dataclass(frozen=True)
class PoolPlan:
    """A pool as its arguments settle it, the same for every backend."""

    name: str
    machines: tuple[Machine, ...]
    capacity: tuple[CapacityKind, ...]
    min_nodes: int
    max_nodes: int
    zones: tuple[str, ...]
    labels: dict[str, str]
    tags: dict[str, str]

    @property
    def gpus(self) -> int:
        """GPUs of a node."""
        return self.machines[0].gpus


@dataclass(frozen=True)
class PoolParts:
    """What a backend makes of a pool, as workloads see it; known before anything is made.

    Attributes:
        node_selector: What selects its nodes beside the pool's own label.
        tolerations: Its taints beside that of GPUs.
        max_nodes: How many nodes there are when it is at its largest.
        image_streaming: Whether containers start before all of their image is there.
    """

    node_selector: dict[str, str]
    tolerations: tuple[Toleration, ...]
    max_nodes: int
    image_streaming: bool = False


class GpuPoolBackend(Protocol):
    """One cloud's way to make nodes."""

    mixes_sizes: bool
    """Whether nodes of one pool may be of several machine types."""

    def check(self, check: Checks, args: GpuPoolArgs, plan: PoolPlan) -> None:
        """Note what this cloud cannot do."""
        ...

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: GpuPoolArgs,
        plan: PoolPlan,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        """Make it, as children of `parent`."""
        ...

    def parts(self, plan: PoolPlan) -> PoolParts:
        """How workloads find what `build` makes."""
        ...
