"""How a workload runs: probes, resources, updates, its end, its labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from stanchion_policies.kubernetes import (
    LONG_RUNNING,
    WORKLOADS,
    Container,
    ContainerKind,
    KubernetesObject,
    Pod,
)
from stanchion_policies.reading import (
    count_or_percent,
    entries,
    get,
    items,
    number,
    present,
    quantity,
    text,
)
from stanchion_policies.rules import Settings, Severity, choice, flag, object_policy

PROBES = ("livenessProbe", "readinessProbe")


def _pod(item: KubernetesObject) -> Pod | None:
    """The pod of a long-running object; a bare Pod that ends by itself is not one."""
    pod = item.pod
    if pod is None or get(pod.spec, "restartPolicy", default="Always") != "Always":
        return None
    return pod


@object_policy(
    "workload-probes",
    kinds=LONG_RUNNING,
    severity=Severity.HIGH,
    fix="Add a readinessProbe that is true only when the container can serve, and a livenessProbe "
    "that fails only when a restart would help.",
)
def probes(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Long-running containers have a liveness and a readiness probe."""
    pod = _pod(item)
    for container in pod.main if pod else ():
        for probe in PROBES:
            if not present(container.body, probe):
                yield f"{container.title} has no {probe}; add one, an httpGet for instance"


