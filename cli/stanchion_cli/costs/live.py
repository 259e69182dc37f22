"""What a running environment's metrics add: cost of predictions, and what is asked for unused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from stanchion_cli.costs.shares import Allocation, PodPrice, Share
from stanchion_cli.costs.workloads import Asked
from stanchion_cli.deploy.prometheus import Prometheus, Series
from stanchion_cli.estimate._catalogue import HOURS_PER_MONTH, IDLE_PERCENT

MARGIN = 1.2
"""What is advised is the use, times this."""
_WORTH_MONTHLY = 1.0
"""Smaller savings are not told."""
_WINDOW = re.compile(r"[1-9]\d{0,2}[hd]")
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Served:
    """What a model service predicted over the window, and what its pods cost meanwhile.

    Attributes:
        title: Namespace and service.
        predictions: Rows that its model was given.
        floor: $ of 1,000 predictions, on the cheapest node of its pool; None without predictions,
            or where one of its pods has no price.
        ceiling: Likewise on the dearest.
    """

    title: str
    predictions: float
    floor: float | None
    ceiling: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is paid for and not used.

    Attributes:
        title: Namespace and service.
        told: What was measured, and what to change.
        floor_monthly: $ a month that would be saved, at the least.
        ceiling_monthly: At the most.
    """

    title: str
    told: str
    floor_monthly: float
    ceiling_monthly: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What the metrics of a window tell.

    Attributes:
        window: The window, as 1d.
        served: Of each model service.
        findings: The largest saving first.
        missing: Metrics that nobody exports there, so that nothing is found by them.
    """

    window: str
    served: tuple[Served, ...]
    findings: tuple[Finding, ...]
    missing: tuple[str, ...]


def is_window(text: str) -> bool:
    """Whether it is a time to look back, in hours or days, as 12h or 7d."""
    return _WINDOW.fullmatch(text) is not None


def measure(allocation: Allocation, prometheus: Prometheus, window: str) -> Measured:
    """Ask for what services predicted and used.

    Args:
        allocation: What they cost.
        prometheus: Whom to ask.
        window: How far back; `is_window` finds it good.

    Raises:
        StanchionError: Prometheus is out of reach, or refuses a query.
    """
    from stanchion.monitoring.gpu_use import GPU_USE, HELD, mean_use

    pods = _Pods(allocation.shares)
    cpu = prometheus.now(
        "max by (namespace, pod) (quantile_over_time(0.95, sum by (namespace, pod) "
        f'(rate(container_cpu_usage_seconds_total{{container=~".+"}}[5m]))[{window}:5m]))'
    )
    memory = prometheus.now(
        "max by (namespace, pod) (max_over_time(sum by (namespace, pod) "
        f'(container_memory_working_set_bytes{{container=~".+"}})[{window}:5m]))'
    )
    gpus = prometheus.now(f"avg by (exported_namespace, exported_pod) ({mean_use(HELD, window)})")
    found = [*_over_asked(pods, cpu, memory), *_idle(pods, gpus)]
    missing = {
        "container_cpu_usage_seconds_total": cpu,
        "container_memory_working_set_bytes": memory,
        GPU_USE: gpus,
    }
    return Measured(
        window,
        tuple(_served(pods, prometheus, window)),
        tuple(sorted(found, key=lambda each: -each.ceiling_monthly)),
        tuple(name for name, answer in missing.items() if not answer),
    )


class _Pods:
    """Which workload a pod belongs to, by its name: the workload's with two parts more."""

    def __init__(self, shares: Iterable[Share]) -> None:
        self._shares = {
            (share.workload.namespace, share.workload.name): share
            for share in shares
            if share.workload.replicated
        }

    def workload(self, namespace: str, pod: str) -> Share | None:
        """The workload of a pod; None where it is none that the environment declares."""
        name, *parts = pod.rsplit("-", 2)
        return self._shares.get((namespace, name)) if len(parts) == 2 else None


def _served(pods: _Pods, prometheus: Prometheus, window: str) -> Iterator[Served]:
    predictions = {
        _service(series): series.last
        for series in prometheus.now(
            f"sum by (namespace, service) (increase(model_server_batch_size_sum[{window}]))"
        )
    }
    spent = _spent(pods, prometheus, window)
    for key, count in sorted(predictions.items()):
        if key in spent:
            low, high = (
                None if cost is None or count <= 0 else 1000 * cost / count for cost in spent[key]
            )
            yield Served("/".join(key), count, low, high)


