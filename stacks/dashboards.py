"""Dashboards, where the environment brings a Grafana to show them."""

from __future__ import annotations

from environment import Environment
from foundation import Foundation
from provider import LocalProvider
from stanchion import Dashboards, Operator


def build_dashboards(environment: Environment, foundation: Foundation) -> None:
    """Give Grafana the platform's dashboards; nothing where Stanchion installs none.

    On one machine there is no Grafana: `stanchion dashboards render` draws them there. A cluster
    of one's own may have one, whose namespace and sidecar are its owner's.
    """
    if isinstance(environment.provider, LocalProvider):
        return
    if environment.lacks(Operator.KUBE_PROMETHEUS_STACK):
        return
    Dashboards(
        "dashboards",
        {"owner": environment.owner, "cost_center": environment.cost_center},
        foundation.workloads,
    )
