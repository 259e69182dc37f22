"""The cloud's own Prometheus beside ours: what it is told, and what our server needs for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

import pulumi

PROMETHEUS_ACCOUNT = "kube-prometheus-stack-prometheus"
"""Service account of our Prometheus, which writes as the environment."""
LONGEST_RETENTION_DAYS = 1095
"""Of Amazon's service; Google's keeps two years and lets nobody choose."""


class ManagedPrometheus(TypedDict):
    """The cloud's managed Prometheus, which gets every sample."""

    retention_days: NotRequired[int]
    """Days for which it keeps them, 1 to 1095; on AWS alone, since Google Cloud keeps 24 months in
    any case. Default: 150."""


@dataclass(frozen=True)
class ManagedMetrics:
    """What our Prometheus needs to write to the cloud's."""

    url: pulumi.Input[str] = ""
    """Where its samples are asked for, below which the API of Prometheus is; empty: nowhere."""
    remote_write: Sequence[Mapping[str, Any]] = ()
    """Further receivers of samples."""
    external_labels: Mapping[str, str] = field(default_factory=dict)
    """Further labels of whatever leaves the cluster."""
    server: Mapping[str, Any] = field(default_factory=dict)
    """Values of the chart's `prometheusSpec` for the program itself."""
    annotations: pulumi.Input[Mapping[str, str]] = field(default_factory=dict)
    """Of Prometheus' service account."""
    waits: Sequence[pulumi.Resource] = ()
    """What gives it its rights."""
