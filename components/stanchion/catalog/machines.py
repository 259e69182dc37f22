"""Which machines carry an accelerator in a cloud, as the catalogue lists them."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

IDLE_PERCENT = 5
"""A GPU that somebody holds and that computes less of the time than this is idle."""


class CatalogueError(ValueError):
    """The catalogue has no answer; `fix` says what it would have one for."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(f"{reason}; {fix}")
        self.reason, self.fix = reason, fix


@dataclass(frozen=True)
class Accelerator:
    """A GPU by its field name."""

    name: str
    memory: int
    """Memory of one, GiB, as it is sold."""
    usable: float
    """GiB of it that a program finds."""
    mig: Mapping[str, int] = field(default_factory=dict)
    """Slices of one GPU by MIG profile; empty where it cannot be partitioned."""


@dataclass(frozen=True)
class Machine:
    """A machine type of one cloud."""

    name: str
    cloud: str
    vcpus: int
    memory: int
    """RAM, GiB."""
    accelerator: str | None = None
    gpus: int = 0
    nvme: int = 0
    """Local NVMe disks together, GB; 0 where there are none or it is not confirmed."""
    efa: int = 0
    """Elastic Fabric Adapters; 0 where it has none."""

    @property
    def family(self) -> str:
        """What comes before its size, as g6e or a3-highgpu."""
        return self.name.partition(".")[0] if "." in self.name else self.name.rpartition("-")[0]

    @property
    def cores_for_pods(self) -> int:
        """Whole cores that pods may ask for: nine tenths, the rest is the node's own.

        EKS and GKE keep less for the kubelet on all but the smallest; agents on every node ask
        for some.
        """
        return self.vcpus * 9 // 10

    @property
    def memory_for_pods(self) -> int:
        """GiB that pods may ask for: nine tenths less 2, what is sold is not all there."""
        return max(self.memory * 9 // 10 - 2, 0)


@dataclass(frozen=True)
class Source:
    """Where a block of the catalogue comes from."""

    url: str
    date: date


@dataclass(frozen=True)
class Catalogue:
    """All accelerators and machines."""

    accelerators: Mapping[str, Accelerator]
    machines: Mapping[str, Mapping[str, Machine]]
    """By cloud, then by name, smallest first within an accelerator."""
    accelerator_types: Mapping[str, str]
    """Google Cloud's name of each accelerator that it has."""
    sources: Mapping[str, Source]


def load(name: str) -> dict[str, Any]:
    """A file of the catalogue, as it is written."""
    text = (files("stanchion.catalog") / name).read_text(encoding="utf-8")
    # The same loader in C, where PyYAML was built with it: five times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loaded: dict[str, Any] = yaml.load(text, loader)  # noqa: S506  the safe one either way
    return loaded


def source(block: Mapping[str, Any]) -> Source:
    """The source of a block.

    Raises:
        TypeError: if its date is none.
    """
    when = block["date"]
    if not isinstance(when, date):
        raise TypeError(f"'{when}' is no date")
    return Source(block["source"], when)


@cache
def catalogue() -> Catalogue:
    """The whole catalogue, read once and held to its own rules.

    Raises:
        CatalogueError: if a machine names an accelerator that is not listed.
    """
    raw = load("machines.yaml")
    known = {
        name: Accelerator(name, **facts) for name, facts in raw["accelerators"]["entries"].items()
    }
    machines = {
        cloud: {
            name: Machine(name=name, cloud=cloud, **facts)
            for name, facts in raw[cloud]["machines"].items()
        }
        for cloud in ("aws", "gcp")
    }
    for each in (machine for listed in machines.values() for machine in listed.values()):
        if (each.gpus > 0) != (each.accelerator is not None) or (
            each.accelerator is not None and each.accelerator not in known
        ):
            raise CatalogueError(
                f"{each.name} has {each.gpus} GPUs of {each.accelerator}", "correct machines.yaml"
            )
    return Catalogue(
        accelerators=known,
        machines=machines,
        accelerator_types=raw["gcp"]["accelerator_types"],
        sources={block: source(raw[block]) for block in raw},
    )


def accelerator(name: str) -> Accelerator:
    """An accelerator by its field name, as nvidia-l4.

    Raises:
        CatalogueError: with the nearest names, if there is none.
    """
    known = catalogue().accelerators
    if name not in known:
        raise CatalogueError(f"'{name}' is no accelerator", _nearest(name, list(known)))
    return known[name]


def machine(cloud: str, name: str) -> Machine:
    """A machine type by its name.

    Raises:
        CatalogueError: with the nearest names, if the catalogue has none.
    """
    known = catalogue().machines[cloud]
    if name not in known:
        raise CatalogueError(
            f"'{name}' is no machine type of {cloud} in the catalogue", _nearest(name, list(known))
        )
    return known[name]


def resolve(cloud: str, name: str, gpus_per_node: int | None = None) -> tuple[Machine, ...]:
    """The machine types that carry an accelerator, smallest first.

    Args:
        cloud: aws or gcp.
        name: Accelerator, as nvidia-l4.
        gpus_per_node: How many GPUs a node has. Default: as few as the cloud offers.

    Raises:
        CatalogueError: if there is no such accelerator, or the cloud has none or none of that
            many, with what it has.
    """
    wanted = accelerator(name)
    listed = [each for each in catalogue().machines[cloud].values() if each.gpus]
    carrying = [each for each in listed if each.accelerator == name]
    if not carrying:
        raise CatalogueError(f"{cloud} has no {name}", _alternatives(listed, wanted))
    counts = sorted({each.gpus for each in carrying})
    count = counts[0] if gpus_per_node is None else gpus_per_node
    if count not in counts:
        offered = ", ".join(map(str, counts))
        raise CatalogueError(
            f"{cloud} has no machine with {count} {name}", f"write one of {offered}"
        )
    return tuple(
        sorted(
            (each for each in carrying if each.gpus == count),
            key=lambda each: (each.vcpus, each.memory, each.name),
        )
    )


def smallest(cloud: str, vcpus: int, memory: int) -> Machine:
    """The smallest machine type without GPUs that has so much at least.

    Of equals it is the one whose family the catalogue lists first.

    Args:
        cloud: aws or gcp.
        vcpus: Virtual CPUs.
        memory: RAM in GiB.

    Raises:
        CatalogueError: if none is that large, with the largest.
    """
    plain = [each for each in catalogue().machines[cloud].values() if not each.gpus]
    enough = [each for each in plain if each.vcpus >= vcpus and each.memory >= memory]
    if not enough:
        most = max(plain, key=lambda each: (each.vcpus, each.memory))
        raise CatalogueError(
            f"{cloud} has no machine with {vcpus} virtual CPUs and {memory} GiB",
            f"write at most the {most.vcpus} and {most.memory} GiB of {most.name}",
        )
    return min(enough, key=lambda each: (each.vcpus, each.memory))


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return f"write one of {', '.join(near or known)}"


def _alternatives(listed: list[Machine], wanted: Accelerator) -> str:
    """The two accelerators of a cloud whose memory is nearest."""
    names = {each.accelerator for each in listed if each.accelerator}
    ranked = sorted(
        map(accelerator, names), key=lambda each: (abs(each.memory - wanted.memory), each.name)
    )
    said = ", ".join(f"{each.name} ({each.memory} GiB)" for each in ranked[:2])
    return f"nearest to its {wanted.memory} GiB there: {said}"
