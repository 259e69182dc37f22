"""What the platform's catalogue knows: machines, prices, quotas, and what exporters export.

The files under `data/` are the catalogue's own, as JSON; `stanchion.catalog.export` writes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

HOURS_PER_MONTH = 730
_CLOUD_SQL = re.compile(r"db-custom-(\d+)-(\d+)")


@dataclass(frozen=True)
class Machine:
    """A machine type of a cloud.

    Attributes:
        name: Its name, as g6.xlarge.
        cloud: aws or gcp.
        vcpus: Virtual CPUs.
        gpus: GPUs; 0 for a machine of CPUs alone.
        accelerator: The GPU's field name, as nvidia-l4; empty where there is none.
        hourly: Its on-demand price in $ per hour; None where no source confirmed one.
    """

    name: str
    cloud: str
    vcpus: int
    gpus: int
    accelerator: str
    hourly: float | None

    @property
    def family(self) -> str:
        """What comes before its size, as g6e; Google Cloud's names are not taken apart."""
        return self.name.partition(".")[0]

    @property
    def size(self) -> str:
        """Its size in its family, as 2xlarge; empty for Google Cloud's."""
        return self.name.partition(".")[2]


@cache
def machines(cloud: str) -> Mapping[str, Machine]:
    """Every machine type of `aws` or `gcp` that is known, by name."""
    prices = _read("prices")[cloud]
    hourly: dict[str, float] = {}
    for table in (prices, *prices.get("more", ())):
        hourly.update(table["hourly"])
    return {
        name: Machine(
            name,
            cloud,
            facts["vcpus"],
            facts.get("gpus", 0),
            facts.get("accelerator", ""),
            hourly.get(name),
        )
        for name, facts in _read("machines")[cloud]["machines"].items()
    }


def spot_share(cloud: str) -> float:
    """What spot is taken to cost, as a share of the list price: an estimate."""
    return 1 - float(_read("prices")[cloud]["spot_discount"])


class Hourly(NamedTuple):
    """A price in $ per hour, where it depends on use."""

    least: float
    most: float


def fixed_hourly(cloud: str, item: str) -> Hourly | None:
    """What one control plane, gateway or database costs; None where no source confirmed a price.

    Args:
        cloud: aws or gcp.
        item: control_plane, nat_gateway, a class of RDS or a tier of Cloud SQL.
    """
    fixed = _read("prices")[cloud]["fixed"]
    shape = _CLOUD_SQL.fullmatch(item)
    if shape is not None and "db-custom" in fixed:
        entry = fixed["db-custom"]
        vcpus, gibibytes = int(shape[1]), int(shape[2]) / 1024
        hourly = float(vcpus * entry["hourly_vcpu"] + gibibytes * entry["hourly_gib"])
        return Hourly(hourly, hourly)
    entry = fixed.get(item, {})
    if "hourly" not in entry:
        return None
    return Hourly(float(entry.get("floor", entry["hourly"])), float(entry["hourly"]))


@dataclass(frozen=True)
class Quota:
    """What a cloud counts when machines are started.

    Attributes:
        code: The quota's code or metric.
        unit: `vCPU` or `GPU`.
    """

    code: str
    unit: str


def quota_of(machine: Machine, *, spot: bool) -> Quota | None:
    """The quota that counts a machine; None where the catalogue has none."""
    block = _read("quotas")[machine.cloud]
    for entry in block["quotas"]:
        counts = bool(machine.accelerator) and entry.get("accelerator") == machine.accelerator
        of_family = machine.name.startswith(tuple(entry.get("families", ())))
        if entry["spot"] == spot and (counts or of_family):
            family = entry.get("gpu_family")
            code = f"{entry['code']} ({family})" if family else entry["code"]
            return Quota(code, entry.get("unit", block["unit"]))
    return None


@dataclass(frozen=True)
class Metric:
    """A metric that somebody exports.

    Attributes:
        labels: Its labels, patterns with `*` among them; None where they are not known.
        off: Whether its exporter leaves it out by default.
    """

    labels: tuple[str, ...] | None
    off: bool = False

    def has(self, label: str) -> bool:
        """Whether its series carry a label, one of those that Prometheus adds included."""
        return self.labels is None or any(
            fnmatchcase(label, pattern) for pattern in (*self.labels, *_target_labels())
        )


def metric(name: str) -> Metric | None:
    """What is exported under a name; None where nobody is known to export it."""
    listed = _metrics()
    if name in listed:
        return listed[name]
    # Of an exporter whose table is not whole, what else it exports is known by how it begins.
    known = [entry for entry in _read("exporters")["open"]["names"] if _belongs(name, entry)]
    return Metric(None) if known else None


def exporter_of(name: str) -> str | None:
    """Who would export a metric of this name: whose prefix it has."""
    for exporter, facts in _read("exporters")["exporters"].items():
        if name.startswith(tuple(facts["prefixes"])):
            return str(exporter)
    return next((image for image, prefix in _images().items() if name.startswith(prefix)), None)


def _belongs(name: str, entry: str) -> bool:
    return name.startswith(entry) if entry.endswith(("_", ":")) else name == entry


@cache
def _images() -> Mapping[str, str]:
    """The prefix of each of the platform's own images."""
    return {image: image.replace("-", "_") + "_" for image in _read("metrics")["images"]}


@cache
def _target_labels() -> tuple[str, ...]:
    return tuple(_read("exporters")["target"]["labels"])


@cache
def _metrics() -> Mapping[str, Metric]:
    found: dict[str, Metric] = {}
    for facts in _read("exporters")["exporters"].values():
        common = facts["labels"]
        for name, own in facts["metrics"].items():
            found[name] = Metric((*common, *own))
        for name, own in facts.get("histograms", {}).items():
            found |= _histogram(name, (*common, *own))
        found |= {name: Metric(tuple(common), off=True) for name in facts.get("disabled", ())}
    for image in _read("metrics")["images"].values():
        for name, facts in image["metrics"].items():
            labels = tuple(facts["labels"])
            histogram = facts["type"] == "histogram"
            found |= _histogram(name, labels) if histogram else {name: Metric(labels)}
    return found


def _histogram(name: str, labels: tuple[str, ...]) -> dict[str, Metric]:
    return {
        f"{name}_bucket": Metric((*labels, "le")),
        f"{name}_sum": Metric(labels),
        f"{name}_count": Metric(labels),
    }


@cache
def _read(name: str) -> dict[str, Any]:
    text = (files("stanchion_policies") / "data" / f"{name}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