@object_policy(
    "workload-probes-differ",
    kinds=LONG_RUNNING,
    severity=Severity.LOW,
    fix="Let the liveness probe ask less or wait longer than the readiness probe: where both fail "
    "together, a busy container is restarted instead of being left alone.",
)
def probes_differ(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """The liveness probe is not the readiness probe again."""
    pod = _pod(item)
    for container in pod.main if pod else ():
        liveness, readiness = (get(container.body, probe) for probe in PROBES)
        if liveness is not None and _plain(liveness) == _plain(readiness):
            yield (
                f"{container.title} has one probe for liveness and readiness; give livenessProbe "
                "another path or a higher failureThreshold"
            )


def _plain(value: Any) -> Any:
    """A comparable copy; two proxies are never equal."""
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if hasattr(value, "keys"):
        return {key: _plain(value[key]) for key in value}
    return [_plain(element) for element in value]


@object_policy(
    "workload-resources",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Set resources.requests for cpu and memory and resources.limits for memory and "
    "ephemeral-storage, from measurement.",
    settings={
        "cpuLimit": choice(
            "Whether a CPU limit is required: practice differs, as it throttles latency.",
            "optional",
            "required",
            "forbidden",
        ),
        "ephemeralStorage": flag("Whether an ephemeral-storage limit is required.", default=True),
    },
)
def resources(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """Containers state what they request and what they may use at most."""
    cpu_limit = settings.text("cpuLimit")
    required = [("requests", "cpu"), ("requests", "memory"), ("limits", "memory")]
    if cpu_limit == "required":
        required.append(("limits", "cpu"))
    if settings.flag("ephemeralStorage"):
        required.append(("limits", "ephemeral-storage"))
    for container in item.pod.containers(*_SIZED) if item.pod else ():
        for bound, resource in required:
            if not _stated(container, bound, resource):
                yield f"{container.title} has no resources.{bound}.{resource}; set one"
        if cpu_limit == "forbidden" and _stated(container, "limits", "cpu"):
            yield f"{container.title} has resources.limits.cpu; leave it out, requests are enough"
        yield from _sizes(container)


_SIZED = (ContainerKind.INIT, ContainerKind.MAIN)


def _stated(container: Container, bound: str, resource: str) -> bool:
    return present(container.body, "resources", bound, resource) or (
        resource != "ephemeral-storage" and present(container.pod, "resources", bound, resource)
    )


def _sizes(container: Container) -> Iterator[str]:
    limits = entries(container.body, "resources", "limits")
    requests = entries(container.body, "resources", "requests")
    sizes: dict[tuple[str, str], Decimal] = {}
    for bound, sized in (("requests", requests), ("limits", limits)):
        for resource in sized:
            size = quantity(sized[resource])
            if size is None:
                yield f"{container.title} resources.{bound}.{resource} is not a quantity"
            else:
                sizes[bound, resource] = size
    for resource in requests:
        request, limit = sizes.get(("requests", resource)), sizes.get(("limits", resource))
        if request is not None and limit is not None and request > limit:
            yield (
                f"{container.title} requests more {resource} than its limit; raise "
                f"resources.limits.{resource} or lower the request"
            )


@object_policy(
    "workload-rolling-update",
    kinds=("Deployment", "StatefulSet", "DaemonSet", "Rollout"),
    severity=Severity.MEDIUM,
    fix="Use a rolling update with maxUnavailable below the number of replicas. Recreate is for a "
    "single replica that owns a volume.",
)
def rolling_update(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """An update never takes every replica at once."""
    field = "strategy" if item.kind in {"Deployment", "Rollout"} else "updateStrategy"
    strategy = entries(item.body, "spec", field)
    if item.kind == "Rollout":
        if not strategy:
            yield "spec.strategy is missing; write canary or blueGreen"
        rolling, where = entries(strategy, "canary"), f"{field}.canary"
    else:
        rolling, where = entries(strategy, "rollingUpdate"), f"{field}.rollingUpdate"
    chosen = text(strategy, "type", default="RollingUpdate")
    if chosen == "OnDelete":
        yield f"spec.{field}.type is OnDelete, so an update waits for someone to delete pods"
    if chosen == "Recreate" and not _owns_its_volume(item):
        yield (
            f"spec.{field}.type is Recreate, which stops every replica first; use RollingUpdate, "
            "or one replica with a persistentVolumeClaim that cannot be shared"
        )
    unavailable = get(rolling, "maxUnavailable")
    if unavailable is not None and _is_all(unavailable, item):
        yield f"spec.{where}.maxUnavailable is {unavailable}, every replica; lower it"


def _is_all(unavailable: Any, item: KubernetesObject) -> bool:
    if unavailable == "100%":
        return True
    replicas = int(number(item.body, "spec", "replicas"))
    return replicas > 1 and (count_or_percent(unavailable, replicas) or 0) >= replicas


def _owns_its_volume(item: KubernetesObject) -> bool:
    claims = item.pod is not None and any(
        present(volume, "persistentVolumeClaim") for volume in items(item.pod.spec, "volumes")
    )
    return claims and get(item.body, "spec", "replicas") == 1


@object_policy(
    "workload-graceful-end",
    kinds=("Deployment", "StatefulSet", "Rollout"),
    severity=Severity.MEDIUM,
    fix="Set terminationGracePeriodSeconds above the longest request and the preStop hook.",
)
def graceful_end(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A pod that serves is given the time to finish what it accepted."""
    pod = item.pod
    if pod is None or not any(present(container.body, "ports") for container in pod.main):
        return
    if not present(pod.spec, "terminationGracePeriodSeconds"):
        yield "the pod has no terminationGracePeriodSeconds; state how long it may take to finish"
        return
    grace = number(pod.spec, "terminationGracePeriodSeconds", default=30)
    if grace < 1:
        yield "terminationGracePeriodSeconds is 0, which kills the pod with requests in flight"
    for container in pod.main:
        sleep = _pre_stop_seconds(container)
        if sleep and grace <= sleep:
            yield (
                f"{container.title} sleeps {sleep:g} s in preStop, and the pod is killed after "
                f"{grace:g} s; raise terminationGracePeriodSeconds above both"
            )


def _pre_stop_seconds(container: Container) -> float:
    hook = entries(container.body, "lifecycle", "preStop")
    command = " ".join(str(word) for word in items(hook, "exec", "command"))
    spoken = re.search(r"\bsleep\s+(\d+(?:\.\d+)?)", command)
    return number(hook, "sleep", "seconds", default=float(spoken[1]) if spoken else 0)


@object_policy(
    "job-limits",
    kinds=("Job", "CronJob"),
    severity=Severity.LOW,
    fix="Set backoffLimit and activeDeadlineSeconds; a CronJob also says whether two runs may "
    "overlap and how late one may start.",
    settings={
        "timeToLive": flag("Whether ttlSecondsAfterFinished is required.", default=False),
    },
)
def job_limits(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A job gives up in the end."""
    spec = entries(item.body, "spec")
    if item.kind == "CronJob":
        if get(spec, "concurrencyPolicy", default="Allow") == "Allow":
            yield "spec.concurrencyPolicy is Allow; write Forbid or Replace"
        if not present(spec, "startingDeadlineSeconds"):
            yield "spec.startingDeadlineSeconds is missing; say how late a run may start"
        spec = entries(spec, "jobTemplate", "spec")
    required = ["backoffLimit", "activeDeadlineSeconds"]
    if settings.flag("timeToLive"):
        required.append("ttlSecondsAfterFinished")
    for field in required:
        if not present(spec, field):
            yield f"the job has no {field}; set one"
