"""Six pools of GPUs, five tenants, and what the tenants ask for, in parts of the full size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stanchion import Operator

from benchmarks import checkouts

_LEFT_OUT: Final = {Operator.KUEUE, Operator.AWS_EFA_K8S_DEVICE_PLUGIN}


@dataclass(frozen=True)
class Scale:
    """How large the environment is."""

    tenths: int
    """10 is the full size: 2,000 GPU nodes and 10,000 pods."""

    @property
    def nodes(self) -> int:
        """Simulated GPU nodes."""
        return sum(pool["maxNodes"] for pool in _gpu_pools(self.tenths))

    @property
    def pods(self) -> int:
        """Pods that the tenants ask for."""
        return sum(workload.pods for workload in workloads(self))


FULL: Final = Scale(10)
TENTH: Final = Scale(1)


@dataclass(frozen=True)
class Workload:
    """One service file, and the pods that it asks for."""

    name: str
    tenant: str
    kind: str
    pool: str | None
    """None: nodes of no pool of GPUs."""
    gpus: int
    """Of each pod."""
    pods: int
    more: Mapping[str, Any]
    """What else the file says."""

    @property
    def file(self) -> Mapping[str, Any]:
        """The service file."""
        return {
            "kind": self.kind,
            "name": self.name,
            "tenant": self.tenant,
            "owner": self.tenant,
            "costCenter": self.tenant,
            **({"pool": self.pool} if self.pool else {}),
            **self.more,
        }


def _batch(name: str, tenant: str, pool: str, pods: int) -> Workload:
    more = {
        "model": name,
        "input": f"s3://{tenant}-in/{name}/",
        "output": f"s3://{tenant}-out/{name}/",
        "shards": pods,
        "parallelism": pods,
        "resources": {"memory": "1Gi", "gpus": 1},
    }
    return Workload(name, tenant, "BatchInference", pool, 1, pods, more)


def _online(name: str, tenant: str, pool: str | None, pods: int) -> Workload:
    gpus = 1 if pool else 0
    more = {
        "model": name,
        "resources": {"gpus": gpus},
        "autoscaling": {"minReplicas": pods, "maxReplicas": pods},
    }
    return Workload(name, tenant, "ModelService", pool, gpus, pods, more)


def _language_model(name: str, tenant: str, pool: str, pods: int) -> Workload:
    more = {
        "model": {"name": "Qwen/Qwen3-14B", "revision": "4" * 40},
        "engine": {"maxModelLen": 16384, "tensorParallel": 2},
        "storage": {"cache": "nodeNvme"},
        "autoscaling": {"minReplicas": pods, "maxReplicas": pods},
    }
    return Workload(name, tenant, "LlmService", pool, 2, pods, more)


def _training(name: str, tenant: str, pool: str) -> Workload:
    more = {
        "model": name,
        "image": "registry.example.com/training:1.0.0",
        "codeVersion": "0" * 40,
        "command": ["python", "train.py"],
        "data": {"location": f"s3://{tenant}-data/{name}/"},
        "credentials": "mlflow-training",
        "resources": {"cpu": "8", "cpuLimit": "16", "memory": "64Gi", "gpus": 8},
    }
    return Workload(name, tenant, "TrainingJob", pool, 8, 1, more)


def workloads(scale: Scale) -> list[Workload]:
    """What the tenants ask for: 1,000 pods for each tenth.

    Two requests are beyond what there is: pool `l4` is too small for `tag` and `captions`
    together, and the quota of tenant `research` for its trainings and `embed`.
    """
    by = scale.tenths
    return [
        _batch("label", "vision", "a100-slices", 300 * by),
        _online("tag", "vision", "l4", 50 * by),
        _batch("transcribe", "speech", "l4-quad", 150 * by),
        _online("captions", "speech", "l4", 34 * by),
        _online("rank", "search", "l40s-quad", 90 * by),
        _language_model("answers", "search", "h100", 20 * by),
        *(_training(f"train-{index:02}", "research", "h100") for index in range(6 * by)),
        _batch("embed", "research", "a100", 150 * by),
        _batch("history", "fraud", "a100-slices", 140 * by),
        _online("live", "fraud", "a100", 50 * by),
        _online("rules", "fraud", None, 10 * by),
    ]


TOO_SMALL_POOL: Final = "l4"
OVER_QUOTA_TENANT: Final = "research"
_GPU_QUOTAS: Final = {"vision": 400, "speech": 200, "search": 130, "research": 88, "fraud": 250}
"""For each tenth; that of `search` is what it asks for and no more."""


def checkout(folder: Path, scale: Scale) -> Path:
    """A project in `folder` with this environment."""
    config = {
        "pools": [
            {
                "name": "general",
                "cpu": {"cores": 8, "memory": "32Gi"},
                "capacity": ["on_demand"],
                "maxNodes": 6,
            },
            *_gpu_pools(scale.tenths),
        ],
        "tenants": [_tenant(name, scale.tenths) for name in _GPU_QUOTAS],
        # The node has none, and what waits for it would never begin.
        "operators": {"enabled": [str(each) for each in Operator if each not in _LEFT_OUT]},
        "budget": {"monthlyUsd": 100_000_000, "emails": ["platform-team@example.com"]},
    }
    files = [workload.file for workload in workloads(scale)]
    return checkouts.checkout(folder / "checkout", config, files)


def _gpu_pools(by: int) -> list[dict[str, Any]]:
    """200 nodes for each tenth: one GPU, four, eight, and slices of eight."""
    every = {"capacity": ["on_demand"]}
    return [
        {"name": "l4", "accelerator": "nvidia-l4", "maxNodes": 60 * by, **every},
        {
            "name": "l4-quad",
            "accelerator": "nvidia-l4",
            "gpusPerNode": 4,
            "maxNodes": 40 * by,
            **every,
        },
        {
            "name": "l40s-quad",
            "accelerator": "nvidia-l40s",
            "gpusPerNode": 4,
            "maxNodes": 30 * by,
            **every,
        },
        {"name": "a100", "accelerator": "nvidia-a100-80gb", "maxNodes": 30 * by, **every},
        {
            "name": "h100",
            "accelerator": "nvidia-h100-80gb",
            "gpusPerNode": 8,
            "nvmeCache": True,
            "maxNodes": 30 * by,
            **every,
        },
        {
            "name": "a100-slices",
            "accelerator": "nvidia-a100-40gb",
            "migProfile": "1g.5gb",
            "maxNodes": 10 * by,
            **every,
        },
    ]


def _tenant(name: str, by: int) -> dict[str, Any]:
    return {
        "name": name,
        "owner": name,
        "costCenter": name,
        "quota": {
            "cpu": str(500 * by),
            "memory": f"{1000 * by}Gi",
            "pods": 500 * by,
            "gpus": gpu_quota(name, Scale(by)),
        },
    }


def gpu_quota(tenant: str, scale: Scale) -> int:
    """GPUs and slices that a tenant may have."""
    return _GPU_QUOTAS[tenant] * scale.tenths
