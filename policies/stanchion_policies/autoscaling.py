"""Autoscalers of model services: what they start from, and how a replica ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stanchion_policies.cluster import COLD_START, Cluster, bounds
from stanchion_policies.inference import model_servers, start_allowance
from stanchion_policies.kubernetes import REPLICATED, Container, KubernetesObject
from stanchion_policies.placement import homes
from stanchion_policies.reading import number, text
from stanchion_policies.rules import (
    Settings,
    Severity,
    cluster_policy,
    integer,
    object_policy,
    strings,
)
from stanchion_policies.workload import pre_stop_seconds

AUTOSCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
TIMEOUTS = ("REQUEST_TIMEOUT_SECONDS", "REQUEST_TIMEOUT")
DRAINS = ("DRAIN_SECONDS",)
_TIMEOUT_OPTION = re.compile(r"--(?:timeout|request-timeout|timeout-graceful-shutdown)[= ](\d+)")


@cluster_policy(
    "scale-to-zero-budget",
    kinds=AUTOSCALERS,
    severity=Severity.HIGH,
    fix="Keep one replica, or say in the annotation how many seconds the first caller may wait, "
    "no fewer than a node and the model take to start.",
    settings={
        "annotations": strings("Annotations that state the budget in seconds.", COLD_START),
        "nodeSeconds": integer("Seconds until a pool without nodes has one.", 240),
    },
)
def scale_to_zero_budget(
    item: KubernetesObject, cluster: Cluster, settings: Settings
) -> Iterator[str]:
    """What scales to zero says how long its first caller waits, and can keep that."""
    minimum, _ = bounds(item)
    target = cluster.target_of(item)
    if minimum > 0 or target is None:
        return
    names = settings.strings("annotations")
    stated = (
        text(each.body, "metadata", "annotations", name)
        for each in (item, target)
        for name in names
    )
    budget = next(filter(None, stated), "")
    if not budget.isdecimal():
        yield (
            f"its minimum is 0 and it states no cold-start budget; annotate {names[0]} with "
            "seconds, or keep one replica"
        )
        return
    needed = _cold_start(target, cluster, settings.integer("nodeSeconds"))
    if int(budget) < needed:
        yield (
            f"promises its first caller an answer within {budget} s, and a replica may take "
            f"{needed:g} s to start"
        )


def _cold_start(target: KubernetesObject, cluster: Cluster, node_seconds: int) -> float:
    pod = target.pod
    if pod is None:
        return 0
    allowances = [start_allowance(container) or 0 for container in pod.main]
    fitting = homes(pod, cluster.pools)
    node = node_seconds if fitting and all(pool.minimum == 0 for pool in fitting) else 0
    return max(allowances, default=0) + node


@object_policy(
    "serving-drains",
    kinds=REPLICATED,
    severity=Severity.MEDIUM,
    fix="Set terminationGracePeriodSeconds above the preStop hook and the longest request "
    "together.",
    settings={
        "requestSeconds": integer(
            "Seconds that a request takes at the 99th percentile, where the container states no "
            "timeout of its own.",
            20,
        )
    },
)
def serving_drains(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A model server may finish what it accepted before it is killed."""
    pod = item.pod
    if pod is None:
        return
    grace = number(pod.spec, "terminationGracePeriodSeconds", default=30)
    for container in model_servers(item):
        wait = max(pre_stop_seconds(container), _stated(container, DRAINS))
        request = _request_seconds(container) or settings.integer("requestSeconds")
        if grace < wait + request:
            yield (
                f"{container.title} may take {wait + request:g} s to finish ({wait:g} s to drain, "
                f"{request:g} s for a request) and is killed after {grace:g} s; raise "
                "terminationGracePeriodSeconds"
            )


def _request_seconds(container: Container) -> float:
    spoken = _TIMEOUT_OPTION.search(" ".join(container.words()))
    return _stated(container, TIMEOUTS) or (float(spoken[1]) if spoken else 0)


def _stated(container: Container, names: tuple[str, ...]) -> float:
    env = dict(container.env)
    values = [text(env[name], "value") for name in names if name in env]
    return max((float(value) for value in values if value.isdecimal()), default=0)
