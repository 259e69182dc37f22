"""What an environment's stacks run: whose it is, how much of a node it asks for, how often."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stanchion_policies.cluster import WITH_REPLICAS, Cluster, bounds
from stanchion_policies.jobs_made import jobs_of
from stanchion_policies.kubernetes import ContainerKind, KubernetesObject, Pod
from stanchion_policies.placement import devices_of
from stanchion_policies.reading import entries, get, items, number, quantity, text

from stanchion_cli.estimate._catalogue import HOURS_PER_MONTH, is_schedule, runs_per_month
from stanchion_cli.preview.model import Resource

_POOL = "stanchion.dev/pool"
_OWNER, _COST_CENTER = "stanchion.dev/owner", "stanchion.dev/cost-center"
_INSTANCE, _NAME = "app.kubernetes.io/instance", "app.kubernetes.io/name"
_TRIGGER = "retraining"
_BUDGET_HOURS = 30 * 24
"""What the budget of a `RetrainingTrigger` is for."""
_GIB = 2**30
_SECONDS_PER_HOUR = 3600
_UNNAMED = "not labelled"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one pod asks of its node.

    Attributes:
        cpu: Cores.
        memory: GiB.
        devices: GPUs, or slices of them.
    """

    cpu: float
    memory: float
    devices: int = 0

    def __str__(self) -> str:
        """As people write it: `0.5 CPU, 1 GiB`."""
        gpus = f", {self.devices} GPU" if self.devices else ""
        return f"{self.cpu:g} CPU, {self.memory:.3g} GiB{gpus}"


@dataclass(frozen=True, slots=True)
class Workload:
    """Pods of one kind.

    Attributes:
        service: What they belong to, as wine.
        namespace: Where they are.
        name: Name of the object that makes them.
        team: Who answers for them.
        cost_center: Where their cost is booked.
        asked: What each asks for.
        pool: Pool that they name; empty where they name none.
        fewest: Pods at the least, on average over a month.
        most: Pods at the most, likewise.
        replicated: Whether they are replicas that run all the time.
    """

    service: str
    namespace: str
    name: str
    team: str
    cost_center: str
    asked: Asked
    pool: str
    fewest: float
    most: float
    replicated: bool

    @property
    def title(self) -> str:
        """Namespace and service."""
        return f"{self.namespace}/{self.service}"


def workloads_of(resources: Iterable[Resource]) -> list[Workload]:
    """Every workload that a program declares; what charts bring is inside them and not known."""
    objects = [_object(each) for each in resources if each.type.startswith("kubernetes:")]
    kubernetes = [each for each in objects if each is not None]
    cluster = Cluster(kubernetes, [])
    return [made for item in kubernetes for made in _workloads(item, cluster)]


def _object(resource: Resource) -> KubernetesObject | None:
    kind, version = resource.inputs.get("kind"), resource.inputs.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str):
        return None
    group = version.rpartition("/")[0]
    return KubernetesObject(resource.urn, resource.name, group, kind, resource.inputs)


def _workloads(item: KubernetesObject, cluster: Cluster) -> Iterator[Workload]:
    if item.is_a(*WITH_REPLICAS) and item.pod is not None:
        fewest, most = _replicas(item, cluster)
        yield _workload(item, item.pod, fewest, most, replicated=True)
    elif item.is_a("Job", "CronJob") and item.pod is not None:
        scheduled = item.kind == "CronJob"
        spec = (
            entries(item.body, "spec", "jobTemplate", "spec")
            if scheduled
            else entries(item.body, "spec")
        )
        runs = _runs(item, cluster) if scheduled else 1.0
        yield _workload(item, item.pod, 0, _pods_of_job(spec, runs))
    elif item.kind == "JobSet":
        # A restart makes its jobs anew, each with the whole of its deadline.
        tries = 1 + number(item.body, "spec", "failurePolicy", "maxRestarts")
        for part in items(item.body, "spec", "replicatedJobs"):
            spec = entries(part, "template", "spec")
            template = entries(spec, "template")
            pod = Pod(entries(template, "metadata", "labels"), entries(template, "spec"), template)
            copies = number(part, "replicas", default=1)
            yield _workload(item, pod, 0, float(copies) * _pods_of_job(spec, tries))
    elif item.is_a("RayJob"):
        for job in jobs_of(item):
            yield from _workloads(job, cluster)


def _replicas(item: KubernetesObject, cluster: Cluster) -> tuple[float, float]:
    for autoscaler in cluster.autoscalers_of(item):
        fewest, most = bounds(autoscaler)
        # KEDA's own default; an HPA has none and must say it.
        return float(fewest), float(number(autoscaler.body, "spec", most, default=100))
    fixed = float(number(item.body, "spec", "replicas", default=1))
    return fixed, fixed


def _runs(item: KubernetesObject, cluster: Cluster) -> float:
    """The most runs in a month; one where nothing but a person starts them."""
    budget = _budget(item, cluster)
    schedule = text(item.body, "spec", "schedule")
    if get(item.body, "spec", "suspend") is True or not is_schedule(schedule):
        return budget or 1.0
    # Scheduled runs count in the budget, and are not held back by it.
    return max(runs_per_month(schedule), budget)


def _budget(item: KubernetesObject, cluster: Cluster) -> float:
    """The most runs in a month that a CronJob's `RetrainingTrigger` lets begin; 0 without one."""
    for each in cluster.of("Deployment"):
        if each.namespace != item.namespace or text(each.labels, _NAME) != _TRIGGER:
            continue
        told = {name: text(entry, "value") for one in each.containers() for name, entry in one.env}
        if told.get("CRON_JOB") == item.name and told.get("MAX_RUNS", "").isdigit():
            return float(told["MAX_RUNS"]) * HOURS_PER_MONTH / _BUDGET_HOURS
    return 0.0


def _pods_of_job(spec: Mapping[str, Any], runs: float) -> float:
    """The pods of a job at the most, on average over a month: each run lasts to its deadline."""
    together = float(number(spec, "parallelism", default=1))
    deadline = number(spec, "activeDeadlineSeconds")
    hours = float(deadline) / _SECONDS_PER_HOUR if deadline else HOURS_PER_MONTH
    return together * min(1.0, runs * hours / HOURS_PER_MONTH)


def _workload(
    item: KubernetesObject, pod: Pod, fewest: float, most: float, *, replicated: bool = False
) -> Workload:
    labels = item.labels
    return Workload(
        service=text(labels, _INSTANCE, default=item.name),
        namespace=item.namespace,
        name=item.name,
        team=text(labels, _OWNER, default=_UNNAMED),
        cost_center=text(labels, _COST_CENTER, default=_UNNAMED),
        asked=_asked(pod),
        pool=text(pod.spec, "nodeSelector", _POOL),
        fewest=fewest,
        most=most,
        replicated=replicated,
    )


def _asked(pod: Pod) -> Asked:
    """What the scheduler keeps for a pod: its containers together, or one that comes before."""
    cpu, memory = (
        max(
            sum(_request(each.body, resource) for each in pod.main),
            *(_request(each.body, resource) for each in pod.containers(ContainerKind.INIT)),
            0.0,
        )
        for resource in ("cpu", "memory")
    )
    return Asked(cpu, memory / _GIB, sum(devices_of(pod).values()))


def _request(container: Mapping[str, Any], resource: str) -> float:
    given = entries(container, "resources", "requests")
    limits = entries(container, "resources", "limits")
    size = quantity(given.get(resource, limits.get(resource, 0)))
    return float(size) if size is not None else 0.0
