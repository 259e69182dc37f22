"""Pools of nodes, whoever makes them: Karpenter, EKS node groups, GKE node pools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from stanchion_policies.facts import Machine, machines
from stanchion_policies.kubernetes import Resource
from stanchion_policies.reading import entries, get, items, number, present, quantity, text, texts

KARPENTER = frozenset(
    {"kubernetes:karpenter.sh/v1:NodePool", "kubernetes:karpenter.sh/v1beta1:NodePool"}
)
EKS = "aws:eks/nodeGroup:NodeGroup"
GKE = "gcp:container/nodePool:NodePool"
POOLS = KARPENTER | {EKS, GKE}
"""Type tokens of resources that are pools of nodes."""

INSTANCE_TYPE = "node.kubernetes.io/instance-type"
CAPACITY = "karpenter.sh/capacity-type"
SLICED = ("nvidia.com/device-plugin.config", "nvidia.com/mig.config")
"""Labels that make more devices of a node than it has GPUs."""
GPU = "nvidia.com/gpu"
_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute"}


@dataclass(frozen=True)
class Taint:
    """A taint as Kubernetes writes it."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True)
class NodePool:
    """A pool of nodes.

    Attributes:
        name: Its name in its cluster.
        labels: Labels of its nodes.
        allowed: Values that a label of its nodes may have, where there are several.
        taints: Taints of its nodes that keep pods away.
        machines: What its nodes may be; empty where the catalogue does not know them all.
        devices: Most GPUs of a node, or slices of them; None where nothing says so.
        has_gpus: Whether its nodes have GPUs.
        spot: Whether all its nodes may be taken back at any time.
        some_spot: Whether some may.
        minimum: Nodes it keeps at least.
        maximum: Nodes it has at most; None where nothing bounds it.
        limits: Resources that all its nodes together have at most, as Karpenter bounds a pool.
    """

    name: str
    labels: Mapping[str, str]
    allowed: Mapping[str, tuple[str, ...]]
    taints: tuple[Taint, ...]
    machines: tuple[Machine, ...]
    devices: int | None
    has_gpus: bool
    spot: bool
    some_spot: bool
    minimum: int
    maximum: int | None
    limits: Mapping[str, Decimal]

    @property
    def bounded(self) -> bool:
        """Whether something bounds it."""
        return self.maximum is not None or bool(self.limits)

    @property
    def most_devices(self) -> int | None:
        """The GPUs of the pool at its largest; None where nothing says so."""
        if GPU in self.limits:
            return int(self.limits[GPU])
        if self.maximum is None or self.devices is None:
            return None
        return self.maximum * self.devices

    def most_nodes(self, machine: Machine) -> int | None:
        """How many nodes it has at most when all are of one type."""
        bounds = [] if self.maximum is None else [self.maximum]
        if GPU in self.limits and machine.gpus:
            bounds.append(int(self.limits[GPU]) // machine.gpus)
        if "cpu" in self.limits:
            bounds.append(int(self.limits["cpu"]) // machine.vcpus)
        return min(bounds, default=None)


def pool_of(resource: Resource) -> NodePool | None:
    """The pool that a resource makes; None where it makes none."""
    if resource.resource_type in KARPENTER:
        return _karpenter(resource)
    if resource.resource_type == EKS:
        return _eks(resource)
    return _gke(resource) if resource.resource_type == GKE else None


def pools_of(resources: Iterable[Resource]) -> list[NodePool]:
    """The pools that resources make, in their order."""
    return [pool for resource in resources if (pool := pool_of(resource)) is not None]


def _karpenter(resource: Resource) -> NodePool:
    spec = entries(resource.props, "spec")
    template = entries(spec, "template")
    name = text(resource.props, "metadata", "name", default=resource.name)
    allowed = {
        text(requirement, "key"): tuple(texts(requirement, "values"))
        for requirement in items(template, "spec", "requirements")
        if get(requirement, "operator") == "In"
    }
    asked = {text(each, "key") for each in items(template, "spec", "requirements")}
    kinds = _allowed_kinds(allowed)
    limits = {
        key: size
        for key in entries(spec, "limits")
        if (size := quantity(get(spec, "limits", key))) is not None
    }
    labels = {**_labels(template, "metadata", "labels"), "karpenter.sh/nodepool": name}
    replicas = int(number(spec, "replicas"))
    capacity = allowed.get(CAPACITY, ("on-demand",))
    return NodePool(
        name=name,
        labels=labels,
        allowed=allowed,
        taints=_taints(template, "spec", "taints"),
        machines=kinds,
        devices=_devices(labels, kinds),
        has_gpus=GPU in limits
        or any(kind.gpus for kind in kinds)
        or any("/instance-gpu-" in key for key in asked)
        or _values(allowed, "/instance-category") in ({"g"}, {"p"}, {"g", "p"}),
        spot=capacity == ("spot",),
        some_spot="spot" in capacity,
        minimum=replicas,
        maximum=replicas or None,
        limits=limits,
    )


def _allowed_kinds(allowed: Mapping[str, tuple[str, ...]]) -> tuple[Machine, ...]:
    """What Karpenter may choose from: types by name, else those that are known of the families."""
    if INSTANCE_TYPE in allowed:
        return _known(allowed[INSTANCE_TYPE], "aws")
    families, sizes = _values(allowed, "/instance-family"), _values(allowed, "/instance-size")
    return tuple(
        each
        for each in machines("aws").values()
        if each.family in families and (not sizes or each.size in sizes)
    )


def _values(allowed: Mapping[str, tuple[str, ...]], ending: str) -> set[str]:
    """The values of the label that ends so, karpenter.k8s.aws/instance-family or another's."""
    return {value for key, values in allowed.items() if key.endswith(ending) for value in values}


def _eks(resource: Resource) -> NodePool:
    props = resource.props
    kinds = _known(texts(props, "instanceTypes"), "aws")
    labels = _labels(props, "labels")
    bounded = present(props, "scalingConfig", "maxSize")
    name = text(props, "nodeGroupName", default=resource.name)
    spot = get(props, "capacityType") == "SPOT"
    return NodePool(
        name=name,
        labels={**labels, "eks.amazonaws.com/nodegroup": name},
        allowed={INSTANCE_TYPE: tuple(texts(props, "instanceTypes"))},
        taints=_taints(props, "taints"),
        machines=kinds,
        devices=_devices(labels, kinds),
        has_gpus=any(kind.gpus for kind in kinds) or "NVIDIA" in text(props, "amiType"),
        spot=spot,
        some_spot=spot,
        minimum=int(number(props, "scalingConfig", "minSize")),
        maximum=int(number(props, "scalingConfig", "maxSize")) if bounded else None,
        limits={},
    )


def _gke(resource: Resource) -> NodePool:
    props, config = resource.props, entries(resource.props, "nodeConfig")
    name = text(props, "name", default=resource.name)
    kind = text(config, "machineType")
    attached = items(config, "guestAccelerators")
    devices = sum(
        int(number(each, "count", default=1))
        * int(number(each, "gpuSharingConfig", "maxSharedClientsPerGpu", default=1))
        for each in attached
    )
    sliced = any(get(each, "gpuPartitionSize") for each in attached)
    known = _known([kind], "gcp")
    built_in = sum(machine.gpus for machine in known)
    accelerator = "".join(text(each, "type") for each in attached)
    spot = bool(get(config, "spot") or get(config, "preemptible"))
    scaled = entries(props, "autoscaling")
    minimum, maximum = _gke_bounds(props, scaled)
    return NodePool(
        name=name,
        labels={
            **_labels(config, "labels"),
            "cloud.google.com/gke-nodepool": name,
            INSTANCE_TYPE: kind,
            **({"cloud.google.com/gke-accelerator": accelerator} if accelerator else {}),
            **({"cloud.google.com/gke-spot": "true"} if spot else {}),
        },
        allowed={},
        taints=_taints(config, "taints"),
        machines=known,
        devices=None if sliced else devices or built_in,
        has_gpus=bool(attached) or built_in > 0,
        spot=spot,
        some_spot=spot,
        minimum=minimum,
        maximum=maximum,
        limits={},
    )


def _gke_bounds(props: Mapping[str, Any], scaled: Mapping[str, Any]) -> tuple[int, int | None]:
    """Least and most nodes: in all, in each zone, or as many as it was made with."""
    if present(scaled, "totalMaxNodeCount"):
        most = int(number(scaled, "totalMaxNodeCount"))
        return int(number(scaled, "totalMinNodeCount")), most
    zones = max(1, len(items(props, "nodeLocations")))
    if present(scaled, "maxNodeCount"):
        most = int(number(scaled, "maxNodeCount"))
        return int(number(scaled, "minNodeCount")) * zones, most * zones
    # What is here alone is a pool of fixed size, which bounds it.
    fixed = "nodeCount" if present(props, "nodeCount") else "initialNodeCount"
    nodes = int(number(props, fixed, default=1)) * zones
    return nodes, None if scaled else nodes


def _known(names: Sequence[str], cloud: str) -> tuple[Machine, ...]:
    """The catalogue's machines; none where it lacks one of them."""
    listed = machines(cloud)
    found = tuple(listed[name] for name in names if name in listed)
    return found if len(found) == len(names) else ()


def _devices(labels: Mapping[str, str], kinds: Iterable[Machine]) -> int | None:
    if any(label in labels for label in SLICED):
        return None
    return max((kind.gpus for kind in kinds), default=None)


def _labels(source: Any, *path: str) -> dict[str, str]:
    found = entries(source, *path)
    return {key: text(found, key) for key in found}


def _taints(source: Any, *path: str) -> tuple[Taint, ...]:
    found = []
    for taint in items(source, *path):
        effect = text(taint, "effect")
        effect = _EFFECTS.get(effect, effect)
        if effect in {"NoSchedule", "NoExecute"}:
            found.append(Taint(text(taint, "key"), text(taint, "value"), effect))
    return tuple(found)
