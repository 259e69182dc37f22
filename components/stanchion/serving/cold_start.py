"""How long a replica that demand asks for takes, part by part, and whether that may be.

A part is what the service measured, or else what others reported (`catalog/cold_starts.yaml`). It
is no bound: how long a rollout waits before it gives up is stated apart from it, and is longer.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict, cast

from stanchion.catalog import cold_starts
from stanchion.checks import Checks
from stanchion.placement import Placement
from stanchion.serving._scaled_object import REST_POLLING_SECONDS

ANNOTATION = "stanchion.dev/cold-start-seconds"
"""States the budget on a workload, for policies."""
_MEGABYTE = 10**6
_STREAMING_REGISTRY = "-docker.pkg.dev/"
"""Artifact Registry, the one that nodes of Google Cloud stream images from."""
_KEEPS_NODES = "gcp"
"""Where an elastic pool may keep nodes; Karpenter makes them for waiting pods alone."""


class ColdStart(TypedDict):
    """How long a replica that demand asks for may take, and what of that was measured.

    With as many replicas at least as at most demand asks for none, and every budget is kept.
    """

    budget_seconds: int
    """Longest time from the demand to its first answer, 5 to 7200."""
    node_seconds: NotRequired[int]
    """Time until a pool without a spare node has one, 0 to 7200. Default: as reported of the
    cloud."""
    image_seconds: NotRequired[int]
    """Time to pull the image, 0 to 7200; 0 where nodes have it beforehand. Default: its size by a
    reported rate, 0 where it is streamed."""
    model_seconds: NotRequired[int]
    """Time to fetch the model, and of a language model to load it, 0 to 7200. Default: of a
    language model its size by reported rates, else part of `load_seconds`."""
    warm_up_seconds: NotRequired[int]
    """Time from then to the first answer, 0 to 7200. Default: of a language model as reported of
    vLLM, else what `load_seconds` leaves."""


_MEASURED = ("node_seconds", "image_seconds", "model_seconds", "warm_up_seconds")


@dataclass(frozen=True)
class Replicas:
    """What starts.

    Attributes:
        image: Where its image is pulled from.
        gpus: GPUs of one.
        least: Fewest of them.
        most: Most of them.
        load_seconds: Longest that one may take to load and warm up.
        at: Their pool.
    """

    image: str
    gpus: int
    least: int
    most: int
    load_seconds: int
    at: Placement | None


@dataclass(frozen=True)
class Part:
    """One part of a cold start."""

    name: str
    seconds: int
    origin: str
    """Where the figure is from."""


@dataclass(frozen=True)
class Change:
    """What would make one part shorter."""

    advice: str
    part: str
    seconds: int
    """How long the part takes then."""


@dataclass(frozen=True)
class Estimate:
    """A cold start, and what would shorten it."""

    parts: tuple[Part, ...]
    changes: tuple[Change, ...] = ()

    @property
    def seconds(self) -> int:
        """All parts one after the other."""
        return sum(part.seconds for part in self.parts)

    def told(self) -> str:
        """The sum, as 'node 360 (…) + image 10 (…) = 370 s'."""
        written = " + ".join(f"{part.name} {part.seconds} ({part.origin})" for part in self.parts)
        return f"{written} = {self.seconds} s"

    def after(self, changes: Sequence[Change]) -> int:
        """The sum once some changes are made, one of each part."""
        saved = {change.part: change.seconds for change in changes}
        return sum(saved.get(part.name, part.seconds) for part in self.parts)


def annotations(declared: ColdStart | None) -> dict[str, str]:
    """What a workload says of its budget; nothing where it has none."""
    return {ANNOTATION: str(declared["budget_seconds"])} if declared else {}


def node(declared: ColdStart | None, replicas: Replicas) -> tuple[Part, tuple[Change, ...]]:
    """Time for a node.

    There is none where no pool is named, and where the nodes that a pool always has hold all
    replicas. Of a pool of CPUs it is not known how many they hold: any node counts.
    """
    at = replicas.at
    if at is None:
        return Part("node", 0, "of no pool"), ()
    per_node = at["devices_per_node"] // replicas.gpus if replicas.gpus else replicas.most
    needed = math.ceil(replicas.most / max(per_node, 1))
    kept = at.get("min_nodes", 0)
    if kept >= needed:
        return Part("node", 0, f"pool '{at['pool']}' keeps {kept}"), ()
    part = measured(declared, "node", "node_seconds")
    if part is None:
        figure = cold_starts.node_seconds(at.get("cloud"), gpus=bool(at["device"]))
        part = Part("node", round(figure.value), figure.told)
    if at.get("cloud") == _KEEPS_NODES:
        return part, (Change(f"min_nodes {needed} of pool '{at['pool']}'", "node", 0),)
    return part, ()


def image(
    declared: ColdStart | None, name: str, replicas: Replicas
) -> tuple[Part, tuple[Change, ...]]:
    """Time to pull the image, as large as the catalogue says of `name`; none where it streams."""
    at = replicas.at
    part = measured(declared, "image", "image_seconds")
    if part is not None:
        return part, ()
    if (
        at is not None
        and at.get("image_streaming", False)
        and _STREAMING_REGISTRY in replicas.image
    ):
        return Part("image", 0, "streamed"), ()
    size, speed = cold_starts.image_megabytes(name), cold_starts.rate("image")
    seconds = math.ceil(size.value / speed.value)
    large, fast = f"{size.value / 1000:g} GB", f"{speed.value:g} MB/s"
    origin = f"{large}, {size.told}, at {fast}, {speed.told}"
    advice = "cold_start.image_seconds 0 with the image on the nodes beforehand"
    return Part("image", seconds, origin), (Change(advice, "image", 0),)


def transfer(name: str, size: float, ways: Sequence[str]) -> Part:
    """Time for so many bytes by each of the catalogue's ways, one after the other."""
    rates = [cold_starts.rate(way) for way in ways]
    megabytes = size / _MEGABYTE
    speeds = (f"{way} {rate.value:g} MB/s" for way, rate in zip(ways, rates, strict=True))
    told = "; ".join(dict.fromkeys(rate.told for rate in rates))
    seconds = math.ceil(sum(megabytes / rate.value for rate in rates))
    return Part(name, seconds, f"{megabytes / 1000:.1f} GB, {' then '.join(speeds)}, {told}")