def _spent(
    pods: _Pods, prometheus: Prometheus, window: str
) -> dict[tuple[str, str], tuple[float | None, float | None]]:
    """$ of each service's replicas and activators in the window, at the least and at the most."""
    # A minute of each pod, ready or not, since all of them are paid for.
    hours = prometheus.now(
        "sum by (namespace, service, pod) (sum_over_time("
        f"(model_server_ready >= bool 0 or activator_active >= bool 0)[{window}:1m])) / 60"
    )
    spent: dict[tuple[str, str], tuple[float | None, float | None]] = {}
    for series in hours:
        key = _service(series)
        share = pods.workload(key[0], series.labels.get("pod", ""))
        if share is not None:
            low, high = spent.get(key, (0.0, 0.0))
            spent[key] = (
                _plus(low, share.cheapest, series.last),
                _plus(high, share.dearest, series.last),
            )
    return spent


def _plus(before: float | None, price: PodPrice | None, hours: float) -> float | None:
    return None if before is None or price is None else before + price.hourly * hours


def _service(series: Series) -> tuple[str, str]:
    return series.labels.get("namespace", ""), series.labels.get("service", "")


def _over_asked(pods: _Pods, cpu: list[Series], memory: list[Series]) -> Iterator[Finding]:
    """Workloads whose pods would take less of a node if they asked for what they use."""
    cores, bytes_ = _busiest(pods, cpu), _busiest(pods, memory)
    for key, (share, used_cpu) in cores.items():
        # What is known of CPU alone says nothing about a share that memory may decide.
        if key not in bytes_ or share.cheapest is None or share.dearest is None:
            continue
        asked, used_memory = share.workload.asked, bytes_[key][1] / _GIB
        advised = replace(
            asked,
            cpu=min(asked.cpu, round(used_cpu * MARGIN, 3)),
            memory=min(asked.memory, round(used_memory * MARGIN, 3)),
        )
        low, high = (
            _saved(price, asked, advised) * pods_ * HOURS_PER_MONTH
            for price, pods_ in (
                (share.cheapest, share.workload.fewest),
                (share.dearest, share.workload.most),
            )
        )
        if high >= _WORTH_MONTHLY:
            yield Finding(
                share.workload.title,
                f"asks for {asked} and uses {used_cpu:.3g} CPU (95th percentile), "
                f"{used_memory:.3g} GiB (most); {advised.cpu:g} CPU, {advised.memory:g} GiB "
                "would do",
                low,
                high,
            )


def _busiest(pods: _Pods, found: list[Series]) -> dict[tuple[str, str], tuple[Share, float]]:
    """The largest value of any pod of each workload."""
    most: dict[tuple[str, str], tuple[Share, float]] = {}
    for series in found:
        namespace = series.labels.get("namespace", "")
        share = pods.workload(namespace, series.labels.get("pod", ""))
        if share is not None:
            key = namespace, share.workload.name
            before = most[key][1] if key in most else 0.0
            most[key] = share, max(before, series.last)
    return most


def _saved(price: PodPrice, asked: Asked, advised: Asked) -> float:
    """$ an hour that a pod costs less; a share that GPUs decide stays as it is."""
    return (price.part(asked) - price.part(advised)) * price.node


def _idle(pods: _Pods, gpus: list[Series]) -> Iterator[Finding]:
    """Pods that hold a GPU which does not compute."""
    idle: dict[str, tuple[Share, int]] = {}
    for series in gpus:
        namespace = series.labels.get("exported_namespace", "")
        share = pods.workload(namespace, series.labels.get("exported_pod", ""))
        if share is not None and series.last < IDLE_PERCENT:
            idle[share.workload.title] = share, idle.get(share.workload.title, (share, 0))[1] + 1
    for title, (share, count) in idle.items():
        low, high = (
            0.0 if price is None else price.hourly * count * HOURS_PER_MONTH
            for price in (share.cheapest, share.dearest)
        )
        yield Finding(
            title,
            f"{count} pod{'s' if count > 1 else ''} with {share.workload.asked.devices} GPU each "
            f"computed less than {IDLE_PERCENT} % of the time; scale to zero, share the GPU, or "
            "take fewer replicas",
            low,
            high,
        )
