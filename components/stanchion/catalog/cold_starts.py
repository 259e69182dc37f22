"""What the parts of a cold start take by others' reports, as the catalogue lists them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from stanchion.catalog.machines import Source, load, source


@dataclass(frozen=True)
class Figure:
    """A number that somebody reported."""

    value: float
    source: Source

    @property
    def told(self) -> str:
        """Who reported it, and when: a repository, or a site."""
        address = urlsplit(self.source.url)
        repository = "/".join(address.path.split("/")[1:3])
        who = repository if address.netloc == "github.com" else address.netloc
        return f"{who or address.path}, {self.source.date}"


def node_seconds(cloud: str | None, *, gpus: bool) -> Figure:
    """Time until a pool that has no node to spare has one.

    Args:
        cloud: aws or gcp; where it is neither, the slower of them counts.
        gpus: Whether it has GPUs.
    """
    nodes = _raw()["nodes"]
    kind = "gpu" if gpus else "cpu"
    asked = [nodes[cloud]] if cloud in nodes else list(nodes.values())
    return max((_figure(each[kind], "seconds") for each in asked), key=lambda each: each.value)


def image_megabytes(name: str) -> Figure:
    """Size of an image, model-server or vllm, as its registry sends it."""
    return _figure(_raw()["images"][name], "megabytes")


def rate(way: str) -> Figure:
    """Megabytes a second: image, hub, disk, bucket or volume."""
    return _figure(_raw()["rates"][way], "megabytes_per_second")


def engine_seconds(name: str) -> Figure:
    """Time of an engine besides the loading of weights: vllm."""
    return _figure(_raw()["engines"][name], "seconds")


def _figure(entry: Mapping[str, Any], unit: str) -> Figure:
    return Figure(float(entry[unit]), source(entry))


@cache
def _raw() -> dict[str, Any]:
    return load("cold_starts.yaml")