def measured(declared: ColdStart | None, name: str, field: str) -> Part | None:
    """A part that the service measured."""
    seconds = cast("Mapping[str, int]", declared or {}).get(field)
    return None if seconds is None else Part(name, seconds, f"cold_start.{field}")


def served_model(declared: ColdStart | None, replicas: Replicas) -> Estimate:
    """The cold start of a replica of the model server, that of the first where none is kept.

    Nobody knows the model's size while this is planned: `load_seconds`, the longest that the
    service allows for fetching, verifying, loading and warming up, stands for what is not measured.
    """
    start, warmer = node(declared, replicas)
    pull, nearer = image(declared, "model-server", replicas)
    fetch = measured(declared, "model", "model_seconds")
    warm_up = measured(declared, "warm-up", "warm_up_seconds")
    known = sum(part.seconds for part in (fetch, warm_up) if part)
    left = Part("model and warm-up", replicas.load_seconds, "at most load_seconds")
    if fetch or warm_up:
        name = "model" if warm_up else "warm-up"
        left = Part(name, max(replicas.load_seconds - known, 0), "what load_seconds leaves")
    rest = (fetch, warm_up) if fetch and warm_up else (fetch, warm_up, left)
    seen = () if replicas.least else (Part("demand", REST_POLLING_SECONDS, "asked for so often"),)
    return Estimate((*seen, start, pull, *filter(None, rest)), (*warmer, *nearer))


def check_cold_start(
    check: Checks, declared: ColdStart | None, replicas: Replicas, found: Estimate
) -> None:
    """Note a budget that the estimate is above, with its parts and with what would keep it.

    Args:
        check: Where it is noted.
        declared: What the service says of its cold start.
        replicas: What starts.
        found: How long it takes.
    """
    if declared is None:
        return
    check.between("cold_start.budget_seconds", declared["budget_seconds"], 5, 7200)
    for field in _MEASURED:
        if field in declared:
            check.between(f"cold_start.{field}", declared[field], 0, 7200)  # type: ignore[literal-required]
    if declared.get("warm_up_seconds", 0) > replicas.load_seconds:
        check.refuse(
            "cold_start.warm_up_seconds",
            f"{declared['warm_up_seconds']} is more than load_seconds, {replicas.load_seconds}, "
            "which a replica is given for it",
            "raise load_seconds",
        )
    budget = declared["budget_seconds"]
    if found.seconds <= budget or replicas.least >= replicas.most:
        return
    check.refuse(
        "cold_start.budget_seconds",
        f"{budget} is less than {found.told()}",
        f"write {_what_keeps(found, budget)}autoscaling.min_replicas {replicas.most}, so that "
        "demand starts none, or under cold_start what you measured",
    )


def _what_keeps(found: Estimate, budget: int) -> str:
    """Single changes that keep the budget, or all together where only those do; else nothing."""
    alone = [each for each in found.changes if found.after([each]) <= budget]
    if alone:
        return "".join(f"{each.advice} ({found.after([each])} s), " for each in alone) + "or "
    best: Mapping[str, Change] = {
        each.part: each
        for each in sorted(found.changes, key=lambda each: each.seconds, reverse=True)
    }
    together = found.after([*best.values()])
    if together > budget:
        return ""
    return f"{' and '.join(each.advice for each in best.values())} ({together} s), or "
