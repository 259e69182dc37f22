"""Who exports counters of GPUs, and which: what alerts on them may ask for."""

import re
from enum import StrEnum
from hashlib import sha256

from stanchion.catalog.machines import load

_COUNTER = re.compile(r"\bDCGM_[A-Z0-9_]+")
NODE_LABEL = {"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"}
"""Gives a scraped exporter its node's name, as kube-state-metrics knows it."""
COUNTERS_FILE = "dcgm-metrics.csv"
"""Key of the ConfigMap, as the GPU operator mounts it."""


class GpuMetrics(StrEnum):
    """Who exports counters of the cluster's GPUs."""

    GPU_OPERATOR = "gpu-operator"
    """The GPU operator's DCGM exporter, with our list of counters."""
    GKE = "gke"
    """GKE's own DCGM exporter: no errors, no throttling, no links among its counters."""


def exported(source: GpuMetrics) -> frozenset[str]:
    """The counters that a source exports."""
    known = load("gpu_counters.yaml")
    if source is GpuMetrics.GPU_OPERATOR:
        return frozenset(known["enabled"]["counters"])
    return frozenset(known["managed"][source]["counters"])


def asked(expr: str) -> frozenset[str]:
    """The counters that a query asks for."""
    return frozenset(_COUNTER.findall(expr))


def counters_file() -> str:
    """The list of counters as DCGM's exporter reads it."""
    counters = load("gpu_counters.yaml")["enabled"]["counters"]
    return "".join(f"{name}, {of['type']}, {of['help']}\n" for name, of in counters.items())


def counters_name() -> str:
    """Name of the ConfigMap with the list: another list is another name, so exporters restart."""
    return f"dcgm-counters-{sha256(counters_file().encode()).hexdigest()[:8]}"
