"""Production environments of growing size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import checkouts

_SERVICES_PER_POOL: Final = 25
_OWNERSHIP: Final = {"owner": "scale-team", "costCenter": "scale"}
_KINDS: Final[tuple[Mapping[str, Any], ...]] = (
    {"cpu": {"cores": 8, "memory": "32Gi"}, "capacity": ["on_demand"], "maxNodes": 12},
    {"cpu": {"cores": 16, "memory": "64Gi"}, "capacity": ["spot", "on_demand"], "maxNodes": 12},
    {"accelerator": "nvidia-l4", "capacity": ["on_demand"], "maxNodes": 8},
    {"cpu": {"cores": 4, "memory": "16Gi"}, "capacity": ["on_demand"], "maxNodes": 12},
    {"accelerator": "nvidia-l40s", "capacity": ["spot", "on_demand"], "maxNodes": 4},
)


@dataclass(frozen=True, order=True)
class Size:
    """How large an environment is; it has a tenant for each pool."""

    pools: int
    """A multiple of five, so that every size is made of the same parts."""

    @property
    def services(self) -> int:
        """Model services, each pinned, each on one of the pools."""
        return self.pools * _SERVICES_PER_POOL

    def __str__(self) -> str:
        return f"{self.pools} pools, {self.services} services"


SIZES: Final = (Size(5), Size(10), Size(20))


def checkout(folder: Path, size: Size) -> Path:
    """A project in `folder` with one environment of `size`."""
    config = {
        "pools": [_pool(index) for index in range(size.pools)],
        "tenants": [_tenant(index) for index in range(size.pools)],
        "budget": {"monthlyUsd": 10_000_000, "emails": ["scale-team@example.com"]},
    }
    return checkouts.checkout(folder / f"{size.pools}-pools", config, _services(size))


def _pool(index: int) -> dict[str, Any]:
    return {"name": f"pool-{index:02}", **_KINDS[index % len(_KINDS)]}


def _tenant(index: int) -> dict[str, Any]:
    return {
        "name": f"team-{index:02}",
        **_OWNERSHIP,
        "access": [{"group": f"team-{index:02}-engineers", "role": "viewer"}],
        "quota": {"cpu": "200", "memory": "400Gi", "pods": 200, "gpus": 100},
    }


def _services(size: Size) -> Iterator[dict[str, Any]]:
    for index in range(size.services):
        pool = index // _SERVICES_PER_POOL
        gpus = "accelerator" in _KINDS[pool % len(_KINDS)]
        yield {
            "kind": "ModelService",
            "name": f"service-{index:03}",
            "tenant": f"team-{pool:02}",
            **_OWNERSHIP,
            "model": f"model-{index:03}",
            "pool": f"pool-{pool:02}",
            "resources": {"gpus": int(gpus)},
        }
